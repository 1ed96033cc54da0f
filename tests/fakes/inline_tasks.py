"""Concurrency without any: a step runs when it is started. An interruption is not possible."""

from __future__ import annotations

from collections.abc import Callable


class InlineCrew:
    """See ports.Crew."""

    def __init__(self) -> None:
        self._ended: list[tuple[int, BaseException | None]] = []
        self.killed = False

    def start(self, pos: int, work: Callable[[], None]) -> None:
        """Runs the work now."""
        error: BaseException | None = None
        try:
            work()
        except BaseException as problem:  # noqa: BLE001 - handed to whoever waits for the step
            error = problem
        self._ended.append((pos, error))

    def finished(self, timeout: float | None = None) -> list[tuple[int, BaseException | None]]:
        """What has ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def kill(self) -> None:
        """Nothing runs."""
        self.killed = True


class InlineTasks:
    """See ports.Tasks."""

    def __init__(self) -> None:
        self.interrupted = 0

    def crew(self) -> InlineCrew:
        """A crew that runs things at once."""
        return InlineCrew()

    def current(self) -> Callable[[], None]:
        """Counts the interruptions."""

        def interrupt() -> None:
            self.interrupted += 1

        return interrupt

    def background(self, work: Callable[[], None]) -> None:
        """Runs the work now."""
        work()
