"""JobStore: a worker claims a job, commits its progress, and loses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from okapi_install.domain.errors import LostJob
from okapi_install.domain.jobs import JobStatus, Parameter, Problem, Stage, StepStatus, TenantJob, TenantJobPhase
from okapi_install.service.ports import Beat, Claim, Progress, Store, Tenant
from tests.contract.builders import DONE, FAILED, LEASE, begun, claimed, done, plan, submit, unfinished_work
from tests.contract.conftest import PassTime


def test_a_claim_gives_a_queued_job_to_a_worker(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"), ["mod-x-1.0.0"])
    job = submit(store, task_id="t0")
    claim = store.claim(job.id, "w1", "t1", LEASE)
    assert claim is not None
    assert (claim.worker, claim.epoch, claim.enabled, claim.headers) == (
        "w1",
        1,
        frozenset({"mod-x-1.0.0"}),
        {"X-Okapi-User-Id": "u1"},
    )
    assert (claim.aborting, claim.taken_over) == (False, False)
    assert claim.job == store.job(job.id)
    owned = claim.job
    assert (owned.status, owned.owner, owned.epoch, owned.task_id) == (JobStatus.RUNNING, "w1", 1, "t1")
    assert owned.lease_until == pytest.approx(claim.now + LEASE)
    assert job.created <= claim.now
    assert owned.started == pytest.approx(claim.now, abs=1.0)


def test_a_claim_without_a_task_leaves_the_task(store: Store) -> None:
    job = submit(store, task_id="t0")
    assert claimed(store, job).job.task_id == "t0"


def test_a_job_is_claimed_once(store: Store) -> None:
    job = submit(store)
    claimed(store, job)
    assert store.claim(job.id, "w2", None, LEASE) is None
    assert store.claim(job.id, "w1", None, LEASE) is None
    assert store.claim("none", "w1", None, LEASE) is None


def test_a_tenants_jobs_run_one_after_the_other_first_come_first_served(store: Store) -> None:
    first, second = submit(store), submit(store)
    assert store.claim(second.id, "w1", None, LEASE) is None
    claim = claimed(store, first)
    assert store.claim(second.id, "w1", None, LEASE) is None
    following = store.finish(claim, DONE, Progress())
    assert following is not None
    assert (following.id, following.tenant, following.kind) == (second.id, "diku", second.kind)
    assert store.finish(claimed(store, second), DONE, Progress()) is None


def test_jobs_of_different_tenants_run_side_by_side(store: Store) -> None:
    for tenant in ("a", "b", "c"):
        claimed(store, submit(store, tenant))
    assert store.census().jobs[JobStatus.RUNNING] == 3


def test_a_lease_that_has_run_out_lets_another_worker_take_over(store: Store) -> None:
    job = submit(store)
    first = claimed(store, job, "w1", lease=-1.0)
    progress = Progress(steps=(done(job.steps[0], first.now), begun(job.steps[1], first.now)), enable=("mod-a-1.0.0",))
    store.save(first, progress)
    second = claimed(store, job, "w2")
    assert (second.taken_over, second.epoch, second.enabled) == (True, 2, frozenset({"mod-a-1.0.0"}))
    assert second.headers == {"X-Okapi-User-Id": "u1"}
    assert second.job.started == first.job.started
    assert [step.status for step in second.job.steps] == [StepStatus.DONE, StepStatus.RUNNING]
    assert store.claim(job.id, "w3", None, LEASE) is None


def test_time_makes_a_lease_run_out(store: Store, pass_time: PassTime) -> None:
    job = submit(store)
    claimed(store, job)
    pass_time(LEASE + 5)
    assert claimed(store, job, "w2").taken_over


def test_a_lease_that_has_run_out_holds_until_it_is_taken_over(store: Store) -> None:
    claim = claimed(store, submit(store), lease=-1.0)
    store.save(claim, Progress())
    assert store.standing(claim) is JobStatus.RUNNING
    store.finish(claim, DONE, Progress())


def _stale_writes(claim: Claim) -> dict[str, Callable[[Store], object]]:
    progress = Progress(steps=(done(claim.job.steps[0], claim.now),), enable=("mod-stale-1.0.0",))
    return {
        "save": lambda store: store.save(claim, progress),
        "finish": lambda store: store.finish(claim, DONE, progress),
        "replan": lambda store: store.replan(claim, plan("mod-stale-1.0.0"), (), ""),
        "end_abort": lambda store: store.end_abort(claim, {"mod-stale-1.0.0": "it may still be busy"}),
    }


_WRITES = ["save", "finish", "replan", "end_abort"]


@pytest.mark.parametrize("write", _WRITES)
def test_a_stale_claim_changes_nothing(store: Store, write: str) -> None:
    job = submit(store)
    stale = claimed(store, job, "w1", lease=-1.0)
    valid = claimed(store, job, "w2")
    before = store.job(job.id)
    with pytest.raises(LostJob):
        _stale_writes(stale)[write](store)
    store.release(stale)
    assert store.standing(stale) is None
    assert store.job(job.id) == before
    assert store.enabled("diku") == []
    store.finish(valid, DONE, Progress())
    assert unfinished_work(store) == {}


@pytest.mark.parametrize("write", _WRITES)
def test_the_same_worker_with_an_older_claim_changes_nothing(store: Store, write: str) -> None:
    job = submit(store)
    stale = claimed(store, job, "w1", lease=-1.0)
    claimed(store, job, "w1")
    before = store.job(job.id)
    with pytest.raises(LostJob):
        _stale_writes(stale)[write](store)
    assert store.job(job.id) == before


@pytest.mark.parametrize("write", _WRITES)
def test_a_job_that_is_over_takes_no_more_writes(store: Store, write: str) -> None:
    job = submit(store)
    claim = claimed(store, job)
    store.finish(claim, DONE, Progress())
    before = store.job(job.id)
    with pytest.raises(LostJob):
        _stale_writes(claim)[write](store)
    assert (store.job(job.id), store.standing(claim)) == (before, None)


@pytest.mark.parametrize("write", _WRITES)
def test_a_removed_tenant_takes_the_job_from_its_worker(store: Store, write: str) -> None:
    claim = claimed(store, submit(store))
    store.remove_tenant("diku")
    with pytest.raises(LostJob):
        _stale_writes(claim)[write](store)
    store.add_tenant(Tenant(id="diku"))
    assert store.enabled("diku") == []


def test_progress_is_one_commit_of_steps_and_modules(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"), ["mod-a-0.9.0", "mod-x-1.0.0"])
    job = submit(store)
    claim = claimed(store, job)
    problem = Problem(message="m", type="error", code="c", parameters=(Parameter(key="k", value="v"),))
    first = replace(done(job.steps[0], claim.now), warnings=(problem, Problem(message="only")), attempts=2)
    waiting = TenantJob(id="tj", base_url="http://127.0.0.1:1", phase=TenantJobPhase.PURGE)
    second = replace(begun(job.steps[1], claim.now), tenant_job=waiting, errors=(problem,), message="words")
    revision = store.save(claim, Progress(steps=(first, second), enable=("mod-a-1.0.0",), disable=("mod-a-0.9.0",)))
    read = store.job(job.id)
    assert read.revision == revision
    assert read.steps == (replace(first, revision=revision), replace(second, revision=revision))
    assert store.enabled("diku") == ["mod-a-1.0.0", "mod-x-1.0.0"]


def test_only_what_changed_gets_the_new_revision(store: Store) -> None:
    job = submit(store)
    claim = claimed(store, job)
    store.save(claim, Progress(steps=(begun(job.steps[0], claim.now),)))
    revision = store.save(claim, Progress(steps=(begun(job.steps[1], claim.now),)))
    assert [step.revision for step in store.job(job.id).steps] == [revision - 1, revision]


def test_modules_may_be_enabled_already_and_be_disabled_already(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"), ["mod-a-1.0.0"])
    claim = claimed(store, submit(store))
    progress = Progress(enable=("mod-a-1.0.0", "mod-b-1.0.0"), disable=("mod-c-1.0.0",))
    store.save(claim, progress)
    store.save(claim, progress)
    assert store.enabled("diku") == ["mod-a-1.0.0", "mod-b-1.0.0"]


def test_a_claimed_job_is_planned_again(store: Store) -> None:
    job = submit(store, edges=((0, 1),), assumed="old")
    claim = claimed(store, job)
    steps = plan("mod-c-1.0.0", "mod-d-1.0.0", "mod-e-1.0.0")
    store.replan(claim, steps, ((0, 2), (1, 2)), "new")
    read = store.job(job.id)
    assert (read.edges, read.assumed) == (((0, 2), (1, 2)), "new")
    assert [replace(step, revision=0) for step in read.steps] == list(steps)
    assert {step.revision for step in read.steps} == {read.revision}
    store.replan(claim, (), (), "none")
    assert (store.job(job.id).steps, store.job(job.id).edges) == ((), ())


def test_a_released_job_is_queued_with_its_steps_for_another_worker(store: Store) -> None:
    job = submit(store)
    later = submit(store)
    claim = claimed(store, job)
    store.save(claim, Progress(steps=(begun(job.steps[0], claim.now),), enable=("mod-a-1.0.0",)))
    store.release(claim)
    read = store.job(job.id)
    assert (read.status, read.owner, read.lease_until) == (JobStatus.QUEUED, None, None)
    assert read.steps[0].stage is Stage.INVOKE
    assert store.standing(claim) is None
    assert store.claim(later.id, "w2", None, LEASE) is None
    again = claimed(store, job, "w2")
    assert (again.taken_over, again.epoch, again.headers) == (False, 2, {"X-Okapi-User-Id": "u1"})
    assert again.job.started == claim.job.started


def test_a_heartbeat_renews_the_leases_of_the_workers_own_jobs(store: Store, pass_time: PassTime) -> None:
    mine, aborted, other = submit(store, "a"), submit(store, "b"), submit(store, "c")
    for job, worker in ((mine, "w1"), (aborted, "w1"), (other, "w2")):
        claimed(store, job, worker)
    store.abort(aborted.id, keep=False)
    pass_time(LEASE - 5)
    beats = store.beat("w1", LEASE)
    assert sorted(beats, key=lambda beat: beat.job_id) == sorted(
        [
            Beat(job_id=mine.id, epoch=1, status=JobStatus.RUNNING),
            Beat(job_id=aborted.id, epoch=1, status=JobStatus.ABORTING),
        ],
        key=lambda beat: beat.job_id,
    )
    pass_time(LEASE - 5)
    assert store.claim(mine.id, "w3", None, LEASE) is None
    assert claimed(store, other, "w3").taken_over


def test_a_heartbeat_tells_nothing_of_jobs_that_are_over_or_lost(store: Store) -> None:
    over, lost = submit(store, "a"), submit(store, "b")
    store.finish(claimed(store, over), DONE, Progress())
    claimed(store, lost, lease=-1.0)
    claimed(store, lost, "w2")
    assert store.beat("w1", LEASE) == []


def test_takeovers_are_counted_until_a_step_ends(store: Store) -> None:
    job = submit(store)
    assert claimed(store, job, "w0", lease=-1.0).takeovers == 0
    counted = []
    for number in range(3):
        claim = claimed(store, job, f"w{number}", lease=-1.0)
        store.save(claim, Progress(steps=(begun(claim.job.steps[0], claim.now),)))
        counted.append(claim.takeovers)
    assert counted == [1, 2, 3]
    claim = claimed(store, job, "w4", lease=-1.0)
    store.save(claim, Progress(steps=(done(claim.job.steps[0], claim.now), begun(claim.job.steps[1], claim.now))))
    assert [claimed(store, job, "w5", lease=-1.0).takeovers for _ in range(2)] == [1, 2]
    store.abort(job.id, keep=True)
    assert claimed(store, job, "w6", lease=-1.0).takeovers == 3


def test_a_job_that_is_given_back_is_not_taken_over_and_a_retry_counts_anew(store: Store) -> None:
    job = submit(store)
    claimed(store, job, "w1", lease=-1.0)
    taken = claimed(store, job, "w2", lease=-1.0)
    store.release(taken)
    again = claimed(store, job, "w3")
    assert (again.taken_over, again.takeovers) == (False, 1)
    store.finish(again, FAILED, Progress())
    store.retry(job.id, job.steps, {}, "task")
    assert claimed(store, job, "w4", lease=-1.0).takeovers == 0
    assert claimed(store, job, "w5").takeovers == 1
