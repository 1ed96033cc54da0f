"""Shows a job while it is followed: as a live table for a person, as lines for a log, or not at all."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from okapi_install.cli.terminal import Terminal
from okapi_install.cli.wording import duration, problem_lines
from okapi_install.client.errors import Unreachable
from okapi_install.client.progress import JobProgress, ModuleProgress


class Screen(Protocol):
    """A Listener of following that also shows the job; a context manager around the time of following."""

    def show(self, job: JobProgress) -> None:
        """The job has changed."""

    def away(self, problem: Unreachable) -> None:
        """The server does not answer."""

    def back(self, seconds: float) -> None:
        """It answers again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def screen_for(terminal: Terminal) -> Screen:
    """The right one for who reads."""
    return LiveScreen() if terminal.is_live else LineScreen(terminal)


class LineScreen:
    """One line when a module begins, and one when it ends."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._known: dict[str, str | None] = {}
        self._status: str | None = None
        self._ended = 0

    def show(self, job: JobProgress) -> None:
        """Tells what is new since the last time."""
        if job.status == "queued" and self._status is None:
            self._terminal.talk("queued: waiting for a worker, or for another job of the tenant")
        self._status = job.status
        for module in job.modules:
            self._tell(module, len(job.modules))

    def _tell(self, module: ModuleProgress, total: int) -> None:
        if self._known.get(module.id) == module.status:
            return
        self._known[module.id] = module.status
        if module.status == "running":
            self._terminal.talk(f"{module.id}: begun")
        elif module.status is not None:
            self._ended += 1
            took = f" after {duration(module.seconds)}" if module.seconds is not None else ""
            self._terminal.talk(f"{module.id}: {module.status}{took} ({self._ended} of {total})")
            for line in problem_lines(module):
                self._terminal.talk(line)

    def away(self, problem: Unreachable) -> None:
        """Says so."""
        self._terminal.warn(away_text(problem))

    def back(self, seconds: float) -> None:
        """Says so."""
        self._terminal.warn(back_text(seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class LiveScreen:
    """The live table on the standard error; it vanishes at the end, when the result is printed."""

    def __init__(self) -> None:
        # Not needed in a pipe, and slow to import.
        from rich.console import Console
        from rich.live import Live

        from okapi_install.cli.live_table import LiveJob

        self._console = Console(stderr=True, highlight=False)
        self._table = LiveJob(self._console)
        self._live = Live(self._table, console=self._console, refresh_per_second=8, transient=True)

    def show(self, job: JobProgress) -> None:
        """Draws it."""
        self._table.show(job)

    def away(self, problem: Unreachable) -> None:
        """Says so above the table."""
        self._console.print(away_text(problem), style="yellow")

    def back(self, seconds: float) -> None:
        """Says so above the table."""
        self._console.print(back_text(seconds), style="yellow")

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def away_text(problem: Unreachable) -> str:
    """What is said when the server goes away."""
    return f"The server is away ({problem.message}). The job does not need this command; trying again …"


def back_text(seconds: float) -> str:
    """What is said when it is back."""
    return f"The server is back after {duration(seconds)}."
