"""Why a job waits: no worker is alive, all are full, another job is ahead, or the Okapi beside. And the workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from cachetools import TTLCache

from okapi_install.domain.errors import NotFound
from okapi_install.domain.jobs import Job, JobStatus, StepStatus
from okapi_install.service.jobs.estimates import estimate
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.ports import Clock, InLine, JobStore, WorkerInfo

_FRESH = 1.0
_MOST_AHEAD = 5
"""The start of a job is estimated if at most so many jobs are ahead."""


class WaitCause(StrEnum):
    """Why nothing happens to a job. The first that is true."""

    NO_WORKER = "no_worker"
    """No worker has sent a heartbeat lately."""
    BEHIND_JOB = "behind_job"
    """Jobs of one tenant run one after the other, and others are ahead."""
    WORKERS_FULL = "workers_full"
    """All workers run as many jobs as they can."""
    OKAPI = "okapi"
    """The Okapi beside does not respond, or runs a job of its own for the tenant."""
    STARTING = "starting"
    """A worker is about to take it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Why a job waits. `place` is 1 for the next job of its tenant."""

    cause: WaitCause
    place: int = 1
    behind: str | None = None
    """The id of the job directly ahead; None if there is none."""
    seconds: float | None = None
    """The estimated seconds until it starts; None if nobody knows."""
    full: int = 0
    """How many jobs the workers run, if they are full."""
    why: str | None = None
    """A sentence about what the job waits for in the Okapi beside."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker process, and whether it is alive."""

    info: WorkerInfo
    alive: bool


class WaitingService:
    """Looks up why jobs wait. Thread-safe."""

    def __init__(self, store: JobStore, timings: TimingsService, clock: Clock, *, alive_within: float) -> None:
        """A worker is alive if its heartbeat is at most `alive_within` seconds old."""
        self._store = store
        self._timings = timings
        self._alive_within = alive_within
        self._seen: TTLCache[str, tuple[WorkerView, ...], float] = TTLCache(1, _FRESH, timer=clock.monotonic)
        self._lock = Lock()

    def workers(self) -> tuple[WorkerView, ...]:
        """The worker processes of the last hour, at most a second old."""
        with self._lock:
            found = self._seen.get("workers")
        if found is None:
            found = tuple(WorkerView(each, each.age <= self._alive_within) for each in self._store.workers())
            with self._lock:
                self._seen["workers"] = found
        return found

    def no_worker(self) -> bool:
        """Whether no worker is alive."""
        return not any(worker.alive for worker in self.workers())

    def of(self, job: Job, now: float) -> Waiting | None:
        """Why a job waits, and when it probably starts; None if it does not wait."""
        found = self.of_many([job]).get(job.id)
        if found is None or found.cause is not WaitCause.BEHIND_JOB or found.place > _MOST_AHEAD + 1:
            return found
        return Waiting(cause=found.cause, place=found.place, behind=found.behind, seconds=self._start(job, now))

    def of_many(self, jobs: Sequence[Job]) -> dict[str, Waiting]:
        """Why those of the jobs wait that do, by id, without an estimate of their start. One read for all lines."""
        queued = [job for job in jobs if job.status is JobStatus.QUEUED]
        lines = self._store.lines({job.tenant for job in queued}) if queued else {}
        found = {job.id: self._waiting(job, lines.get(job.tenant, ())) for job in queued}
        running = [job for job in jobs if job.status in (JobStatus.RUNNING, JobStatus.ABORTING)]
        found |= {job.id: Waiting(cause=WaitCause.OKAPI, why=why) for job in running if (why := _of_okapi(job))}
        if any(not job.complete for job in jobs) and self.no_worker():
            found |= {job.id: Waiting(cause=WaitCause.NO_WORKER) for job in running}
        return found

    def _waiting(self, job: Job, line: Sequence[InLine]) -> Waiting:
        ahead = [each.id for each in line]
        ahead = ahead[: ahead.index(job.id)] if job.id in ahead else []
        place, behind = len(ahead) + 1, ahead[-1] if ahead else None
        if self.no_worker():
            return Waiting(cause=WaitCause.NO_WORKER, place=place, behind=behind)
        if behind is not None:
            return Waiting(cause=WaitCause.BEHIND_JOB, place=place, behind=behind)
        full = self._full()
        return Waiting(cause=WaitCause.WORKERS_FULL if full else WaitCause.STARTING, full=full)

    def _full(self) -> int:
        """How many jobs the workers run, if none can take another one; else 0."""
        alive = [worker.info for worker in self.workers() if worker.alive]
        if all(each.concurrency is not None and each.jobs >= each.concurrency for each in alive):
            return sum(each.jobs for each in alive)
        return 0

    def _start(self, job: Job, now: float) -> float | None:
        """The sum of what the jobs ahead still take; None if one of them has no figure."""
        line = [each.id for each in self._store.lines({job.tenant}).get(job.tenant, ())]
        total = 0.0
        for job_id in line[: line.index(job.id)] if job.id in line else ():
            try:
                ahead = self._store.job(job_id)
            except NotFound:
                return None
            told = estimate(ahead, self._timings.usual(ahead), now)
            if told is None or told.seconds is None:
                return None
            total += told.seconds
        return total


def _of_okapi(job: Job) -> str | None:
    """What a job waits for in the Okapi beside, if none of its modules runs meanwhile."""
    reasons = [step.waiting_for for step in job.steps if step.status is StepStatus.RUNNING]
    return job.waiting_for or (reasons[0] if reasons and all(reasons) else None)
