"""Reports changes of jobs and steps: as metrics, notifications and log lines.

Code that changes a job calls the hook of that change once, after the commit. The hook decides what is counted, who is
notified and what is logged. It changes nothing and never blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from okapi_install.domain.jobs import EndReason, Job, JobStatus, Problem, Step, StepStatus
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.service.metrics import (
    CALLBACKS,
    JOB_SECONDS,
    JOBS_ENDED,
    JOBS_SUBMITTED,
    MODULE_SECONDS,
    POLLS,
    REPUBLISHED,
    STEP_SECONDS,
    STEPS,
    TAKEN_OVER,
    UNUSUAL_STEPS,
    CallbackOutcome,
    Meters,
    PollOutcome,
    Unusual,
)
from okapi_install.service.ports import Aborted, Claim, Ending, JobRef, Notifier, TaskMonitor

log = structlog.get_logger()


class JobObserver:
    """The hooks. One instance per process; safe for threads and greenlets."""

    def __init__(
        self,
        notifier: Notifier,
        meters: Meters,
        ended: Callable[[Job], None] | None = None,
        monitor: TaskMonitor | None = None,
    ) -> None:
        """`ended` is called with each job of this process that has ended. It must return at once."""
        self._notifier = notifier
        self._meters = meters
        self._ended = ended or (lambda _: None)
        self._monitor = monitor

    # By clients

    def job_submitted(self, job: Job | JobRef) -> None:
        """A job was accepted."""
        self._notifier.changed(job.id)
        self._meters.count(JOBS_SUBMITTED, kind=job.kind.value)

    def job_retried(self, job: Job) -> None:
        """A job that had ended as an error is queued again."""
        self._notifier.changed(job.id, now=True)

    def abort_requested(self, aborted: Aborted) -> None:
        """A client aborted a job. A queued job has ended with that; a running one ends with `job_aborted`."""
        job = aborted.job
        self._notifier.changed(job.id, now=True)
        if aborted.was is JobStatus.QUEUED:
            self._meters.count(JOBS_ENDED, outcome=EndReason.ABORTED.value)
        log.info("abort", job=job.id, tenant=job.tenant, was=aborted.was.value)

    # By a worker

    def job_claimed(self, claim: Claim) -> None:
        """A worker has claimed a job."""
        if claim.taken_over:
            self._meters.count(TAKEN_OVER)
            log.info("job taken over: the lease of its worker had expired", job=claim.job.id, epoch=claim.epoch)

    def job_replanned(self, job: Job) -> None:
        """A claimed job was planned again."""
        log.info("job planned again: the tenant's enabled modules differ from what the plan expected", job=job.id)

    def job_changed(self, job_id: str) -> None:
        """Steps have started, reached another stage or ended."""
        self._notifier.changed(job_id)

    def step_ended(self, step: Step) -> None:
        """A step is done or has failed."""
        product, action = self._meters.product(ModuleId.parse(step.change.id).product), step.change.action.value
        outcome = (StepStatus.DONE if step.status is StepStatus.DONE else StepStatus.ERROR).value
        self._meters.count(STEPS, module=product, action=action, outcome=outcome)
        if step.started is None or step.ended is None:
            return
        seconds = max(step.ended - step.started, 0.0)
        self._meters.count(MODULE_SECONDS, seconds, module=product, action=action)
        self._meters.observe(STEP_SECONDS, seconds, action=action, outcome=outcome)

    def step_is_slow(self, job: Job, step: Step, warning: Problem) -> None:
        """A step takes longer than its module ever did."""
        self._meters.count(UNUSUAL_STEPS, kind=Unusual.SLOW)
        log.warning("the step takes unusually long", job=job.id, module=step.change.id, cause=warning.message)

    def polled(self, outcome: PollOutcome) -> None:
        """A tenant job was polled."""
        self._meters.count(POLLS, outcome=outcome)

    def tenant_job_lost(self) -> None:
        """A module has probably lost its tenant job."""
        self._meters.count(UNUSUAL_STEPS, kind=Unusual.LOST)

    def job_ended(self, job: Job, ending: Ending, seconds: float | None = None) -> None:
        """A job has ended. `seconds` is the time since the claim of the worker that ended it."""
        self._meters.count(JOBS_ENDED, outcome=_outcome(ending))
        if seconds is not None:
            self._meters.observe(JOB_SECONDS, seconds, kind=job.kind.value, outcome=_outcome(ending))
        self._notifier.changed(job.id, now=True)
        if ending.reason is EndReason.REVOKED:
            self._task_stopped(job.task_id)
            log.warning("job revoked", job=job.id)
        else:
            log.info("job complete", job=job.id, status=ending.status.value, cause=ending.message)
        self._ended(job)

    def queued_job_revoked(self, job_id: str, ending: Ending) -> None:
        """The task of a job that had not started was revoked from outside."""
        self._meters.count(JOBS_ENDED, outcome=_outcome(ending))
        self._notifier.changed(job_id, now=True)
        log.warning("queued job revoked", job=job_id)

    def job_aborted(self, job: Job, cut_short: Sequence[str]) -> None:
        """The clean-up of an aborted job has ended; `cut_short` are the modules whose steps were running."""
        self._meters.count(JOBS_ENDED, outcome=EndReason.ABORTED.value)
        self._notifier.changed(job.id, now=True)
        self._task_stopped(job.task_id)
        log.info("job aborted", job=job.id, cut_short=list(cut_short))
        self._ended(job)

    def job_removed(self, job: Job) -> None:
        """A job that a worker was running has been removed with its tenant."""
        self._meters.count(JOBS_ENDED, outcome=EndReason.ABORTED.value)
        self._task_stopped(job.task_id)
        log.info("job aborted: it was removed with its tenant", job=job.id)

    def message_of_stopped_job(self, task_id: str | None) -> None:
        """A message is about a job that was aborted or removed before it started."""
        self._task_stopped(task_id)

    def _task_stopped(self, task_id: str | None) -> None:
        """Task monitors hear nothing of a job that a worker cleans up by itself."""
        if self._monitor is not None and task_id is not None:
            self._monitor.stopped(task_id)

    def job_lost(self, job: Job) -> None:
        """A worker has found that it no longer owns the job."""
        log.info("job is no longer owned by this worker", job=job.id)

    def job_given_back(self, job: Job) -> None:
        """A worker that is stopping has put its job back into the queue."""
        self._notifier.changed(job.id, now=True)
        log.info("job released, because the worker is stopping", job=job.id)

    def job_republished(self, job: JobRef) -> None:
        """The sweep has sent the message about a job again."""
        self._meters.count(REPUBLISHED)
        log.info("the message about a job is sent again", job=job.id, tenant=job.tenant)

    def callback_attempted(self, job: Job, outcome: CallbackOutcome, cause: str | None) -> None:
        """A callback about the end of a job was delivered, has failed, or is given up."""
        self._meters.count(CALLBACKS, outcome=outcome)
        log.info("callback", job=job.id, outcome=outcome.value, attempt=job.callback_attempts, cause=cause)


def _outcome(ending: Ending) -> str:
    return JobStatus.DONE.value if ending.status is JobStatus.DONE else (ending.reason or EndReason.FAILED).value
