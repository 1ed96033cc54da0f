"""The concurrency of a worker process: greenlets. A greenlet can be ended at any point where it waits."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import structlog
from gevent.event import Event
from gevent.pool import Group

log = structlog.get_logger()


class GreenletCrew:
    """The steps of one job, each a greenlet."""

    def __init__(self) -> None:
        self._group = Group()
        self._ended: list[tuple[int, BaseException | None]] = []
        self._wake = Event()

    def start(self, pos: int, work: Callable[[], None]) -> None:
        """See ports.Crew."""
        self._group.spawn(self._run, pos, work)

    def _run(self, pos: int, work: Callable[[], None]) -> None:
        error: BaseException | None = None
        try:
            work()
        except gevent.GreenletExit:
            return
        except BaseException as problem:  # noqa: BLE001 (handed to whoever waits for the step)
            error = problem
        self._ended.append((pos, error))
        self._wake.set()

    def finished(self, timeout: float | None = None) -> list[tuple[int, BaseException | None]]:
        """See ports.Crew."""
        self._wake.wait(timeout)
        self._wake.clear()
        ended, self._ended = self._ended, []
        return ended

    def kill(self) -> None:
        """See ports.Crew."""
        self._group.kill(block=True, timeout=10)


class GreenletTasks:
    """See ports.Tasks."""

    def __init__(self) -> None:
        self._background = Group()

    def crew(self) -> GreenletCrew:
        """A new crew for one job."""
        return GreenletCrew()

    def current(self) -> Callable[[], None]:
        """What interrupts the calling greenlet with GreenletExit."""
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
        """Runs work again and again, `seconds` between its ends and its next begin, until the process ends."""

        def loop() -> None:
            while True:
                gevent.sleep(seconds)
                self._guarded(work)

        gevent.spawn(loop)

    def join(self, timeout: float) -> None:
        """Waits for the background work, that many seconds at most."""
        self._background.join(timeout=timeout)
