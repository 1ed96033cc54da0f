"""Cleans up after an interrupted job: aborted, revoked, removed, lost, or its worker stops."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from okapi_install.domain import messages, recording_messages
from okapi_install.domain.errors import ErrorType, LostJob, NotFound
from okapi_install.domain.jobs import EndReason, JobStatus, Stage, Step, StepStatus
from okapi_install.service.ports import REVOKED, Crew, Ending, JobRef, Progress, Tasks
from okapi_install.service.worker.context import WorkerContext
from okapi_install.service.worker.job_steps import JobSteps, progress_of
from okapi_install.service.worker.lease import Lease
from okapi_install.service.worker.recording import record_when_stopped
from okapi_install.service.worker.step import StepRun

log = structlog.get_logger()


_LOOK = 0.02
"""Seconds between two checks for outstanding responses."""


class Cleanup:
    """Cleans up after interrupted jobs. It only acts while the lease is valid, or if the job was removed meanwhile.

    It relies on the steps in memory, even if their last changes could not be committed.
    """

    def __init__(self, context: WorkerContext, tasks: Tasks) -> None:
        self._context = context
        self._tasks = tasks

    def stop(self, lease: Lease, steps: JobSteps, crew: Crew) -> None:
        """Stops the steps of a job.

        A step whose module may be about to return a tenant job gets a moment to receive it, because a tenant job can
        only be cancelled by its id.
        """
        lease.close()
        clock = self._context.clock
        until = clock.monotonic() + self._context.policy.interrupt_grace
        while steps.calling and clock.monotonic() < until:
            clock.sleep(_LOOK)
        crew.kill()

    def settle(self, lease: Lease, steps: JobSteps, *, stopping: bool = False) -> JobRef | None:
        """Ends, removes or releases the job, depending on its state in the store; the tenant's next job, if any."""
        standing = lease.standing()
        if standing is None:
            self._leave(lease, steps)
            return None
        if standing is JobStatus.RUNNING and stopping:
            return self._give_back(lease, steps)
        self._cancel(lease, steps)
        try:
            record_when_stopped(self._context, lease, steps)
            if standing is JobStatus.ABORTING:
                return self._end_abort(lease, steps)
            ending = REVOKED
            return self._finish(lease, steps, ending)
        except LostJob:
            return None

    def give_up(self, lease: Lease, steps: JobSteps, ending: Ending) -> JobRef | None:
        """Ends a job that cannot continue, as soon as the store accepts that; the tenant's next job. Raises LostJob."""
        try:
            self._cancel(lease, steps)
            record_when_stopped(self._context, lease, steps)
        except LostJob:
            raise
        except Exception:
            log.exception("interrupted steps were not cleaned up", job=lease.job.id)
        return self._finish(lease, steps, ending)

    def end_outlived(self, lease: Lease, steps: JobSteps) -> JobRef | None:
        """Ends a job during which several workers were lost; the tenant's next job.

        Its modules are not called any more, not even to stop them, because such a call may be what kills workers.
        """
        claim = lease.claim
        log.error("job ended: several workers were lost while they ran it", job=claim.job.id, takeovers=claim.takeovers)
        try:
            if claim.aborting:
                return self._end_abort(lease, steps)
            text = messages.outlived_workers(claim.takeovers - 1)
            ending = Ending(
                status=JobStatus.ERROR, message=text, error_type=ErrorType.INTERNAL, reason=EndReason.FAILED
            )
            return self._finish(lease, steps, ending)
        except LostJob:
            return None

    def _finish(self, lease: Lease, steps: JobSteps, ending: Ending) -> JobRef | None:
        follower = lease.finish(steps, ending, self._progress(steps.stopped(ending.message or "")))
        self._context.observer.job_ended(lease.job, ending)
        return follower

    def _progress(self, ended: Iterable[Step]) -> Progress:
        return progress_of(ended, lambda module: self._context.catalog.registry().get(module))

    def _leave(self, lease: Lease, steps: JobSteps) -> None:
        if not self._was_removed(lease):
            self._context.observer.job_lost(lease.job)
            return
        self._cancel(lease, steps)
        self._context.observer.job_removed(lease.job)

    def _was_removed(self, lease: Lease) -> bool:
        """Whether the job was removed with its tenant. If not, another worker has or had it."""
        store, retries = self._context.store, self._context.retries
        if retries.without_end(lambda: store.revision(lease.job.id)) is not None:
            return False
        return lease.unbroken or not retries.without_end(lambda: self._has_tenant(lease.job.tenant))

    def _has_tenant(self, tenant_id: str) -> bool:
        try:
            self._context.store.tenant(tenant_id)
        except NotFound:
            return False
        return True

    def _cancel(self, lease: Lease, steps: JobSteps) -> None:
        """Tells the modules whose tenant jobs run to stop. Some only delete its record (RMB), hence the warning."""
        running = [step for step in steps if step.status is StepStatus.RUNNING and step.tenant_job is not None]
        if not running:
            return
        crew, registry = self._tasks.crew(), self._context.catalog.registry()
        for step in running:
            parts = self._context, lease, steps, step.pos
            run = StepRun(*parts, registry=registry, enabled=lease.claim.enabled, guarded=False)
            crew.start(step.pos, run.cancel)
        left = len(running)
        while left > 0:
            left -= len(crew.finished())

    def _end_abort(self, lease: Lease, steps: JobSteps) -> JobRef | None:
        progress = self._progress(steps.ended_after_recording())
        cut_short = [step.change.id for step in steps if step.status is StepStatus.RUNNING]
        leftovers = {module: messages.unfinished_work(module) for module in cut_short}
        unrecorded = [step.change.id for step in steps.failed() if step.stage is Stage.INITIALISED]
        leftovers |= {module: recording_messages.left_unrecorded(module) for module in unrecorded}
        follower = lease.end_abort(steps, leftovers, progress)
        self._context.observer.job_aborted(lease.job, cut_short)
        return follower

    def _give_back(self, lease: Lease, steps: JobSteps) -> JobRef:
        job = lease.job
        for step in steps.unrecorded():
            lease.save_running(steps, step.pos)  # its commit may have been interrupted
        lease.release()
        self._context.observer.job_given_back(job)
        return JobRef(id=job.id, tenant=job.tenant, kind=job.kind)
