"""JobStore: how jobs end, what is learned from them, and how they run again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from okapi_install.domain.errors import ErrorType, InvalidTransition, NotFound, UserError
from okapi_install.domain.jobs import Action, Change, EndReason, JobStatus, Step, StepStatus
from okapi_install.service.ports import Durations, Ending, Progress, Store
from tests.contract.builders import DONE, FAILED, LEASE, begun, claimed, done, ended, plan, submit, unfinished_work
from tests.contract.conftest import PassTime


def test_a_finished_job_has_its_last_steps_and_forgets_owner_and_headers(store: Store) -> None:
    job = submit(store)
    claim = claimed(store, job)
    steps = tuple(done(step, claim.now) for step in job.steps)
    store.finish(claim, DONE, Progress(steps=steps, enable=("mod-b-1.0.0",)))
    read = store.job(job.id)
    assert (read.status, read.owner, read.lease_until, read.message, read.reason) == (
        *(JobStatus.DONE, None, None),
        *(None, None),
    )
    assert read.complete
    assert read.ended is not None
    assert read.ended >= claim.now
    assert [step.status for step in read.steps] == [StepStatus.DONE, StepStatus.DONE]
    assert store.enabled("diku") == ["mod-b-1.0.0"]


def test_a_failed_job_says_why(store: Store) -> None:
    job = submit(store)
    store.finish(claimed(store, job), FAILED, Progress())
    read = store.job(job.id)
    assert (read.status, read.message, read.error_type, read.reason) == (
        *(JobStatus.ERROR, "mod-a failed"),
        *(ErrorType.USER, EndReason.FAILED),
    )


def test_an_ending_is_a_state_that_the_table_of_transitions_allows(store: Store) -> None:
    claim = claimed(store, submit(store))
    with pytest.raises(InvalidTransition):
        store.finish(claim, Ending(status=JobStatus.RUNNING), Progress())
    assert store.standing(claim) is JobStatus.RUNNING


def test_a_queued_job_may_be_ended_and_no_other(store: Store) -> None:
    job = submit(store)
    assert store.end_queued(job.id, FAILED)
    read = store.job(job.id)
    assert (read.status, read.reason, read.started) == (JobStatus.ERROR, "failed", None)
    assert read.ended is not None
    assert not store.end_queued(job.id, DONE)
    assert not store.end_queued("none", FAILED)
    running = submit(store)
    claimed(store, running)
    assert not store.end_queued(running.id, FAILED)


def test_durations_are_kept_by_product_and_action(store: Store) -> None:
    for took in (1.0, 4.0):
        job = submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0")
        claim = claimed(store, job)
        off = Step(pos=1, change=Change(id="mod-b-1.0.0", action=Action.DISABLE))
        store.replan(claim, (job.steps[0], off), (), "")
        store.finish(claim, DONE, Progress(steps=(done(job.steps[0], claim.now, took), done(off, claim.now, 1.0))))
    known = store.durations(["mod-a", "mod-b", "mod-c"])
    assert set(known) == {("mod-a", "enable"), ("mod-b", "disable")}
    assert known["mod-a", "enable"].count == 2
    assert known["mod-a", "enable"].mean == pytest.approx(2.5, abs=0.001)
    assert known["mod-a", "enable"].longest == pytest.approx(4.0, abs=0.001)
    assert store.durations(["mod-c"]) == {}
    assert store.durations([]) == {}


def test_steps_that_failed_or_never_began_teach_nothing(store: Store) -> None:
    job = submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0")
    claim = claimed(store, job)
    failed = replace(done(job.steps[0], claim.now), status=StepStatus.ERROR)
    store.finish(claim, FAILED, Progress(steps=(failed,)))
    assert store.durations(["mod-a", "mod-b"]) == {}


def test_steps_of_a_run_before_the_retry_are_learned_from_once(store: Store, pass_time: PassTime) -> None:
    job = submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0")
    claim = claimed(store, job)
    first = done(job.steps[0], claim.now, took=0.0)
    store.finish(claim, FAILED, Progress(steps=(first,)))
    pass_time(100.0)
    aged = replace(first, started=claim.now - 100.0, ended=claim.now - 100.0)
    store.retry(job.id, (aged, job.steps[1]), {}, "t2")
    claim = claimed(store, job)
    store.finish(claim, DONE, Progress(steps=(done(job.steps[1], claim.now, took=0.0),)))
    assert store.durations(["mod-a", "mod-b"]) == {
        ("mod-a", "enable"): Durations(count=1, mean=0.0, longest=0.0),
        ("mod-b", "enable"): Durations(count=1, mean=0.0, longest=0.0),
    }


def _abort_at(store: Store, *modules: str) -> None:
    job = submit(store, "diku", *modules)
    claim = claimed(store, job)
    store.abort(job.id, keep=False)
    store.end_abort(claim, {module: f"{module} may still be busy" for module in modules})


def test_unfinished_work_is_told_until_a_later_job_is_done_with_the_product(store: Store) -> None:
    _abort_at(store, "mod-a-1.0.0", "mod-b-1.0.0")
    assert set(unfinished_work(store)) == {"mod-a-1.0.0", "mod-b-1.0.0"}
    assert "mod-a-1.0.0" in unfinished_work(store)["mod-a-1.0.0"]
    assert unfinished_work(store, "other") == {}
    ended(store, submit(store, "diku", "mod-a-1.0.1"))
    assert set(unfinished_work(store)) == {"mod-b-1.0.0"}
    ended(store, submit(store, "other", "mod-b-1.0.0"))
    assert set(unfinished_work(store)) == {"mod-b-1.0.0"}


def test_a_job_that_fails_at_a_module_leaves_its_unfinished_work(store: Store) -> None:
    _abort_at(store, "mod-a-1.0.0")
    _abort_at(store, "mod-a-1.0.0")
    claim = claimed(store, submit(store, "diku", "mod-a-1.0.0"))
    failed = replace(done(claim.job.steps[0], claim.now), status=StepStatus.ERROR)
    store.finish(claim, FAILED, Progress(steps=(failed,)))
    assert set(unfinished_work(store)) == {"mod-a-1.0.0"}


def test_a_failed_job_runs_again_with_other_headers(store: Store) -> None:
    job = submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0")
    claim = claimed(store, job)
    first = done(job.steps[0], claim.now)
    store.finish(claim, FAILED, Progress(steps=(first, begun(job.steps[1], claim.now))))
    again = store.retry(job.id, (first, job.steps[1]), {"X-Other": "é"}, "t2")
    assert (again.started, again.first_started) == (None, claim.job.first_started)
    assert again == store.job(job.id)
    assert (again.status, again.retries, again.task_id) == (JobStatus.QUEUED, 1, "t2")
    assert (again.started, again.ended, again.message, again.error_type, again.reason) == (None,) * 5
    assert [step.status for step in again.steps] == [StepStatus.DONE, None]
    claim = claimed(store, job)
    assert (claim.headers, claim.epoch) == ({"X-Other": "é"}, 2)


def test_a_retried_job_keeps_its_place_before_later_ones(store: Store) -> None:
    job, later = submit(store), submit(store)
    ended(store, job, FAILED)
    store.retry(job.id, job.steps, {}, "t2")
    assert store.claim(later.id, "w1", None, LEASE) is None
    claimed(store, job)


def test_only_a_failed_job_runs_again(store: Store) -> None:
    over = ended(store, submit(store))
    with pytest.raises(UserError, match=f"^Job {over.id} cannot run again: it is done$"):
        store.retry(over.id, over.steps, {}, "t2")
    job = submit(store)
    with pytest.raises(UserError):
        store.retry(job.id, job.steps, {}, "t2")
    claimed(store, job)
    with pytest.raises(UserError):
        store.retry(job.id, job.steps, {}, "t2")
    store.abort(job.id, keep=False)
    for name in (job.id, "none"):
        with pytest.raises(NotFound, match=f"^{name}$"):
            store.retry(name, plan("mod-a-1.0.0"), {}, "t2")
