"""A queue and a notifier that remember."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from okapi_install.service.ports import JobRef


class RememberingQueue:
    """See ports.Queue."""

    def __init__(self) -> None:
        self.published: list[JobRef] = []
        self.revoked: list[str] = []

    def publish(self, job: JobRef) -> None:
        """Remembers the job."""
        self.published.append(job)

    def revoke(self, task_id: str) -> None:
        """Remembers the task."""
        self.revoked.append(task_id)


class Unwaiting:
    """See ports.Listener."""

    def wait(self, timeout: float) -> bool:
        """Does not wait."""
        return False

    def tell(self) -> None:
        """Nobody waits."""


class SilentNotifier:
    """See ports.Notifier."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def changed(self, job_id: str, *, now: bool = False) -> None:
        """Remembers the job."""
        self.told.append(job_id)

    @contextmanager
    def listen(self, job_id: str) -> Iterator[Unwaiting]:
        """A listener that does not wait."""
        yield Unwaiting()
