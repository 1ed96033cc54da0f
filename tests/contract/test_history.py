"""JobStore: the history of a job, which each operation extends in its own commit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from okapi_install.adapters.store import SqlStore
from okapi_install.adapters.store.tables import JOB_EVENTS
from okapi_install.domain.errors import LostJob, NotFound
from okapi_install.domain.history import NOTABLE, EventKind, JobEvent, step_event
from okapi_install.domain.jobs import Change, Job, Parameter, Problem, Stage, Step, StepStatus
from okapi_install.service.ports import REVOKED, Claim, HistoryFilter, JobFilter, Progress, Store
from tests.contract.builders import DONE, FAILED, LEASE, begun, claimed, done, ended, submit
from tests.contract.conftest import PassTime

_PROBLEM = Problem(message="disk full", type="error", code="507", parameters=(Parameter(key="disk", value="\0a"),))


def _events(store: Store, job: Job) -> list[JobEvent]:
    return list(store.history(job.id, HistoryFilter()).events)


def _kinds(store: Store, job: Job) -> list[str]:
    return [event.kind.value for event in _events(store, job)]


def _failed(step: Step, now: float) -> Step:
    ended = replace(step, stage=Stage.INVOKE, status=StepStatus.ERROR, ended=now + 1)
    return replace(ended, message="no room", errors=(_PROBLEM,))


def _saved(store: Store, claim: Claim, before: Step, after: Step) -> Step:
    event = step_event(before, after)
    assert event is not None
    store.save(claim, Progress(steps=(after,), events=(event,)))
    return after


def test_a_new_job_begins_its_history_with_who_requested_it(store: Store) -> None:
    job = submit(store, requested_by="diku_admin")
    assert _events(store, job) == [JobEvent(kind=EventKind.REQUESTED, at=_events(store, job)[0].at, by="diku_admin")]
    assert abs((_events(store, job)[0].at or 0.0) - job.created) < 5.0


def test_a_history_keeps_the_errors_of_each_attempt_through_a_retry(store: Store) -> None:
    job = submit(store, "diku", "mod-a-1.0.0")
    claim = claimed(store, job, "w1")
    first = job.steps[0]
    running = _saved(store, claim, first, begun(first, claim.now))
    failed = _failed(running, claim.now)
    store.finish(claim, FAILED, Progress(steps=(failed,), events=tuple(filter(None, [step_event(running, failed)]))))
    retried = JobEvent(kind=EventKind.RETRIED, by="night shift")
    again = replace(first, attempts=1)
    store.retry(job.id, [again], {}, "t2", retried)
    claim = claimed(store, job, "w2")
    running = _saved(store, claim, again, begun(again, claim.now))
    worked = done(running, claim.now)
    store.finish(claim, DONE, Progress(steps=(worked,), events=tuple(filter(None, [step_event(running, worked)]))))
    events = _events(store, job)
    assert [event.kind.value for event in events] == [
        *("requested", "claimed", "step_started", "step_failed", "failed"),
        *("retried", "claimed", "step_started", "step_done", "done"),
    ]
    assert (events[3].change, events[3].attempt, events[3].message) == (Change(id="mod-a-1.0.0"), 1, "no room")
    assert [error.message for error in events[3].errors] == ["disk full"]
    assert (events[5].by, events[1].worker, events[6].worker, events[7].attempt) == ("night shift", "w1", "w2", 2)
    assert events[4].message == FAILED.message
    assert store.job(job.id).steps[0].errors == ()


def test_taking_over_giving_back_and_planning_again_are_in_the_history(store: Store, pass_time: PassTime) -> None:
    job = submit(store)
    claimed(store, job, "w1")
    pass_time(LEASE + 1)
    second = claimed(store, job, "w2")
    store.replan(second, job.steps, (), "")
    store.release(second)
    claimed(store, job, "w3")
    events = _events(store, job)[1:]
    assert [(event.kind.value, event.worker) for event in events] == [
        *[("claimed", "w1"), ("taken_over", "w2"), ("replanned", None), ("released", "w2"), ("claimed", "w3")]
    ]


def test_an_abort_is_in_the_history_with_who_wanted_it_and_what_it_stopped(store: Store) -> None:
    job = submit(store)
    claim = claimed(store, job)
    _saved(store, claim, job.steps[0], begun(job.steps[0], claim.now))
    store.abort(job.id, keep=True, by="diku_admin")
    assert _events(store, job)[-1].by == "diku_admin"
    store.end_abort(claim, {})
    assert _kinds(store, job)[3:] == ["abort_requested", "step_stopped", "aborted"]


def test_a_queued_job_that_is_aborted_or_revoked_says_so(store: Store) -> None:
    aborted, revoked = submit(store), submit(store, "other")
    store.abort(aborted.id, keep=True, by="diku_admin")
    assert store.end_queued(revoked.id, REVOKED)
    assert not store.end_queued(revoked.id, REVOKED)
    assert [(event.kind, event.by) for event in _events(store, aborted)[1:]] == [(EventKind.ABORTED, "diku_admin")]
    assert _kinds(store, revoked) == ["requested", "revoked"]


def test_a_stale_claim_adds_nothing_to_the_history(store: Store, pass_time: PassTime) -> None:
    job = submit(store)
    stale = claimed(store, job, "w1")
    pass_time(LEASE + 1)
    claimed(store, job, "w2")
    before = _events(store, job)
    event = JobEvent(kind=EventKind.STEP_STARTED, change=job.steps[0].change)
    with pytest.raises(LostJob):
        store.save(stale, Progress(events=(event,)))
    with pytest.raises(LostJob):
        store.finish(stale, DONE, Progress(events=(event,)))
    store.release(stale)
    assert _events(store, job) == before


def test_a_history_is_read_in_pages_by_kind_and_from_either_end(store: Store) -> None:
    job = submit(store)
    claim = claimed(store, job)
    started = [JobEvent(kind=EventKind.STEP_STARTED, at=claim.now + n, attempt=n) for n in range(5)]
    store.save(claim, Progress(events=tuple(started)))
    page = store.history(job.id, HistoryFilter(limit=3, offset=3))
    assert ([event.attempt for event in page.events], page.total) == ([1, 2, 3], 7)
    newest = store.history(job.id, HistoryFilter(limit=2, newest=True))
    assert ([event.attempt for event in newest.events], newest.total) == ([3, 4], 7)
    notable = store.history(job.id, HistoryFilter(kinds=NOTABLE))
    assert ([event.kind.value for event in notable.events], notable.total) == (["requested", "claimed"], 2)
    assert store.history(job.id, HistoryFilter(limit=0)).events == ()


def test_the_history_of_a_job_that_is_not_there_or_hidden_is_not_found(store: Store) -> None:
    job = submit(store)
    claimed(store, job)
    store.abort(job.id, keep=False)
    for name in (job.id, "none"):
        with pytest.raises(NotFound, match=f"^{name}$"):
            store.history(name, HistoryFilter())


def test_a_history_is_removed_with_its_job(sql_store: SqlStore) -> None:
    old, kept = ended(sql_store, submit(sql_store)), submit(sql_store, "other")
    sql_store.abort(old.id, keep=False)
    with sql_store.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(JOB_EVENTS)) == len(_events(sql_store, kept))
    sql_store.remove_tenant("other")
    assert sql_store.find_jobs(JobFilter()).total == 0
    with sql_store.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(JOB_EVENTS)) == 0


def test_progress_that_was_committed_twice_is_read_once(store: Store) -> None:
    job = submit(store)
    claim = claimed(store, job)
    progress = Progress(events=(JobEvent(kind=EventKind.STEP_STARTED, at=claim.now, change=job.steps[0].change),))
    store.save(claim, progress)
    store.save(claim, progress)
    assert _kinds(store, job) == ["requested", "claimed", "step_started"]


def test_where_a_module_runs_is_kept_with_its_step(store: Store) -> None:
    job = submit(store)
    claim = claimed(store, job)
    placed = replace(begun(job.steps[0], claim.now), instance_url="http://10.0.0.7:8081", tenant_job_id="j1")
    store.save(claim, Progress(steps=(placed,)))
    step = store.job(job.id).steps[0]
    assert (step.instance_url, step.tenant_job_id, step.tenant_job) == ("http://10.0.0.7:8081", "j1", None)


def test_what_does_not_run_in_a_retry_is_kept_with_the_steps_until_the_next(store: Store) -> None:
    job = submit(store)
    store.finish(claimed(store, job), FAILED, Progress())
    held = replace(job.steps[1], held=True)
    store.retry(job.id, [job.steps[0], held], {}, "t2")
    assert [step.held for step in store.job(job.id).steps] == [False, True]
    claim = claimed(store, job)
    assert [step.held for step in claim.job.steps] == [False, True]
    store.save(claim, Progress(steps=(done(claim.job.steps[0], claim.now), replace(held, message="x"))))
    store.finish(claim, FAILED, Progress())
    assert [step.held for step in store.job(job.id).steps] == [False, True]
    store.retry(job.id, job.steps, {}, "t3")
    assert [step.held for step in store.job(job.id).steps] == [False, False]
