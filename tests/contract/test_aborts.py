"""JobStore: aborts, in each state of a job, with and without its info being kept."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from okapi_install.adapters.store import SqlStore
from okapi_install.domain.errors import LostJob, NotFound, UserError
from okapi_install.domain.history import EventKind, JobEvent
from okapi_install.domain.jobs import Job, JobStatus, StepStatus
from okapi_install.domain.presentation.states import State
from okapi_install.service.ports import Claim, HistoryFilter, JobFilter, Progress, Store
from tests.contract.builders import DONE, FAILED, LEASE, begun, claimed, done, ended, submit, unfinished_work


def _aborting(store: Store, *, keep: bool, lease: float = LEASE) -> Claim:
    """A job being aborted with one step done, one running and one to come."""
    job = submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0", "mod-c-1.0.0", task_id="t1")
    claim = claimed(store, job, lease=lease)
    progress = Progress(steps=(done(job.steps[0], claim.now), begun(job.steps[1], claim.now)), enable=("mod-a-1.0.0",))
    store.save(claim, progress)
    aborted = store.abort(job.id, keep=keep)
    assert (aborted.was, aborted.job.id, aborted.job.task_id) == (JobStatus.RUNNING, job.id, "t1")
    return claim


def _is_hidden(store: Store, job: Job) -> bool:
    listed = [*store.jobs_of(job.tenant), *store.find_jobs(JobFilter()).jobs]
    listed += store.find_jobs(JobFilter(states=frozenset((State.ABORTING,)))).jobs
    assert store.find_jobs(JobFilter()).total == len(store.find_jobs(JobFilter()).jobs)
    try:
        store.job(job.id)
    except NotFound:
        assert store.revision(job.id) is None
        return job.id not in {one.id for one in listed}
    return False


@pytest.mark.parametrize("keep", [True, False])
def test_aborting_what_is_not_there_is_not_found(store: Store, keep: bool) -> None:
    job = submit(store)
    for name, tenant in (("none", None), (job.id, "other")):
        with pytest.raises(NotFound, match=f"^{name}$"):
            store.abort(name, keep=keep, tenant_id=tenant)
    assert store.job(job.id) == job


def test_an_aborted_queued_job_is_gone(store: Store) -> None:
    job = submit(store, task_id="t1")
    aborted = store.abort(job.id, keep=False, tenant_id="diku")
    assert (aborted.was, aborted.job.task_id) == (JobStatus.QUEUED, "t1")
    assert _is_hidden(store, job)
    assert store.claim(job.id, "w1", None, LEASE) is None


def test_an_aborted_queued_job_whose_info_is_kept_ends_as_error(store: Store) -> None:
    job = submit(store, callback_url="http://127.0.0.1/cb")
    assert store.abort(job.id, keep=True).was is JobStatus.QUEUED
    read = store.job(job.id)
    assert (read.status, read.reason) == (JobStatus.ERROR, "aborted")
    assert read.message
    assert store.claim(job.id, "w1", None, LEASE) is None
    assert [one.id for one in store.due_callbacks(9)] == [job.id]


def test_an_aborted_complete_job_is_gone_or_left_as_it_is(store: Store) -> None:
    job = ended(store, submit(store))
    assert store.abort(job.id, keep=True).was is JobStatus.DONE
    assert store.job(job.id) == job
    assert store.abort(job.id, keep=False).was is JobStatus.DONE
    assert _is_hidden(store, job)
    assert store.enabled("diku") == ["mod-a-1.0.0", "mod-b-1.0.0"]


def test_an_aborted_running_job_is_hidden_at_once(store: Store) -> None:
    claim = _aborting(store, keep=False)
    assert _is_hidden(store, claim.job)
    assert store.standing(claim) is JobStatus.ABORTING
    with pytest.raises(NotFound):
        store.abort(claim.job.id, keep=False)
    with pytest.raises(NotFound):
        store.retry(claim.job.id, claim.job.steps, {}, "t")


def test_an_aborted_running_job_whose_info_is_kept_stays_visible(store: Store) -> None:
    claim = _aborting(store, keep=True)
    read = store.job(claim.job.id)
    assert (read.status, read.keep_on_abort, read.complete) == (JobStatus.ABORTING, True, False)
    assert store.jobs_of("diku") == [read]
    with pytest.raises(UserError):
        store.retry(claim.job.id, claim.job.steps, {}, "t")


def test_an_abort_takes_the_job_from_its_worker(store: Store) -> None:
    claim = _aborting(store, keep=False)
    with pytest.raises(LostJob):
        store.save(claim, Progress(enable=("mod-b-1.0.0",)))
    with pytest.raises(LostJob):
        store.finish(claim, DONE, Progress(enable=("mod-b-1.0.0",)))
    store.release(claim)
    assert store.standing(claim) is JobStatus.ABORTING
    assert store.enabled("diku") == ["mod-a-1.0.0"]


def test_a_job_that_ended_first_is_not_aborted_any_more(store: Store) -> None:
    job = submit(store)
    claim = claimed(store, job)
    store.finish(claim, DONE, Progress())
    assert store.abort(job.id, keep=True).was is JobStatus.DONE
    assert store.job(job.id).status is JobStatus.DONE
    with pytest.raises(LostJob):
        store.end_abort(claim, {})


def test_the_tenants_next_job_waits_until_the_abort_is_cleaned_up(store: Store) -> None:
    claim = _aborting(store, keep=False)
    following = submit(store)
    assert store.claim(following.id, "w2", None, LEASE) is None
    ref = store.end_abort(claim, {"mod-b-1.0.0": "it may still be busy"})
    assert ref is not None
    assert ref.id == following.id
    assert _is_hidden(store, claim.job)
    after = claimed(store, following)
    assert set(after.unfinished_work) == {"mod-b-1.0.0"}
    assert after.enabled == {"mod-a-1.0.0"}


def test_an_abort_whose_info_is_kept_ends_as_error_with_the_running_steps_cut_short(store: Store) -> None:
    claim = _aborting(store, keep=True)
    before = store.job(claim.job.id)
    assert store.end_abort(claim, {"mod-b-1.0.0": "it may still be busy"}) is None
    read = store.job(claim.job.id)
    assert (read.status, read.reason, read.owner, read.lease_until) == (JobStatus.ERROR, "aborted", None, None)
    assert read.ended is not None
    assert [step.status for step in read.steps] == [StepStatus.DONE, StepStatus.ERROR, None]
    assert (read.steps[0], read.steps[2]) == (before.steps[0], before.steps[2])
    cut = read.steps[1]
    assert (cut.message, [problem.code for problem in cut.errors]) == ("aborted", ["aborted"])
    assert cut.ended is not None
    assert cut.revision == read.revision
    with pytest.raises(LostJob):
        store.end_abort(claim, {})


def test_a_kept_abort_may_become_one_that_removes(store: Store) -> None:
    claim = _aborting(store, keep=True)
    assert store.abort(claim.job.id, keep=False).was is JobStatus.ABORTING
    assert _is_hidden(store, claim.job)
    store.end_abort(claim, {})
    assert _is_hidden(store, claim.job)


def test_an_abort_of_a_dead_worker_is_taken_over(store: Store) -> None:
    stale = _aborting(store, keep=False, lease=-1.0)
    assert [ref.id for ref in store.sweep(LEASE, 1000.0)] == [stale.job.id]
    claim = claimed(store, stale.job, "w2")
    assert (claim.aborting, claim.taken_over, claim.job.status) == (True, True, JobStatus.ABORTING)
    with pytest.raises(LostJob):
        store.end_abort(stale, {})
    store.end_abort(claim, {})
    assert store.census().jobs[JobStatus.ABORTING] == 0


def test_ending_an_abort_needs_an_abort(store: Store) -> None:
    claim = claimed(store, submit(store))
    with pytest.raises(LostJob):
        store.end_abort(claim, {})
    assert store.standing(claim) is JobStatus.RUNNING


def test_the_headers_of_a_job_that_is_over_are_nowhere_in_the_database(sql_store: SqlStore) -> None:
    running = submit(sql_store, "a")
    sql_store.finish(claimed(sql_store, running), DONE, Progress())
    sql_store.end_queued(submit(sql_store, "b").id, FAILED)
    sql_store.abort(submit(sql_store, "c").id, keep=True)
    sql_store.end_abort(_aborting(sql_store, keep=True), {})
    with sql_store.engine.connect() as connection:
        kept = connection.execute(text("SELECT status, headers FROM jobs")).all()
    assert sorted(kept) == [("done", None), ("error", None), ("error", None), ("error", None)]


def test_what_ended_while_an_abort_was_cleaned_up_is_kept_and_enabled(store: Store) -> None:
    claim = _aborting(store, keep=True)
    recorded = done(claim.job.steps[2], claim.now)
    event = JobEvent(kind=EventKind.STEP_DONE, change=recorded.change)
    store.end_abort(claim, {}, Progress(steps=(recorded,), enable=("mod-c-1.0.0",), events=(event,)))
    read = store.job(claim.job.id)
    assert [step.status for step in read.steps] == [StepStatus.DONE, StepStatus.ERROR, StepStatus.DONE]
    assert store.enabled("diku") == ["mod-a-1.0.0", "mod-c-1.0.0"]
    kinds = [event.kind for event in store.history(claim.job.id, HistoryFilter()).events]
    assert kinds[-3:] == [EventKind.STEP_DONE, EventKind.STEP_STOPPED, EventKind.ABORTED]


def test_an_aborted_job_whose_record_goes_may_have_ended_a_step_too(store: Store) -> None:
    claim = _aborting(store, keep=False)
    recorded = done(claim.job.steps[2], claim.now)
    event = JobEvent(kind=EventKind.STEP_DONE, change=recorded.change)
    store.end_abort(claim, {}, Progress(steps=(recorded,), enable=("mod-c-1.0.0",), events=(event,)))
    assert _is_hidden(store, claim.job)
    assert store.enabled("diku") == ["mod-a-1.0.0", "mod-c-1.0.0"]


def test_the_next_job_gets_the_words_about_what_an_aborted_one_left(store: Store) -> None:
    claim = _aborting(store, keep=False)
    store.end_abort(claim, {"mod-b-1.0.0": "mod-b is not recorded"})
    assert unfinished_work(store) == {"mod-b-1.0.0": "mod-b is not recorded"}
