"""Rules of jobs and steps."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import COMPLETE, Change, JobStatus, Problem, ProblemCode, Step, StepStatus, check_retry

REPORTED = Problem.error("the module's own words", ProblemCode.TENANT_JOB_FAILED)
RUNNING = Step(pos=0, change=Change(id="mod-a-1.0.0"), status=StepStatus.RUNNING, started=5.0, errors=(REPORTED,))


def test_a_step_that_an_abort_cut_short_is_an_error_that_says_so_beside_what_was_reported_before() -> None:
    ended = RUNNING.aborted(7.0)
    assert (ended.status, ended.message, ended.started, ended.ended) == (StepStatus.ERROR, "aborted", 5.0, 7.0)
    assert ended.errors == (REPORTED, Problem(message="aborted", type="error", code=ProblemCode.ABORTED))


@pytest.mark.parametrize("status", sorted(set(JobStatus) - COMPLETE))
def test_a_job_that_is_not_complete_cannot_be_run_again_and_the_refusal_names_job_and_state(status: JobStatus) -> None:
    with pytest.raises(UserError, match=rf"\bj1\b.*\b{status.value}\b"):
        check_retry("j1", status)


def test_a_job_that_ended_as_an_error_can_be_run_again() -> None:
    check_retry("j1", JobStatus.ERROR)


def test_a_warning_of_our_own_is_of_the_type_warning() -> None:
    problem = Problem.warning("called again", ProblemCode.CALLED_AGAIN)
    assert (problem.type, problem.code, problem.parameters) == ("warning", "called_again", ())
