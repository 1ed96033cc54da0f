"""Concurrency in a worker process, with greenlets. A greenlet can be killed wherever it waits."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import structlog
from gevent.event import Event
from gevent.pool import Group

log = structlog.get_logger()


class GreenletCrew:
    """Runs the steps of one job, each in a greenlet; implements ports.Crew."""

    def __init__(self) -> None:
        self._group = Group()
        self._ended: list[tuple[int, BaseException | None]] = []
        self._wake = Event()

    def start(self, pos: int, work: Callable[[], None]) -> None:
        """Runs the work of the step at that position in a greenlet."""
        self._group.spawn(self._run, pos, work)

    def _run(self, pos: int, work: Callable[[], None]) -> None:
        error: BaseException | None = None
        try:
            work()
        except gevent.GreenletExit:
            return
        except BaseException as problem:  # noqa: BLE001 (passed to whoever waits for the step)
            error = problem
        self._ended.append((pos, error))
        self._wake.set()

    def finished(self, timeout: float | None = None) -> list[tuple[int, BaseException | None]]:
        """The steps that have ended, with their errors. Waits for the first one, at most `timeout` seconds."""
        self._wake.wait(timeout)
        self._wake.clear()
        ended, self._ended = self._ended, []
        return ended

    def kill(self) -> None:
        """Kills all running steps and waits until they have ended."""
        self._group.kill(block=True, timeout=10)


class GreenletTasks:
    """Runs crews and background work in greenlets; implements ports.Tasks."""

    def __init__(self) -> None:
        self._background = Group()

    def crew(self) -> GreenletCrew:
        """A new crew for one job."""
        return GreenletCrew()

    def current(self) -> Callable[[], None]:
        """A function that interrupts the calling greenlet with GreenletExit."""
        greenlet = gevent.getcurrent()

        def interrupt() -> None:
            gevent.kill(greenlet)

        return interrupt

    def background(self, work: Callable[[], None]) -> None:
        """Runs work in a greenlet of its own."""
        self._background.spawn(self._guarded, work)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("background work failed")

    def every(self, seconds: float, work: Callable[[], None]) -> None:
        """Runs work repeatedly until the process ends, with a pause of `seconds` after each run."""

        def loop() -> None:
            while True:
                gevent.sleep(seconds)
                self._guarded(work)

        gevent.spawn(loop)

    def join(self, timeout: float) -> None:
        """Waits for the background work, at most `timeout` seconds."""
        self._background.join(timeout=timeout)
