"""What the store itself decides and writes about the end of a job, where no worker is there to do it. Pure."""

from __future__ import annotations

from dataclasses import replace

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import COMPLETE, TRANSITIONS, JobStatus, Problem, Step, StepStatus
from okapi_install.domain.messages import message
from okapi_install.service.ports import Ending

ABORTED = Ending(status=JobStatus.ERROR, message=message(20503), error_status=400, reason="aborted")
"""How a job ends that was aborted and whose info is kept."""


def check_retry(job_id: str, status: JobStatus) -> None:
    """Raises UserError unless a job in that state may be queued again by a client."""
    if status not in COMPLETE or JobStatus.QUEUED not in TRANSITIONS.get(status, {}):
        raise UserError(message(20502, job_id, status))


def aborted_step(step: Step, now: float) -> Step:
    """The step that was running when the abort came."""
    words = message(20504)
    problem = Problem(message=words, type="error", code="aborted")
    return replace(step, status=StepStatus.ERROR, message=words, errors=(*step.errors, problem), ended=now)


def leftover_warning(module_id: str) -> str:
    """What the next job is told that touches the module."""
    return message(20505, module_id)
