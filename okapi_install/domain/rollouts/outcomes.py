"""What the end of a job means for its tenant in a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from okapi_install.domain.jobs import COMPLETE, JobStatus, ProblemCode, Step, StepStatus
from okapi_install.domain.rollouts import words
from okapi_install.domain.rollouts.rollout import RolloutTenant, TenantStatus

_CONSEQUENCES = frozenset({ProblemCode.NEEDS_FAILED_MODULE, ProblemCode.ABORTED})


@dataclass(frozen=True, kw_only=True, slots=True)
class JobState:
    """What a rollout looks at in a job. `steps` may be empty unless it ended as ERROR."""

    status: JobStatus
    started: float | None
    ended: float | None
    message: str | None = None
    steps: tuple[Step, ...] = ()


def after_job(one: RolloutTenant, job: JobState | None, now: float) -> RolloutTenant:
    """The tenant as its job is now. `job` is None if the job does not exist any more."""
    if one.status is TenantStatus.RUNNING:
        return _of_running(one, job, now)
    if one.status is TenantStatus.ERROR and job is not None and job.status is not JobStatus.ERROR:
        again = replace(one, status=TenantStatus.RUNNING, ended=None, module=None, message=None, pardoned=False)
        return _of_running(again, job, now)
    return one


def _of_running(one: RolloutTenant, job: JobState | None, now: float) -> RolloutTenant:
    if job is None:
        return failed(one, words.job_removed(), now)
    if job.status not in COMPLETE:
        return one
    ended = replace(one, started=job.started, ended=job.ended)
    if job.status is JobStatus.DONE:
        return replace(ended, status=TenantStatus.DONE)
    module, message = _cause(job)
    return replace(ended, status=TenantStatus.ERROR, module=module, message=message)


def failed(one: RolloutTenant, message: str, now: float) -> RolloutTenant:
    """The tenant when it failed without a module being called."""
    return replace(one, status=TenantStatus.ERROR, ended=now, module=None, message=message)


def again(one: RolloutTenant) -> RolloutTenant:
    """A failed tenant that waits for its next attempt."""
    return replace(
        one,
        status=TenantStatus.WAITING,
        started=None,
        ended=None,
        module=None,
        message=None,
        pardoned=False,
        attempts=one.attempts + 1,
    )


def _cause(job: JobState) -> tuple[str | None, str]:
    """The module that failed first, and its message."""
    found = _first_failure(job.steps)
    if found is None:
        return None, job.message or words.job_failed()
    return found.change.id, found.message or job.message or words.job_failed()


def _first_failure(steps: Sequence[Step]) -> Step | None:
    failed_steps = [step for step in steps if step.status is StepStatus.ERROR]
    causes = [step for step in failed_steps if not any(one.code in _CONSEQUENCES for one in step.errors)]
    return min(causes, key=lambda step: (step.ended or 0.0, step.pos), default=None)
