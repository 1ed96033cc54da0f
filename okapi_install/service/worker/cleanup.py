"""What is left to do for a job that was interrupted: aborted, revoked, removed, lost, or its worker stops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from okapi_install.domain.errors import LostJob, NotFound
from okapi_install.domain.jobs import JobStatus, Step, StepStatus
from okapi_install.domain.messages import message
from okapi_install.service.metrics import JOBS_ENDED
from okapi_install.service.ports import Claim, Ending, JobRef, Progress, Tasks
from okapi_install.service.worker.context import Workshop
from okapi_install.service.worker.observer import count_end
from okapi_install.service.worker.step_book import StepBook
from okapi_install.service.worker.step_work import WorkBench

log = structlog.get_logger()

REVOKED = "The job's task was revoked from outside, with Flower or Celery's remote control"


class Remains(Protocol):
    """What a run has left behind."""

    def steps(self) -> Sequence[Step]:
        """The steps as they were last."""

    def wound_up(self, why: str) -> Progress:
        """What is to be committed with the end of the job; steps that were being carried out end for that reason."""


class LostRun:
    """What a worker that is lost has left behind: what it had committed."""

    def __init__(self, claim: Claim) -> None:
        self._book = StepBook(claim.job.steps, lambda: claim.now, {})

    def steps(self) -> Sequence[Step]:
        """See Remains."""
        return list(self._book)

    def wound_up(self, why: str) -> Progress:
        """See Remains."""
        return Progress(steps=tuple(self._book.wound_up(why)))


class Aftermath:
    """Cleans up after interrupted jobs. It only acts while the claim holds, or when the job was removed under it."""

    def __init__(self, shop: Workshop, tasks: Tasks) -> None:
        self._shop = shop
        self._tasks = tasks

    def settle(
        self,
        claim: Claim,
        remains: Remains,
        headers: Mapping[str, str],
        *,
        sole_owner: Callable[[], bool],
        stopping: bool = False,
    ) -> JobRef | None:
        """Ends, removes or gives back the job, as the store says; the tenant's next job, if it is free now.

        `sole_owner` tells whether the lease has lasted until now, so that no other worker can have had the job.
        """
        standing = self._shop.without_end(lambda: self._shop.store.standing(claim))
        if standing is None:
            self._leave(claim, remains.steps(), headers, sole_owner)
            return None
        if standing is JobStatus.RUNNING and stopping:
            return self._give_back(claim)
        self._cancel(claim, remains.steps(), headers)
        try:
            if standing is JobStatus.ABORTING:
                return self._end_abort(claim, remains.steps())
            return self._end_revoked(claim, remains)
        except LostJob:
            return None
        finally:
            self._shop.notifier.changed(claim.job.id, now=True)

    def give_up(self, claim: Claim, remains: Remains, headers: Mapping[str, str], ending: Ending) -> JobRef | None:
        """Ends a job that cannot go on, as soon as the store takes it. Raises LostJob."""
        try:
            self._cancel(claim, remains.steps(), headers)
        except Exception:
            log.exception("modules were not told that their steps are cut short", job=claim.job.id)
        return self._finish(claim, remains, ending)

    def end_outlived(self, claim: Claim) -> JobRef | None:
        """Ends a job that has ended one worker after the other. Its modules are not called any more, not even to stop
        them: that may be what ends workers.
        """
        remains = LostRun(claim)
        text = message(20705, claim.takeovers - 1)
        log.error("job has ended several workers, and is ended", job=claim.job.id, takeovers=claim.takeovers)
        try:
            if claim.aborting:
                return self._end_abort(claim, remains.steps())
            ending = Ending(status=JobStatus.ERROR, message=text, error_status=500, reason="failed")
            return self._finish(claim, remains, ending)
        except LostJob:
            return None

    def _finish(self, claim: Claim, remains: Remains, ending: Ending) -> JobRef | None:
        progress = remains.wound_up(ending.message or "")
        follower = self._shop.without_end(lambda: self._shop.store.finish(claim, ending, progress))
        count_end(self._shop.meters, ending)
        self._shop.notifier.changed(claim.job.id, now=True)
        return follower

    def _leave(
        self, claim: Claim, steps: Sequence[Step], headers: Mapping[str, str], sole_owner: Callable[[], bool]
    ) -> None:
        if not self._was_removed(claim, sole_owner):
            log.info("job is no longer this worker's", job=claim.job.id)
            return
        self._cancel(claim, steps, headers)
        self._shop.meters.count(JOBS_ENDED, outcome="aborted")
        log.info("job aborted: it was removed with its tenant", job=claim.job.id)

    def _was_removed(self, claim: Claim, sole_owner: Callable[[], bool]) -> bool:
        """Whether the job went with its tenant, which may be there again. If not, another worker has or had it."""
        if self._shop.without_end(lambda: self._shop.store.revision(claim.job.id)) is not None:
            return False
        return sole_owner() or not self._shop.without_end(lambda: self._has_tenant(claim.job.tenant))

    def _has_tenant(self, tenant_id: str) -> bool:
        try:
            self._shop.store.tenant(tenant_id)
        except NotFound:
            return False
        return True

    def _give_back(self, claim: Claim) -> JobRef:
        self._shop.without_end(lambda: self._shop.store.release(claim))
        log.info("job is given back, because the worker stops", job=claim.job.id)
        job = claim.job
        return JobRef(id=job.id, tenant=job.tenant, kind=job.kind)

    def _cancel(self, claim: Claim, steps: Sequence[Step], headers: Mapping[str, str]) -> None:
        """Tells the modules whose tenant jobs run. Some only forget the job (RMB); hence the later warning."""
        registry = self._shop.catalog.registry()
        bench = WorkBench(self._shop, claim.job, headers, registry, set(claim.enabled))
        crew, started = self._tasks.crew(), 0
        for step in steps:
            if step.status is not StepStatus.RUNNING or step.tenant_job is None:
                continue
            work, job = bench.work(step, purge=False, remember=lambda *_: None), step.tenant_job
            crew.start(step.pos, lambda work=work, job=job: self._shop.steps.cancel(work, job))  # type: ignore[misc]
            started += 1
        while started > 0:
            started -= len(crew.finished())

    def _end_abort(self, claim: Claim, steps: Sequence[Step]) -> JobRef | None:
        cut = [step.change.id for step in steps if step.status is StepStatus.RUNNING]
        follower = self._shop.without_end(lambda: self._shop.store.end_abort(claim, cut))
        self._shop.meters.count(JOBS_ENDED, outcome="aborted")
        log.info("job aborted", job=claim.job.id, cut_short=cut)
        return follower

    def _end_revoked(self, claim: Claim, remains: Remains) -> JobRef | None:
        ending = Ending(status=JobStatus.ERROR, message=REVOKED, error_status=500, reason="revoked")
        log.warning("job revoked", job=claim.job.id)
        return self._finish(claim, remains, ending)
