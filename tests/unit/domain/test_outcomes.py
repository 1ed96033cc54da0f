"""What came of a job, in a sentence and in the modules that failed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from okapi_install.domain.jobs import (
    Change,
    EndReason,
    InstallOptions,
    Job,
    JobKind,
    JobStatus,
    Problem,
    Step,
    StepStatus,
)
from okapi_install.domain.presentation.outcomes import ModuleFailure, outcome_of

DONE, ERROR = StepStatus.DONE, StepStatus.ERROR


def step(pos: int, status: StepStatus | None, *, code: str | None = None, message: str | None = None) -> Step:
    errors = (Problem.error(message or "no", code or "x"),) if status is ERROR else ()
    started = None if code == "needs_failed_module" else 1.0
    return Step(pos=pos, change=Change(id=f"mod-{pos}-1.0.0"), status=status, errors=errors, started=started)


def job(steps: Sequence[Step], reason: EndReason | None = EndReason.FAILED, message: str | None = None) -> Job:
    return Job(
        id="J", tenant="diku", kind=JobKind.INSTALL, status=JobStatus.ERROR if reason else JobStatus.DONE,
        options=InstallOptions(), request=(), steps=tuple(steps), created=0.0, reason=reason, message=message,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "sentence"),
    [
        ([DONE], "1 of 1 module done"),
        ([DONE, ERROR, None], "1 of 3 modules done, 1 failed: mod-1-1.0.0"),
        ([ERROR] * 5, "0 of 5 modules done, 5 failed: mod-0-1.0.0, mod-1-1.0.0, mod-2-1.0.0 and 2 more"),
    ],
)
def test_the_sentence_counts_and_names(statuses: list[StepStatus | None], sentence: str) -> None:
    steps = [step(pos, status) for pos, status in enumerate(statuses)]
    reason = EndReason.FAILED if ERROR in statuses else None
    assert outcome_of(job(steps, reason, "POST failed")).sentence.removesuffix("; POST failed") == sentence


def test_modules_that_were_skipped_are_not_named_as_failed() -> None:
    found = outcome_of(
        job([step(0, ERROR, message="no disk\n at org.folio"), step(1, ERROR, code="needs_failed_module")])
    )
    assert found.failures == (ModuleFailure(module="mod-0-1.0.0", why="no disk"),)
    assert found.sentence == "0 of 2 modules done, 1 failed: mod-0-1.0.0, 1 skipped"


def test_a_job_without_a_failed_module_says_why_it_ended() -> None:
    found = outcome_of(job([step(0, None)], EndReason.UNPLANNABLE, "Missing dependency: x\nmore"))
    assert found.sentence == "0 of 1 module done; Missing dependency: x"


def test_a_module_that_an_abort_interrupted_has_not_failed() -> None:
    found = outcome_of(job([step(0, ERROR, code="aborted")], EndReason.ABORTED, "The job was aborted"))
    assert (found.failures, found.sentence) == ((), "0 of 1 module done; The job was aborted")
