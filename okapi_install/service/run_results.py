"""What a worker made of a message about a job, for whoever watches the messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from okapi_install.domain.jobs import Job, JobStatus, Step
from okapi_install.domain.presentation.outcomes import outcome_of
from okapi_install.service.ports import Ending


class RunEnd(StrEnum):
    """How the work on a message ended."""

    DONE = "done"
    FAILED = "failed"
    POSTPONED = "postponed"
    """Nothing was done yet: another message about the same job will come."""
    LEFT = "left"
    """There is nothing to say about the job: another worker has it, it is complete, or it is being cleaned up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """How the work ended, and a sentence about it."""

    end: RunEnd
    text: str = ""


def ended(job: Job, steps: Iterable[Step], ending: Ending) -> RunResult:
    """The result for a job that has ended in this way with these steps."""
    complete = replace(job, status=ending.status, reason=ending.reason, message=ending.message, steps=tuple(steps))
    end = RunEnd.DONE if ending.status is JobStatus.DONE else RunEnd.FAILED
    return RunResult(end=end, text=outcome_of(complete).sentence)
