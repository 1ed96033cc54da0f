"""Follows a job to its end, also while the server is unavailable. It prints nothing; a Listener does."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from okapi_install.client.errors import NotFound, Unreachable
from okapi_install.client.okapi import JobRef, OkapiClient
from okapi_install.client.progress import JobProgress, ModuleProgress

LONG_POLL = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
"""Not done with tenacity, as elsewhere: importing it takes longer than printing the command's help."""
_PLAIN_PAUSE, _LONGEST_PLAIN_PAUSE = 0.2, 2.0


class Listener(Protocol):
    """Gets notified of connection problems while a job is followed."""

    def unavailable(self, problem: Unreachable) -> None:
        """The server has become unavailable; the request is retried. Called once for each outage."""

    def available_again(self, seconds: float) -> None:
        """The server is available again, after so many seconds."""


class JobGone(NotFound):
    """The job no longer exists: it was deleted, or a plain Okapi was restarted."""

    kind = "gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """The clock and the pauses, which tests replace. `patience` is how many seconds a server may be unavailable."""

    patience: float = 600.0
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Trouble:
    """One outage of the server: paces the retries, notifies the listener, and gives up when `patience` is used up."""

    def __init__(self, listener: Listener, pace: Pace) -> None:
        self._listener = listener
        self._pace = pace
        self._since: float | None = None
        self._pause = _FIRST_PAUSE

    def wait(self, problem: Unreachable) -> bool:
        """Pauses before a retry. False if `patience` is used up, and the request should not be retried."""
        now = self._pace.now()
        if self._since is None:
            self._since = now
            self._listener.unavailable(problem)
        left = self._since + self._pace.patience - now
        if left <= 0:
            return False
        self._pace.sleep(min(self._pause * random.uniform(0.5, 1.0), left))  # noqa: S311 - only spread in time
        self._pause = min(self._pause * 1.5, _LONGEST_PAUSE)
        return True

    def over(self) -> None:
        """Ends the outage: the server has responded."""
        if self._since is None:
            return
        self._listener.available_again(self._pace.now() - self._since)
        self._since, self._pause = None, _FIRST_PAUSE


class Stopwatch:
    """Measures how long modules take, for a plain Okapi, which does not report it: from the first to the last sight."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def filled(self, job: JobProgress) -> JobProgress:
        """The job with the times that were measured filled in."""
        if job.detailed:
            return job
        return replace(job, modules=tuple(self._module(m) for m in job.modules))

    def _module(self, module: ModuleProgress) -> ModuleProgress:
        now = self._now()
        if module.status == "running":
            began = self._began.setdefault(module.id, now)
            return replace(module, seconds=now - began)
        if module.id not in self._began:
            return module
        return replace(module, seconds=self._took.setdefault(module.id, now - self._began[module.id]))


def follow(client: OkapiClient, ref: JobRef, listener: Listener, pace: Pace) -> Iterator[JobProgress]:
    """Yields the job now, at every change, and at its end.

    Raises:
        JobGone: the job no longer exists.
        Unreachable: the server was unavailable for longer than `patience`.
        ClientError: anything else.
    """
    trouble, watch = Trouble(listener, pace), Stopwatch(pace.now)
    last: JobProgress | None = None
    pause = _PLAIN_PAUSE
    while last is None or not last.complete:
        try:
            job = client.job(ref, wait=LONG_POLL, revision=last.revision if last else None)
        except Unreachable as problem:
            if not trouble.wait(problem):
                raise
            continue
        except NotFound as problem:
            raise _gone(problem, last) from problem
        trouble.over()
        changed = last is None or _changed(job, last)
        last = watch.filled(job)
        yield last
        pause = _PLAIN_PAUSE if changed else min(pause * 1.2, _LONGEST_PLAIN_PAUSE)
        # A long poll without news has already waited, unless a proxy cut it short.
        if not job.complete and not (job.detailed and changed):
            pace.sleep(pause)


def _changed(job: JobProgress, last: JobProgress) -> bool:
    return job.revision != last.revision if job.detailed else job.document != last.document


def _gone(problem: NotFound, last: JobProgress | None) -> NotFound:
    if last is None:
        return problem
    if last.detailed:
        return JobGone(f"job {last.id} no longer exists: it was aborted and deleted", 404)
    return JobGone(f"job {last.id} no longer exists: a plain Okapi keeps jobs in memory, and was restarted", 404)
