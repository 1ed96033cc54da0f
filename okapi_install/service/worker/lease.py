"""A worker's right to run a job, for as long as its heartbeats renew it.

Everything that is written about a claimed job goes through its lease. The store checks owner and epoch with each write,
so that a worker that has lost the job changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from okapi_install.domain.errors import LostJob
from okapi_install.domain.jobs import Job, JobStatus
from okapi_install.service.jobs.planning import Planned
from okapi_install.service.observer import JobObserver
from okapi_install.service.ports import Claim, Clock, Ending, JobRef, JobStore, Progress
from okapi_install.service.worker.job_steps import JobSteps
from okapi_install.service.worker.store_retries import Patience


@dataclass(kw_only=True, slots=True)
class Lease:
    """One claim of a job.

    `headers` are those of the request that modules get. `confirmed` is when the store was last asked with the answer
    that the claim holds, by the worker's clock, and `claimed` the first such moment. `interrupt` ends the task that
    runs the job.
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
        """Whether it has lasted until now, so that no other worker can have had the job since it was confirmed."""
        return self.clock.monotonic() - self.confirmed <= self.seconds

    def now(self) -> float:
        """The store's time, as far as this worker can tell without asking."""
        return self.claim.now + self.clock.monotonic() - self.claimed

    def close(self) -> None:
        """No module is called under it any more."""
        self.closed = True

    def check(self) -> None:
        """Before a module is called: a worker that was frozen does not know yet that it has lost the job.

        Raises:
            LostJob: it has, or the lease is closed.
        """
        if self.closed:
            raise LostJob(self.job.id)
        if not self.unbroken and self.retries(lambda: self.store.standing(self.claim)) is not JobStatus.RUNNING:
            raise LostJob(self.job.id)

    def standing(self) -> JobStatus | None:
        """The job's status while the claim holds (RUNNING or ABORTING); None when another worker has it, or nobody."""
        return self.retries.without_end(lambda: self.store.standing(self.claim))

    def save(self, steps: JobSteps, progress: Progress) -> None:
        """Commits progress. Raises LostJob, and StoreNotWritable when the store has refused it for too long."""
        self.retries(lambda: self.store.save(self.claim, progress))
        steps.committed(progress.steps)
        self.observer.job_changed(self.job.id)

    def save_running(self, steps: JobSteps, pos: int) -> None:
        """Commits the newest value of a step that runs. The step and the job's task do so, one after the other."""
        with self._writing:
            self.save(steps, Progress(steps=(steps[pos],)))

    def replan(self, planned: Planned) -> None:
        """Replaces the steps of a job of which none has started. Raises as `save`."""
        self.retries(lambda: self.store.replan(self.claim, planned.steps, planned.edges, planned.assumed))

    def finish(self, ending: Ending, progress: Progress) -> JobRef | None:
        """Ends the job, however long the store needs to take that; the tenant's next job. Raises LostJob."""
        return self.retries.without_end(lambda: self.store.finish(self.claim, ending, progress))

    def end_abort(self, cut_short: Sequence[str]) -> JobRef | None:
        """Ends an aborted job in which those modules were cut short; the tenant's next job. Raises LostJob."""
        return self.retries.without_end(lambda: self.store.end_abort(self.claim, cut_short))

    def release(self) -> None:
        """Gives the job back for another worker."""
        self.retries.without_end(lambda: self.store.release(self.claim))
