"""RolloutStore: tenants start in waves, once each, and only while the rollout may start them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from okapi_install.adapters.store import SqlStore, open_store
from okapi_install.domain.errors import KeyReused, NotFound, UserError
from okapi_install.domain.history import EventKind
from okapi_install.domain.jobs import Change, InstallOptions, JobKind, JobStatus, StepStatus
from okapi_install.domain.rollouts.rollout import PauseReason, PauseRule, RolloutStatus, TenantStatus
from okapi_install.domain.rollouts.windows import Window
from okapi_install.service.ports import EndTenant, HistoryFilter, JobRef, Progress, RetryJob, StartJob, Store
from tests.contract.builders import DONE, FAILED, claimed, ended, new_job, submit
from tests.contract.conftest import PassTime
from tests.contract.rollout_builders import advanced, new_rollout, rolled_out, statuses

_DUE = 20


def _end(store: Store, ref: JobRef, failed: bool = False) -> None:
    ended(store, store.job(ref.id), FAILED if failed else DONE)


def _tenants(refs: list[JobRef]) -> list[str]:
    return [ref.tenant for ref in refs]


def _callbacks(store: Store) -> list[tuple[RolloutStatus, int]]:
    due = store.due_rollout_callbacks(_DUE)
    return [(view.rollout.status, view.rollout.callback_attempts) for view in due]


def test_a_rollout_is_kept_as_it_was_added(store: Store) -> None:
    request = (Change(id="mod-a-1.0.0"),)
    given: dict[str, Any] = {
        "kind": JobKind.INSTALL,
        "request": request,
        "options": InstallOptions(parallel=3, purge=True),
        "max_per_module": 4,
        "max_failures": 2,
        "pause_after_wave": PauseRule(seconds=5.0),
        "windows": (Window.of(["mon", "fri"], "22:00", "02:00", "Europe/Berlin"),),
        "requested_by": "admin",
        "callback_url": "http://c.example/",
    }
    new = new_rollout(["a"], ["b", "c"], **given)
    added = store.add_rollout(new)
    view = store.rollout(added.id)
    assert view.rollout == added == replace(new.rollout, created=added.created)
    assert view.now >= added.created > 0
    assert store.rollout_tenants(added.id) == list(new.tenants)
    assert (view.tally.total, view.tally.first_unfinished, view.pace.seconds) == (3, 0, None)
    assert store.rollout_revision(added.id) == added.revision


def test_what_is_not_there_is_not_found(store: Store) -> None:
    for operation in (store.rollout, store.rollout_tenants, store.pause_rollout, store.resume_rollout):
        with pytest.raises(NotFound):
            operation("none")
    for missing in (
        lambda: store.advance_rollout("none", 1),
        lambda: store.start_in_rollout("none", [], most_waiting=1),
        lambda: store.retry_rollout("none", None),
        lambda: store.abort_rollout("none"),
    ):
        with pytest.raises(NotFound):
            missing()
    assert store.rollout_revision("none") is None


def test_the_same_key_adds_one_rollout_and_another_request_is_refused(store: Store) -> None:
    new = replace(new_rollout(["a"]), idempotency_key="k", request_digest="d")
    again = replace(new_rollout(["a"]), idempotency_key="k", request_digest="d")
    first = store.add_rollout(new)
    assert store.add_rollout(again) == first
    with pytest.raises(KeyReused):
        store.add_rollout(replace(again, request_digest="other"))


def test_a_page_has_the_newest_first_with_their_counts(store: Store) -> None:
    first, second = rolled_out(store, ["a"]), rolled_out(store, ["a", "b"])
    page = store.find_rollouts(1, 0)
    assert ([view.rollout.id for view in page.views], page.total) == ([second], 2)
    assert page.views[0].tally.total == 2
    assert [view.rollout.id for view in store.find_rollouts(5, 1).views] == [first]
    assert store.open_rollouts() == [first, second]
    assert store.rollout_census()["running"] == 2
    assert sum(store.rollout_census().values()) == 2


def test_waves_follow_each_other_and_no_more_run_than_may(store: Store) -> None:
    rollout = rolled_out(store, ["canary"], ["b", "c", "d"], max_concurrent=2, max_failures=3)
    canary = advanced(store, rollout)
    assert _tenants(canary) == ["canary"]
    assert advanced(store, rollout) == []
    _end(store, canary[0])
    two = advanced(store, rollout)
    assert _tenants(two) == ["b", "c"]
    assert advanced(store, rollout) == []
    _end(store, two[0], failed=True)
    assert _tenants(advanced(store, rollout)) == ["d"]
    assert [one.status.value for one in store.rollout_tenants(rollout)] == ["done", "error", "running", "running"]


def test_a_caller_gets_at_most_as_many_as_it_wants(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b", "c"])
    assert [one.tenant for one in store.advance_rollout(rollout, 2).tenants] == ["a", "b"]
    assert store.advance_rollout(rollout, 2).headers == {"X-Okapi-User-Id": "u1"}


def test_a_tenant_that_two_callers_start_has_one_job(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b"])
    first = [StartJob(tenant="a", job=new_job("a"))]
    second = [StartJob(tenant="a", job=new_job("a")), StartJob(tenant="b", job=new_job("b"))]
    assert _tenants(store.start_in_rollout(rollout, first, most_waiting=9)) == ["a"]
    assert _tenants(store.start_in_rollout(rollout, second, most_waiting=9)) == ["b"]
    assert [len(store.jobs_of(tenant)) for tenant in ("a", "b")] == [1, 1]


def test_it_ends_with_its_last_tenant_and_says_how_long_they_took(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b"])
    for ref in advanced(store, rollout):
        _end(store, ref)
    after = store.advance_rollout(rollout, 9)
    assert (after.before.status, after.rollout.status) == (RolloutStatus.RUNNING, RolloutStatus.DONE)
    view = store.rollout(rollout)
    assert view.rollout.ended is not None
    assert view.tally.count(TenantStatus.DONE) == view.pace.count == 2
    assert store.open_rollouts() == []
    assert store.advance_rollout(rollout, 9).tenants == ()


def test_a_failure_names_the_module_and_its_words(store: Store) -> None:
    rollout = rolled_out(store, ["a"])
    (ref,) = advanced(store, rollout)
    claim = claimed(store, store.job(ref.id))
    failed = replace(claim.job.steps[1], status=StepStatus.ERROR, message="no\0 table", ended=claim.now)
    store.finish(claim, FAILED, Progress(steps=(failed,)))
    store.advance_rollout(rollout, 9)
    (tenant,) = store.rollout_tenants(rollout)
    assert (tenant.status, tenant.module, tenant.job_id) == (TenantStatus.ERROR, "mod-b-1.0.0", ref.id)
    assert tenant.message in ("no\0 table", "no\ufffd table")
    assert store.rollout(rollout).rollout.status is RolloutStatus.ERROR


def test_too_many_failures_pause_it_and_a_person_lets_it_go_on(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b", "c", "d"], max_concurrent=1, max_failures=0)
    _end(store, advanced(store, rollout)[0], failed=True)
    assert advanced(store, rollout) == []
    paused = store.rollout(rollout).rollout
    assert (paused.status, paused.pause_reason) == (RolloutStatus.PAUSED, PauseReason.FAILURES)
    assert advanced(store, rollout) == []
    assert store.resume_rollout(rollout).status is RolloutStatus.RUNNING
    assert store.rollout(rollout).tally.failures == 0
    _end(store, advanced(store, rollout)[0], failed=True)
    assert advanced(store, rollout) == []
    assert store.rollout(rollout).rollout.status is RolloutStatus.PAUSED


def test_a_failure_after_the_look_stops_the_start(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b"], max_concurrent=2)
    (first,) = store.start_in_rollout(rollout, [StartJob(tenant="a", job=new_job("a"))], most_waiting=9)
    waiting = store.advance_rollout(rollout, 9).tenants
    _end(store, first, failed=True)
    starts = [StartJob(tenant=one.tenant, job=new_job(one.tenant)) for one in waiting]
    assert _tenants(store.start_in_rollout(rollout, starts, most_waiting=9)) == []
    assert statuses(store, rollout)["b"] is TenantStatus.WAITING


def test_a_paused_rollout_starts_nothing_and_goes_on_where_it_was(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b"], max_concurrent=1)
    starts = [StartJob(tenant="a", job=new_job("a"))]
    assert store.pause_rollout(rollout).pause_reason is PauseReason.REQUESTED
    assert store.pause_rollout(rollout).status is RolloutStatus.PAUSED
    assert store.start_in_rollout(rollout, starts, most_waiting=9) == []
    assert advanced(store, rollout) == []
    store.resume_rollout(rollout)
    assert store.resume_rollout(rollout).status is RolloutStatus.RUNNING
    assert _tenants(advanced(store, rollout)) == ["a"]


def test_it_waits_after_a_wave_for_so_many_seconds(store: Store, pass_time: PassTime) -> None:
    rollout = rolled_out(store, ["a"], ["b"], pause_after_wave=PauseRule(seconds=60.0))
    _end(store, advanced(store, rollout)[0])
    assert advanced(store, rollout) == []
    pass_time(61.0)
    assert _tenants(advanced(store, rollout)) == ["b"]


def test_outside_its_windows_nothing_starts_also_by_retry(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b"], max_concurrent=1, max_failures=9)
    _end(store, advanced(store, rollout)[0], failed=True)
    closed = (Window(days=(), start=0, end=60, zone="UTC"),)
    never = rolled_out(store, ["c"], windows=closed)
    assert advanced(store, never) == []
    assert store.start_in_rollout(never, [StartJob(tenant="c", job=new_job("c"))], most_waiting=9) == []
    assert statuses(store, never) == {"c": TenantStatus.WAITING}


def test_failed_tenants_wait_again_in_their_wave(store: Store) -> None:
    rollout = rolled_out(store, ["a"], ["b", "c"], max_concurrent=2, max_failures=9)
    _end(store, advanced(store, rollout)[0], failed=True)
    later = advanced(store, rollout)
    assert _tenants(later) == ["b", "c"]
    assert store.retry_rollout(rollout, ["a"]).status is RolloutStatus.RUNNING
    assert advanced(store, rollout) == []
    _end(store, later[0])
    (retried,) = store.advance_rollout(rollout, 9).tenants
    assert (retried.tenant, retried.attempts, retried.message) == ("a", 1, None)
    job = store.job(retried.job_id or "")
    start = RetryJob(tenant="a", job_id=job.id, steps=job.steps, task_id="t2")
    (ref,) = store.start_in_rollout(rollout, [start], most_waiting=9)
    assert (ref.id, ref.task_id, store.job(job.id).retries) == (job.id, "t2", 1)
    assert statuses(store, rollout)["a"] is TenantStatus.RUNNING


def test_a_retry_opens_a_rollout_that_had_ended_and_pardons_the_other_failures(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b"], max_concurrent=2)
    for ref in advanced(store, rollout):
        _end(store, ref, failed=True)
    store.advance_rollout(rollout, 9)
    assert store.rollout(rollout).rollout.status is RolloutStatus.ERROR
    for wrong in (["x"], []):
        with pytest.raises(UserError):
            store.retry_rollout(rollout, wrong)
    again = store.retry_rollout(rollout, ["b"])
    assert (again.status, again.ended) == (RolloutStatus.RUNNING, None)
    assert [one.tenant for one in store.advance_rollout(rollout, 9).tenants] == ["b"]
    store.retry_rollout(rollout, None)
    assert [one.tenant for one in store.advance_rollout(rollout, 9).tenants] == ["a", "b"]


def test_a_job_that_cannot_be_retried_any_more_is_replaced(store: Store) -> None:
    rollout = rolled_out(store, ["a"], max_failures=9)
    (ref,) = advanced(store, rollout)
    _end(store, ref, failed=True)
    store.retry_rollout(rollout, None)
    store.abort(ref.id, keep=False)
    start = RetryJob(tenant="a", job_id=ref.id, steps=(), task_id="t2")
    assert store.start_in_rollout(rollout, [start], most_waiting=9) == []
    (tenant,) = store.advance_rollout(rollout, 9).tenants
    assert (tenant.status, tenant.job_id) == (TenantStatus.WAITING, None)


def test_a_job_that_is_retried_by_hand_counts_in_its_rollout(store: Store) -> None:
    rollout = rolled_out(store, ["a"])
    (ref,) = advanced(store, rollout)
    _end(store, ref, failed=True)
    store.advance_rollout(rollout, 9)
    assert store.open_rollouts() == []
    job = store.job(ref.id)
    store.retry(job.id, job.steps, {}, "t2")
    assert store.open_rollouts() == [rollout]
    assert store.advance_rollout(rollout, 9).rollout.status is RolloutStatus.RUNNING
    _end(store, ref)
    assert store.advance_rollout(rollout, 9).rollout.status is RolloutStatus.DONE
    assert statuses(store, rollout) == {"a": TenantStatus.DONE}


def test_a_deleted_job_is_a_failure_that_says_so(store: Store) -> None:
    rollout = rolled_out(store, ["a"])
    (ref,) = advanced(store, rollout)
    store.abort(ref.id, keep=False)
    store.advance_rollout(rollout, 9)
    (tenant,) = store.rollout_tenants(rollout)
    assert (tenant.status, tenant.message) == (TenantStatus.ERROR, "The job was aborted and its record deleted.")


def test_a_tenant_without_a_plan_or_without_changes_is_over_without_a_job(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b", "c"], max_failures=0)
    starts = [EndTenant(tenant="a"), EndTenant(tenant="b", message="no plan"), EndTenant(tenant="c")]
    assert store.start_in_rollout(rollout, starts, most_waiting=9) == []
    found = {one.tenant: (one.status, one.message) for one in store.rollout_tenants(rollout)}
    assert found == {
        "a": (TenantStatus.UPTODATE, None),
        "b": (TenantStatus.ERROR, "no plan"),
        "c": (TenantStatus.WAITING, None),  # the failure of b was one too many
    }


def test_a_tenant_that_cannot_have_a_job_has_failed(store: Store) -> None:
    rollout = rolled_out(store, ["gone", "full"], max_failures=9)
    store.remove_tenant("gone")
    submit(store, "full")
    starts = [StartJob(tenant=name, job=new_job(name)) for name in ("gone", "full")]
    assert store.start_in_rollout(rollout, starts, most_waiting=1) == []
    tenants = {one.tenant: one.message or "" for one in store.rollout_tenants(rollout)}
    assert "does not exist any more" in tenants["gone"]
    assert "full" in tenants["full"]
    assert set(statuses(store, rollout).values()) == {TenantStatus.ERROR}


def test_what_fails_among_tenants_that_start_together_holds_back_those_after_it(store: Store) -> None:
    rollout = rolled_out(store, ["a", "gone", "z"], max_failures=0)
    store.remove_tenant("gone")
    starts = [StartJob(tenant=name, job=new_job(name)) for name in ("z", "gone", "a")]
    refs = store.start_in_rollout(rollout, starts, most_waiting=9)
    assert [(ref.tenant, store.job(ref.id).status) for ref in refs] == [("a", JobStatus.QUEUED)]
    expected = {"a": TenantStatus.RUNNING, "gone": TenantStatus.ERROR, "z": TenantStatus.WAITING}
    assert statuses(store, rollout) == expected
    assert store.jobs_of("z") == []


def test_jobs_that_start_together_have_their_own_steps_and_history(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b"])
    new = {"a": new_job("a"), "b": new_job("b", "mod-x-1.0.0")}
    starts = [StartJob(tenant=name, job=job) for name, job in new.items()]
    refs = store.start_in_rollout(rollout, starts, most_waiting=9)
    for ref in refs:
        job, wanted = store.job(ref.id), new[ref.tenant]
        assert (job.tenant, job.steps, job.edges, job.options) == (
            ref.tenant,
            wanted.steps,
            wanted.edges,
            wanted.options,
        )
        assert [event.kind for event in store.history(ref.id, HistoryFilter()).events] == [EventKind.REQUESTED]


def test_an_abort_skips_what_waits_and_ends_with_what_runs(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b"], max_concurrent=1)
    (ref,) = advanced(store, rollout)
    assert store.abort_rollout(rollout) == [ref.id]
    assert store.abort_rollout(rollout) == [ref.id]
    assert statuses(store, rollout) == {"a": TenantStatus.RUNNING, "b": TenantStatus.SKIPPED}
    assert store.advance_rollout(rollout, 9).rollout.status is RolloutStatus.ABORTING
    _end(store, ref)
    assert store.advance_rollout(rollout, 9).rollout.status is RolloutStatus.ABORTED
    for request in (store.pause_rollout, store.resume_rollout, store.abort_rollout):
        with pytest.raises(UserError, match="aborted"):
            request(rollout)
    with pytest.raises(UserError, match="Start a new one"):
        store.retry_rollout(rollout, None)


def test_a_running_tenant_shows_when_its_job_started(store: Store) -> None:
    rollout = rolled_out(store, ["a"])
    (ref,) = advanced(store, rollout)
    assert store.rollout_tenants(rollout)[0].started is None
    claim = claimed(store, store.job(ref.id))
    assert store.rollout_tenants(rollout)[0].started == claim.job.started


def test_each_change_gives_it_a_new_revision(store: Store) -> None:
    rollout = rolled_out(store, ["a", "b"], max_concurrent=1, max_failures=9)
    seen = [store.rollout_revision(rollout) or 0]

    def changed() -> bool:
        seen.append(store.rollout_revision(rollout) or 0)
        return seen[-1] > seen[-2]

    (ref,) = advanced(store, rollout)
    assert changed()
    _end(store, ref, failed=True)
    store.advance_rollout(rollout, 0)
    assert changed()
    store.pause_rollout(rollout)
    assert changed()
    store.resume_rollout(rollout)
    assert changed()
    store.retry_rollout(rollout, None)
    assert changed()
    store.advance_rollout(rollout, 0)
    assert not changed()


def test_a_pause_that_no_client_requested_and_the_end_are_called_back(store: Store, pass_time: PassTime) -> None:
    rollout = rolled_out(store, ["a"], ["b"], pause_after_wave=PauseRule(), callback_url="http://c.example/")
    store.pause_rollout(rollout)
    store.resume_rollout(rollout)
    assert _callbacks(store) == []
    _end(store, advanced(store, rollout)[0])
    store.advance_rollout(rollout, 9)
    assert _callbacks(store) == [(RolloutStatus.PAUSED, 1)]
    assert _callbacks(store) == []
    pass_time(61.0)
    assert _callbacks(store) == [(RolloutStatus.PAUSED, 2)]
    store.rollout_callback_done(rollout, delivered=False, retry_in=10.0)
    pass_time(11.0)
    assert _callbacks(store) == [(RolloutStatus.PAUSED, 3)]
    store.rollout_callback_done(rollout, delivered=True, retry_in=None)
    pass_time(100.0)
    assert _callbacks(store) == []
    store.resume_rollout(rollout)
    _end(store, advanced(store, rollout)[0])
    store.advance_rollout(rollout, 9)
    assert _callbacks(store) == [(RolloutStatus.DONE, 1)]


def test_a_job_stays_until_its_rollout_has_seen_its_end(store: Store, pass_time: PassTime) -> None:
    rollout = rolled_out(store, ["a"])
    (ref,) = advanced(store, rollout)
    _end(store, ref)
    pass_time(1000.0)
    assert store.purge_complete(10.0) == 0
    store.advance_rollout(rollout, 9)
    assert store.purge_complete(10.0) == 1
    assert statuses(store, rollout) == {"a": TenantStatus.DONE}


def test_a_complete_rollout_can_be_removed_and_its_jobs_stay(store: Store) -> None:
    rollout = rolled_out(store, ["a"], ["b"], max_failures=1)
    (ref,) = advanced(store, rollout)
    with pytest.raises(UserError, match="The rollout is running"):
        store.remove_rollout(rollout)
    _end(store, ref, failed=True)
    _end(store, advanced(store, rollout)[0])
    assert store.advance_rollout(rollout, 9).rollout.status is RolloutStatus.ERROR
    store.retry(ref.id, store.job(ref.id).steps, {}, "t2")
    with pytest.raises(UserError, match="was retried and has not ended"):
        store.remove_rollout(rollout)
    _end(store, ref)
    store.remove_rollout(rollout)
    assert (store.rollout_revision(rollout), store.find_rollouts(9, 0).total, store.open_rollouts()) == (None, 0, [])
    assert store.job(ref.id).complete
    with pytest.raises(NotFound):
        store.remove_rollout(rollout)


def test_rollouts_that_ended_long_ago_are_purged_unless_they_may_go_on(store: Store, pass_time: PassTime) -> None:
    done, waiting, retried = rolled_out(store, ["a"]), rolled_out(store, ["b"]), rolled_out(store, ["c"])
    owing, aborted = rolled_out(store, ["d"], callback_url="http://c.example/"), rolled_out(store, ["e"])
    (failed,) = advanced(store, retried)
    for ref in (*advanced(store, done), *advanced(store, owing)):
        _end(store, ref)
    _end(store, failed, failed=True)
    store.abort_rollout(aborted)
    for rollout in (done, retried, owing, aborted):
        assert store.advance_rollout(rollout, 9).rollout.complete
    assert store.purge_rollouts(50.0) == 0
    store.retry(failed.id, store.job(failed.id).steps, {}, "t2")
    pass_time(100)
    assert store.purge_rollouts(50.0) == 2
    assert [view.rollout.id for view in store.find_rollouts(9, 0).views] == [owing, retried, waiting]
    store.rollout_callback_done(owing, delivered=True, retry_in=None)
    assert store.purge_rollouts(50.0) == 1
    with pytest.raises(NotFound):
        store.rollout_tenants(done)


def test_workers_that_start_at_once_start_each_tenant_once_and_no_more_than_may(postgresql_store: SqlStore) -> None:
    tenants = [f"t{number}" for number in range(40)]
    rollout = rolled_out(postgresql_store, tenants[:4], tenants[4:], max_concurrent=7)
    url = postgresql_store.engine.url.render_as_string(hide_password=False)
    most = [0]

    def work(_: int) -> int:
        mine, started = open_store(url, pool_size=1), 0
        while not mine.rollout(rollout).rollout.complete:
            refs = advanced(mine, rollout, 3)
            started += len(refs)
            most.append(mine.rollout(rollout).tally.count(TenantStatus.RUNNING))
            for ref in refs:
                _end(mine, ref)
        mine.dispose()
        return started

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 40
    assert max(most) <= 7
    assert {len(postgresql_store.jobs_of(tenant)) for tenant in tenants} == {1}
    assert postgresql_store.rollout(rollout).rollout.status is RolloutStatus.DONE
    assert all(job.status is JobStatus.DONE for tenant in tenants for job in postgresql_store.jobs_of(tenant))
