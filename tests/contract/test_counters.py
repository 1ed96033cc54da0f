"""JobStore: the counters of the metrics, which all processes add to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from okapi_install.adapters.store import SqlStore
from okapi_install.domain.jobs import EndReason, JobStatus, StepStatus
from okapi_install.service.metrics import CountKey
from okapi_install.service.ports import Ending, Progress, Store, TroubleKind
from tests.contract.builders import begun, claimed, done, ended, submit
from tests.contract.conftest import PassTime

POLLS: CountKey = ("okapi_install_polls_total", (("outcome", "answered"),))
JOBS: CountKey = ("okapi_install_jobs_ended_total", (("kind", "install"), ("outcome", "done")))
PLAIN: CountKey = ("okapi_install_leases_taken_over_total", ())


def test_there_are_no_counts_in_an_empty_store(store: Store) -> None:
    assert store.counts() == {}


def test_counts_are_added_up(store: Store) -> None:
    store.add_counts({POLLS: 2.0, PLAIN: 1.0})
    store.add_counts({POLLS: 0.5, JOBS: 3.0})
    store.add_counts({})
    assert store.counts() == {POLLS: 2.5, PLAIN: 1.0, JOBS: 3.0}


def test_counts_differ_by_their_labels(store: Store) -> None:
    other = ("okapi_install_polls_total", (("outcome", 'fa"iled\\, or é'),))
    store.add_counts({POLLS: 1.0, other: 2.0})
    assert store.counts() == {POLLS: 1.0, other: 2.0}


def test_counts_outlive_the_jobs(store: Store, pass_time: PassTime) -> None:
    ended(store, submit(store))
    store.add_counts({JOBS: 1.0})
    pass_time(100)
    assert store.purge_complete(50.0) == 1
    store.remove_tenant("diku")
    assert store.counts() == {JOBS: 1.0}


def test_processes_that_add_at_once_lose_nothing(sql_store: SqlStore) -> None:
    orders = ({POLLS: 1.0, JOBS: 1.0, PLAIN: 1.0}, {PLAIN: 1.0, JOBS: 1.0, POLLS: 1.0})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(sql_store.add_counts, orders * 20))
    assert sql_store.counts() == {POLLS: 40.0, JOBS: 40.0, PLAIN: 40.0}


def test_a_step_that_takes_longer_than_its_product_ever_did_is_slow(store: Store, pass_time: PassTime) -> None:
    ended(store, submit(store, "a", "mod-a-1.0.0"))
    job = submit(store, "b", "mod-a-2.0.0", "mod-new-1.0.0")
    claim = claimed(store, job, lease=1000.0)
    store.save(claim, Progress(steps=tuple(begun(step, claim.now) for step in job.steps)))
    assert (store.census().running_steps, store.census().slow_steps) == (2, 0)
    if isinstance(store, SqlStore):
        begins = tuple(begun(step, claim.now - 100) for step in job.steps)
        store.save(claim, Progress(steps=begins))
    else:
        pass_time(100)
    assert (store.census().running_steps, store.census().slow_steps) == (2, 1)
    (trouble,) = store.troubles(3600.0, 20)
    assert (trouble.kind, trouble.tenant, trouble.job_id) == (TroubleKind.SLOW, "b", job.id)
    assert trouble.module == "mod-a-2.0.0"
    store.save(claim, Progress(steps=(done(job.steps[0], claim.now),)))
    assert store.job(job.id).steps[0].status is StepStatus.DONE
    assert (store.census().running_steps, store.census().slow_steps) == (1, 0)


def test_jobs_that_failed_lately_and_the_one_that_waits_longest_are_troubles(store: Store, pass_time: PassTime) -> None:
    assert store.troubles(3600.0, 20) == []
    failed = [submit(store, "a", "mod-a-1.0.0") for _ in range(2)]
    for job in failed:
        ending = Ending(status=JobStatus.ERROR, message="no", reason=EndReason.FAILED)
        store.finish(claimed(store, job), ending, Progress())
        pass_time(0.01)
    aborted = submit(store, "a", "mod-a-1.0.0")
    store.abort(aborted.id, keep=True)
    waits, _ = [submit(store, "b", "mod-a-1.0.0") for _ in range(2)]
    found = [(t.kind, t.tenant, t.job_id) for t in store.troubles(3600.0, 20)]
    assert found == [
        (TroubleKind.FAILED, "a", failed[1].id),
        (TroubleKind.FAILED, "a", failed[0].id),
        (TroubleKind.WAITING, "b", waits.id),
    ]
    assert [t.kind for t in store.troubles(3600.0, 1)] == [TroubleKind.FAILED, TroubleKind.WAITING]
    pass_time(4000.0)
    assert [t.kind for t in store.troubles(3600.0, 20)] == [TroubleKind.WAITING]
