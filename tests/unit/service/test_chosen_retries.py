"""Retries of some modules of a job, as workers carry them out."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.domain.history import words
from okapi_install.domain.jobs import Job, JobStatus
from okapi_install.domain.planning.retries import RetryChoice
from okapi_install.domain.presentation.states import step_state
from okapi_install.service.ports import HistoryFilter
from tests.fakes.fake_modules import answer
from tests.unit.service.house import House, enable

MODULES = ("a-1.0.0", "b-1.0.0", "c-1.0.0", "d-1.0.0")


def _failed(*, ignore_errors: bool = False) -> tuple[House, Job]:
    """A job of a, b, c (a chain) and d, in which b has failed."""
    house = House()
    house.script("b-1.0.0", lambda _call: answer(500, "boom"))
    return house, house.carried_out(*enable(*MODULES), ignore_errors=ignore_errors)


def _states(house: House, job: Job) -> dict[str, str]:
    now = house.store.job(job.id)
    return {step.change.id[0]: step_state(step, now).value for step in now.steps}


def _retried(house: House, job: Job, **choice: object) -> Job:
    house.modules.calls.clear()
    chosen = RetryChoice(**{k: frozenset(v) if isinstance(v, list) else v for k, v in choice.items()})  # type: ignore[arg-type]
    house.installs.retry(job.id, {}, "night-shift", chosen)
    house.work()
    return house.store.job(job.id)


def test_one_module_is_retried_and_nothing_else_is_called() -> None:
    house, job = _failed()
    house.modules.scripts.clear()
    ended = _retried(house, job, modules=["b-1.0.0"])
    assert house.modules.seen() == ["POST b-1.0.0 /_/tenant"]
    assert (ended.status, ended.message) == (
        JobStatus.ERROR,
        "All modules that were retried are done; 2 not run, as the client chose",
    )
    assert _states(house, job) == {"a": "done", "b": "done", "c": "not_run", "d": "not_run"}
    assert _retried(house, job).status is JobStatus.DONE
    assert _states(house, job) == dict.fromkeys("abcd", "done")


def test_a_module_is_skipped_with_what_requires_it_and_the_rest_goes_on() -> None:
    house, job = _failed()
    ended = _retried(house, job, skip=["b-1.0.0"])
    assert house.modules.seen() == ["POST d-1.0.0 /_/tenant"]
    assert ended.message == "All modules that were retried are done; 2 skipped, as the client chose"
    assert _states(house, job) == {"a": "done", "b": "skipped", "c": "skipped", "d": "done"}
    assert house.store.enabled("diku") == ["a-1.0.0", "d-1.0.0"]
    events = [words(event) for event in house.installs.history(job.id, HistoryFilter()).events]
    assert "Retry requested by night-shift: without b-1.0.0, c-1.0.0" in events


def test_what_requires_a_skipped_module_runs_only_if_the_operator_says_so() -> None:
    house, job = _failed()
    ended = _retried(house, job, skip=["b-1.0.0"], anyway=True)
    assert house.modules.seen() == ["POST d-1.0.0 /_/tenant", "POST c-1.0.0 /_/tenant"]
    assert _states(house, job) == {"a": "done", "b": "skipped", "c": "done", "d": "done"}
    assert ended.status is JobStatus.ERROR


def test_what_failed_is_retried_together_with_what_was_skipped_for_it() -> None:
    house, job = _failed(ignore_errors=True)
    assert _states(house, job) == {"a": "done", "b": "failed", "c": "skipped", "d": "done"}
    house.modules.scripts.clear()
    assert _retried(house, job, failed=True).status is JobStatus.DONE
    assert _states(house, job) == dict.fromkeys("abcd", "done")


def test_a_failure_in_a_chosen_retry_is_told_as_such() -> None:
    house, job = _failed()
    ended = _retried(house, job, modules=["b-1.0.0"])
    assert "boom" in str(ended.message)
    assert _states(house, job) == {"a": "done", "b": "failed", "c": "not_run", "d": "not_run"}


def test_a_choice_that_is_refused_changes_nothing() -> None:
    house, job = _failed()
    before = house.store.job(job.id)
    with pytest.raises(UserError, match=r"c-1\.0\.0 requires b-1\.0\.0"):
        _retried(house, job, modules=["c-1.0.0"])
    assert house.store.job(job.id) == before


def test_another_worker_that_takes_the_job_over_still_leaves_out_what_was_left_out() -> None:
    house, job = _failed()
    house.modules.scripts.clear()
    house.installs.retry(job.id, {}, None, RetryChoice(skip=frozenset(["b-1.0.0"])))
    house.store.claim(job.id, "lost", None, 15.0)
    house.store.pass_time(20)
    house.runner.sweep()
    house.modules.calls.clear()
    house.work()
    assert house.modules.seen() == ["POST d-1.0.0 /_/tenant"]
