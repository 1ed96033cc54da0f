"""What the use cases need of the rest of the world: the broker, modules, encryption, concurrency, time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.solutions.search import Findings
from okapi_install.domain.solutions.wish import Wish
from okapi_install.service.ports.values import JobRef


class Queue(Protocol):
    """The broker: hints that there is work, and the carrying of aborts."""

    def publish(self, job: JobRef) -> None:
        """Sends the task of the job under its `task_id`. Raises OkapiInstallError if the broker does not answer."""

    def revoke(self, task_id: str) -> None:
        """Tells all workers to terminate that task. Does not raise: the store knows."""


class SolutionFinder(Protocol):
    """Looks for solutions where a request is refused; bounded in time."""

    def find(self, registry: Registry, wish: Wish, most: int) -> Findings:
        """At most `most` solutions. Raises UserError if an id of the wish cannot be read."""


class Listener(Protocol):
    """One who waits for changes of one job."""

    def wait(self, timeout: float) -> bool:
        """Waits until a change is told that came after the last call, `timeout` seconds at most; whether one came."""

    def tell(self) -> None:
        """Wakes whoever waits."""


class Notifier(Protocol):
    """Wakes those who wait for a change of a job. It may lose a call: those who wait look anyway."""

    def changed(self, job_id: str, *, now: bool = False) -> None:
        """The job has changed. Calls may be put together for some ms, unless `now`."""

    def listen(self, job_id: str) -> AbstractContextManager[Listener]:
        """Changes from here on wake the listener. Look into the store after this, so that none is missed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a module answered: any status; header names in lower case; the body as text."""

    status: int
    headers: Mapping[str, str]
    body: str


class ModuleUnreachable(OkapiInstallError):
    """No answer came: the connection broke or the time was up. `retry` tells whether trying again makes sense."""

    code = "module_unreachable"

    def __init__(self, message: str, *, retry: bool = True) -> None:
        super().__init__(message)
        self.retry = retry


class ConnectionRefused(ModuleUnreachable):
    """The module was not reached at all, so it has not seen the call."""

    code = "connection_refused"


class NoAnswerInTime(ModuleUnreachable):
    """The module was reached, and the time was up before it answered."""

    code = "no_answer_in_time"


class TenantApi(Protocol):
    """One HTTP call of a module."""

    def call(self, method: str, url: str, headers: Mapping[str, str], body: str, timeout: float | None) -> Answer:
        """One call. `timeout` is the seconds for all of it, None for ever.

        Raises:
            ModuleUnreachable: also as ConnectionRefused or NoAnswerInTime.
        """


class Crew(Protocol):
    """Runs the steps of one job side by side."""

    def start(self, pos: int, work: Callable[[], None]) -> None:
        """Begins the work of the step at that position."""

    def finished(self, timeout: float | None = None) -> list[tuple[int, BaseException | None]]:
        """Waits until something has ended, or for so many seconds; all that has ended, with what it raised."""

    def kill(self) -> None:
        """Ends all that runs, at whatever point it waits, and returns when it has ended."""


class Tasks(Protocol):
    """The concurrency of a worker process."""

    def crew(self) -> Crew:
        """A new crew for one job."""

    def current(self) -> Callable[[], None]:
        """What, when called from elsewhere, interrupts the caller's task with a BaseException."""

    def background(self, work: Callable[[], None]) -> None:
        """Runs work on its own, so that an interruption of the caller does not reach it."""


class Clock(Protocol):
    """Time for waiting; never for deciding who owns what."""

    def monotonic(self) -> float:
        """Seconds from some fixed moment."""

    def sleep(self, seconds: float) -> None:
        """Waits; on gevent only the calling greenlet."""
