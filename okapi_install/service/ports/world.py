"""What the use cases need besides the store: the broker, modules, encryption, concurrency, time."""

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
    """The broker: sends hints that there is work, and aborts."""

    def publish(self, job: JobRef) -> None:
        """Sends the task of the job under its `task_id`. Raises OkapiInstallError if the broker does not respond."""

    def revoke(self, task_id: str) -> None:
        """Tells all workers to terminate that task. Never raises, because the store has the abort."""


class TaskMonitor(Protocol):
    """Whoever watches the tasks of the broker, such as Flower."""

    def stopped(self, task_id: str) -> None:
        """The job of that task was aborted or revoked. Never raises, and does not wait."""


class SolutionFinder(Protocol):
    """Finds solutions for a refused request, within a time limit."""

    def find(self, registry: Registry, wish: Wish, most: int) -> Findings:
        """At most `most` solutions. Raises UserError if an id of the wish cannot be read."""


class Listener(Protocol):
    """Waits for changes of one job."""

    def wait(self, timeout: float) -> bool:
        """Whether a change was reported since the last call. Waits at most `timeout` seconds for one."""

    def tell(self) -> None:
        """Wakes the waiting thread."""


class Notifier(Protocol):
    """Change notifications for jobs. A notification may be lost: waiting clients also poll."""

    def changed(self, job_id: str, *, now: bool = False) -> None:
        """Reports a change of the job. Calls may be combined for some ms, unless `now`."""

    def listen(self, job_id: str) -> AbstractContextManager[Listener]:
        """A listener for changes from now on. Read the store after this call, so that no change is missed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The response of a module: any status, header names in lower case, the body as text."""

    status: int
    headers: Mapping[str, str]
    body: str


class ModuleUnreachable(OkapiInstallError):
    """There was no response: the connection broke or the time was up. `retry` says whether a retry makes sense."""

    code = "module_unreachable"

    def __init__(self, message: str, *, retry: bool = True) -> None:
        super().__init__(message)
        self.retry = retry


class ConnectionRefused(ModuleUnreachable):
    """The module was not reached, so it has not received the call."""

    code = "connection_refused"


class NoAnswerInTime(ModuleUnreachable):
    """The module was reached, but did not respond in time."""

    code = "no_answer_in_time"


class TenantApi(Protocol):
    """The HTTP client for modules."""

    def call(self, method: str, url: str, headers: Mapping[str, str], body: str, timeout: float | None) -> Answer:
        """Makes one call. `timeout` is the total number of seconds, None for no limit.

        Raises:
            ModuleUnreachable: there was no response; also as ConnectionRefused or NoAnswerInTime.
        """


class Crew(Protocol):
    """Runs the steps of one job in parallel."""

    def start(self, pos: int, work: Callable[[], None]) -> None:
        """Starts the work of the step at that position."""

    def finished(self, timeout: float | None = None) -> list[tuple[int, BaseException | None]]:
        """Waits until work has ended, or for so many seconds; all that has ended, with the exception of each."""

    def kill(self) -> None:
        """Interrupts all running work, wherever it waits, and returns when it has ended."""


class Tasks(Protocol):
    """The concurrency of a worker process."""

    def crew(self) -> Crew:
        """A new crew for one job."""

    def current(self) -> Callable[[], None]:
        """A function that interrupts the caller's task with a BaseException when another task calls it."""

    def background(self, work: Callable[[], None]) -> None:
        """Runs work in a task of its own, so that an interruption of the caller does not reach it."""


class Clock(Protocol):
    """Time for waiting. Ownership is never decided by it."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""

    def sleep(self, seconds: float) -> None:
        """Sleeps; under gevent, only the calling greenlet does."""
