"""What is left to do for a job that was interrupted: aborted, revoked, lost, or its worker stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from okapi_install.domain.errors import LostJob
from okapi_install.domain.jobs import JobStatus, Problem, Stage, Step, StepStatus
from okapi_install.service.meters import JOBS_ENDED
from okapi_install.service.ports import Claim, Ending, JobRef, Progress, Tasks
from okapi_install.service.step_work import WorkBench
from okapi_install.service.tally import count_end
from okapi_install.service.workshop import Workshop

log = structlog.get_logger()

REVOKED = "The job's task was revoked from outside, with Flower or Celery's remote control"


class Aftermath:
    """Cleans up after interrupted jobs. It only acts while the claim holds."""

    def __init__(self, shop: Workshop, tasks: Tasks) -> None:
        self._shop = shop
        self._tasks = tasks

    def settle(
        self, claim: Claim, steps: Sequence[Step], headers: Mapping[str, str], *, stopping: bool
    ) -> JobRef | None:
        """Ends, removes or gives back the job, as the store says; the tenant's next job, if it is free now."""
        standing = self._shop.patiently(lambda: self._shop.store.standing(claim))
        if standing is None:
            log.info("job is no longer this worker's", job=claim.job.id)
            return None
        if standing is JobStatus.RUNNING and stopping:
            return self._give_back(claim)
        self._cancel(claim, steps, headers)
        try:
            if standing is JobStatus.ABORTING:
                return self._end_abort(claim, steps)
            return self._end_revoked(claim, steps)
        except LostJob:
            return None
        finally:
            self._shop.notifier.changed(claim.job.id, now=True)

    def give_up(self, claim: Claim, steps: Sequence[Step], ending: Ending) -> JobRef | None:
        """Ends a job that cannot go on, as soon as the store takes it."""
        progress = Progress(steps=tuple(_cut_short(steps, ending.message or "")))
        try:
            follower = self._shop.patiently(lambda: self._shop.store.finish(claim, ending, progress))
            count_end(self._shop.meters, ending)
            return follower
        except LostJob:
            return None
        finally:
            self._shop.notifier.changed(claim.job.id, now=True)

    def _give_back(self, claim: Claim) -> JobRef:
        self._shop.patiently(lambda: self._shop.store.release(claim))
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
        follower = self._shop.patiently(lambda: self._shop.store.end_abort(claim, cut))
        self._shop.meters.count(JOBS_ENDED, outcome="aborted")
        log.info("job aborted", job=claim.job.id, cut_short=cut)
        return follower

    def _end_revoked(self, claim: Claim, steps: Sequence[Step]) -> JobRef | None:
        ending = Ending(status=JobStatus.ERROR, message=REVOKED, error_status=500, reason="revoked")
        log.warning("job revoked", job=claim.job.id)
        return self.give_up(claim, steps, ending)


def _cut_short(steps: Sequence[Step], why: str) -> list[Step]:
    problem = Problem(message=why, type="error", code="cut_short")
    return [
        replace(step, stage=Stage.INVOKE, status=StepStatus.ERROR, message=why, errors=(problem,), tenant_job=None)
        for step in steps
        if step.status is StepStatus.RUNNING
    ]
