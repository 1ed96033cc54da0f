"""Polls the store for all waiting clients together: a thousand of them cost one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

import structlog

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.domain.jobs import JobStatus
from okapi_install.service.ports import JobStore, Listener

log = structlog.get_logger()

Seen = tuple[int, JobStatus]
LONGEST_WAIT = 15.0
"""Seconds after which a client polls by itself, in case the shared thread has failed."""


class JobWatch:
    """The shared poll. Thread-safe; its own thread runs only while a client waits."""

    def __init__(self, store: JobStore, every: float) -> None:
        self._store = store
        self._every = every
        self._lock = Lock()
        self._waiting: dict[Listener, tuple[str, Seen]] = {}
        self._thread: Thread | None = None

    def wait(self, listener: Listener, job_id: str, seen: Seen, timeout: float) -> None:
        """Waits until the job differs from what the client has seen, the listener is notified, or the timeout."""
        with self._watched(listener, job_id, seen):
            listener.wait(min(timeout, LONGEST_WAIT))

    @contextmanager
    def _watched(self, listener: Listener, job_id: str, seen: Seen) -> Iterator[None]:
        with self._lock:
            self._waiting[listener] = job_id, seen
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._look_again_and_again, name="job watch", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._waiting[listener]

    def _look_again_and_again(self) -> None:
        pause = Event()
        while True:
            pause.wait(self._every)
            with self._lock:
                waiting = list(self._waiting.items())
                if not waiting:
                    self._thread = None
                    return
            found = self._look({job_id for _, (job_id, _) in waiting})
            for listener, (job_id, seen) in waiting:
                if found is None or found.get(job_id) != seen:
                    listener.tell()

    def _look(self, job_ids: Collection[str]) -> dict[str, Seen] | None:
        """The current revisions; None if the store does not respond. Then each client polls by itself."""
        try:
            return self._store.revisions(job_ids)
        except OkapiInstallError as problem:
            log.debug("the jobs that clients wait for could not be read from the store", cause=problem.message)
            return None
