"""Health of the store, the broker, the workers, and the Okapi beside this service. The response is in time even if one
of them hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import structlog

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.ports import JobStore

log = structlog.get_logger()

PATIENCE = 0.7
"""Seconds for all checks together. They run in parallel."""
_FRESH = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One part and its problem, None if it has none. It is public, so it has no host name, address or detail.

    `note` is what it does at the moment, if that is worth knowing.
    """

    part: str
    problem: str | None
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OkapiHealth:
    """The Okapi beside this service: what is wrong with it, and what this process does with it."""

    problem: Callable[[], str | None]
    note: Callable[[], str | None]


class HealthService:
    """Runs the checks. However many requests ask, each check runs only once at a time."""

    def __init__(
        self,
        store: JobStore,
        ping_broker: Callable[[], None],
        alive_within: float,
        okapi: OkapiHealth | None = None,
    ) -> None:
        self._store = store
        self._ping_broker = ping_broker
        self._alive_within = alive_within
        self._notes = {"okapi": okapi.note} if okapi else {}
        checks = {"store": self._check_store, "broker": self._check_broker, "workers": self._check_workers}
        if okapi is not None:
            checks["okapi"] = okapi.problem
        self._checks = {part: _SingleCheck(check) for part, check in checks.items()}

    def findings(self) -> list[Finding]:
        """The findings of all checks, in less than a second."""
        until = time.monotonic() + PATIENCE
        running = {part: check.start() for part, check in self._checks.items()}
        return [Finding(part, _outcome(future, until), self._note(part)) for part, future in running.items()]

    def _note(self, part: str) -> str | None:
        return self._notes[part]() if part in self._notes else None

    def _check_store(self) -> str | None:
        try:
            self._store.revisions(["none"])
        except OkapiInstallError:
            return "The database does not respond"
        return None

    def _check_broker(self) -> str | None:
        try:
            self._ping_broker()
        except OkapiInstallError:
            return "The broker does not respond"
        return None

    def _check_workers(self) -> str | None:
        try:
            workers = self._store.census().workers
        except OkapiInstallError:
            return "The heartbeats of workers cannot be read"
        if any(worker.age < self._alive_within for worker in workers):
            return None
        return f"No worker has sent a heartbeat within {self._alive_within:g} seconds"


class _SingleCheck:
    """A check that runs in its own thread. Its result is reused for a second."""

    def __init__(self, check: Callable[[], str | None]) -> None:
        self._check = check
        self._thread = ThreadPoolExecutor(1, "health")
        self._lock = Lock()
        self._last: Future[str | None] | None = None
        self._ended = 0.0

    def start(self) -> Future[str | None]:
        """The run in progress or the one that has just ended; else starts a new one."""
        with self._lock:
            if self._last is None or (self._last.done() and time.monotonic() - self._ended > _FRESH):
                self._last = self._thread.submit(self._run)
            return self._last

    def _run(self) -> str | None:
        try:
            return self._check()
        finally:
            self._ended = time.monotonic()


def _outcome(future: Future[str | None], until: float) -> str | None:
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        return f"It did not respond within {PATIENCE:g} seconds"
    except Exception:
        log.exception("a check of the service's health failed")
        return "It could not be checked; the log of the server has the reason"
