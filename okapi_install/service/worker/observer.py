"""Counts the ends of steps and jobs, in the words of the metrics."""

from __future__ import annotations

from okapi_install.domain.jobs import Job, JobStatus, Step, StepStatus
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.service.metrics import JOB_SECONDS, JOBS_ENDED, MODULE_SECONDS, STEP_SECONDS, STEPS, Meters
from okapi_install.service.ports import Ending


def count_step(meters: Meters, step: Step) -> None:
    """A step was carried out, well or not."""
    product, action = meters.product(ModuleId.parse(step.change.id).product), step.change.action.value
    outcome = "done" if step.status is StepStatus.DONE else "error"
    meters.count(STEPS, module=product, action=action, outcome=outcome)
    if step.started is None or step.ended is None:
        return
    seconds = max(step.ended - step.started, 0.0)
    meters.count(MODULE_SECONDS, seconds, module=product, action=action)
    meters.observe(STEP_SECONDS, seconds, action=action, outcome=outcome)


def count_end(meters: Meters, ending: Ending) -> None:
    """A job has come to an end."""
    meters.count(JOBS_ENDED, outcome=_outcome(ending))


def time_job(meters: Meters, job: Job, ending: Ending, seconds: float) -> None:
    """A worker has carried a job to its end, in that time."""
    meters.observe(JOB_SECONDS, seconds, kind=job.kind.value, outcome=_outcome(ending))


def _outcome(ending: Ending) -> str:
    return "done" if ending.status is JobStatus.DONE else ending.reason or "failed"
