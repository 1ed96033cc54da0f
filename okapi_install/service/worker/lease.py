"""A worker's right to run a job, for as long as its heartbeats renew it.

Every write about a claimed job goes through its lease. The store checks owner and epoch with each write, so a worker
that has lost the job changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from okapi_install.domain.errors import LostJob
from okapi_install.domain.history import JobEvent
from okapi_install.domain.jobs import Job, JobStatus, Problem
from okapi_install.service.jobs.planning import Planned
from okapi_install.service.observer import JobObserver
from okapi_install.service.ports import Claim, Clock, Ending, JobRef, JobStore, Progress
from okapi_install.service.worker.job_steps import JobSteps
from okapi_install.service.worker.store_retries import Patience


@dataclass(kw_only=True, slots=True)
class Lease:
    """One claim of a job.

    `headers` are those of the request that modules get. `confirmed` is when the store last confirmed the
    claim, by the worker's clock (the time of the request), and `claimed` the first such time. `interrupt` ends the task
    that runs the job.
    """

    claim: Claim
    headers: dict[str, str]
    seconds: float
    claimed: float
    confirmed: float
    interrupt: Callable[[], None]
    store: JobStore
    retries: Patience
    observer: JobObserver
    clock: Clock
    closed: bool = field(default=False, init=False)
    _writing: Lock = field(default_factory=Lock, init=False)

    @property
    def job(self) -> Job:
        """The job as it was claimed."""
        return self.claim.job

    @property
    def unbroken(self) -> bool:
        """Whether it has not expired, so that no other worker can have had the job since it was confirmed."""
        return self.clock.monotonic() - self.confirmed <= self.seconds

    def now(self) -> float:
        """The store's time, estimated without a query."""
        return self.claim.now + self.clock.monotonic() - self.claimed

    def close(self) -> None:
        """Ends all calls of modules under this lease: `check` raises from now on."""
        self.closed = True

    def check(self) -> None:
        """Called before each call of a module, because a worker that was frozen may have lost the job meanwhile.

        Raises:
            LostJob: the job is lost, or the lease is closed.
        """
        if self.closed:
            raise LostJob(self.job.id)
        if not self.unbroken and self.retries(lambda: self.store.standing(self.claim)) is not JobStatus.RUNNING:
            raise LostJob(self.job.id)

    def standing(self) -> JobStatus | None:
        """The job's status while the claim is valid (RUNNING or ABORTING); else None."""
        return self.retries.without_end(lambda: self.store.standing(self.claim))

    def save(self, steps: JobSteps, progress: Progress) -> None:
        """Commits progress. Raises LostJob, and StoreNotWritable if the store has refused writes for too long."""
        with_events = _with_events(steps, progress)
        self.retries(lambda: self.store.save(self.claim, with_events))
        steps.committed(progress.steps)
        self.observer.job_changed(self.job.id)

    def save_running(self, steps: JobSteps, pos: int) -> None:
        """Commits the newest value of a running step. The step and the job's task do so one after the other."""
        with self._writing:
            self.save(steps, Progress(steps=(steps[pos],)))

    def warn(self, warnings: Sequence[Problem], *events: JobEvent) -> None:
        """Commits the warnings about the job as a whole, and events for its history. Raises as `save`."""
        self.retries(lambda: self.store.warn(self.claim, warnings, events))
        self.observer.job_changed(self.job.id)

    def replan(self, planned: Planned) -> None:
        """Replaces the steps of a job of which none has started. Raises as `save`."""
        self.retries(lambda: self.store.replan(self.claim, planned.steps, planned.edges, planned.assumed))

    def finish(self, steps: JobSteps, ending: Ending, progress: Progress) -> JobRef | None:
        """Ends the job, with retries until the store accepts it; the tenant's next job. Raises LostJob."""
        with_events = _with_events(steps, progress)
        return self.retries.without_end(lambda: self.store.finish(self.claim, ending, with_events))

    def end_abort(self, steps: JobSteps, leftovers: Mapping[str, str], progress: Progress) -> JobRef | None:
        """Ends an aborted job, with warnings for the next job by module; the tenant's next job. Raises LostJob."""
        with_events = _with_events(steps, progress)
        return self.retries.without_end(lambda: self.store.end_abort(self.claim, leftovers, with_events))

    def release(self) -> None:
        """Releases the job for another worker."""
        self.retries.without_end(lambda: self.store.release(self.claim))


def _with_events(steps: JobSteps, progress: Progress) -> Progress:
    return replace(progress, events=steps.events(progress.steps))
