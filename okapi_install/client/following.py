"""Follows a job to its end, through times when the server does not answer. It prints nothing; see Listener."""

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
"""Not by tenacity, as elsewhere: to import it takes the command longer than all of its help."""
_PLAIN_PAUSE, _LONGEST_PLAIN_PAUSE = 0.2, 2.0


class Listener(Protocol):
    """Who wants to hear of trouble on the way."""

    def away(self, problem: Unreachable) -> None:
        """The server does not answer any more; it will be asked again. Told once."""

    def back(self, seconds: float) -> None:
        """It answers again, after that time."""


class JobGone(NotFound):
    """The job was there, and is not any more: it was deleted, or a plain Okapi was started anew."""

    kind = "gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Time, so that tests need none. `patience` is how long in seconds a server may be away."""

    patience: float = 600.0
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Trouble:
    """One time of absence: counts it, tells of it once, and gives up when patience is out."""

    def __init__(self, listener: Listener, pace: Pace) -> None:
        self._listener = listener
        self._pace = pace
        self._since: float | None = None
        self._pause = _FIRST_PAUSE

    def wait(self, problem: Unreachable) -> bool:
        """Waits a while; whether it is worth to ask again."""
        now = self._pace.now()
        if self._since is None:
            self._since = now
            self._listener.away(problem)
        left = self._since + self._pace.patience - now
        if left <= 0:
            return False
        self._pace.sleep(min(self._pause * random.uniform(0.5, 1.0), left))  # noqa: S311 - only spread in time
        self._pause = min(self._pause * 1.5, _LONGEST_PAUSE)
        return True

    def over(self) -> None:
        """The server has answered."""
        if self._since is None:
            return
        self._listener.back(self._pace.now() - self._since)
        self._since, self._pause = None, _FIRST_PAUSE


class Stopwatch:
    """Fills in how long modules take where the server, a plain Okapi, does not tell: as long as they were seen."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def filled(self, job: JobProgress) -> JobProgress:
        """The job with times."""
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
    """The job now, at every change, and at its end.

    Raises:
        JobGone: it was there and is not any more.
        Unreachable: the server was away for longer than patience lasts.
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
        # A long poll that brings nothing new has waited already, unless something in between cuts it short.
        if not job.complete and not (job.detailed and changed):
            pace.sleep(pause)


def _changed(job: JobProgress, last: JobProgress) -> bool:
    return job.revision != last.revision if job.detailed else job.document != last.document


def _gone(problem: NotFound, last: JobProgress | None) -> NotFound:
    if last is None:
        return problem
    if last.detailed:
        return JobGone(f"job {last.id} is gone: it was aborted and deleted", 404)
    return JobGone(f"job {last.id} is gone: a plain Okapi keeps jobs in memory, and was started anew", 404)
