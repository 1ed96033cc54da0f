"""JobStore: sweeps, callbacks, the removal of old jobs, and the numbers for the metrics."""

from __future__ import annotations

import pytest

from okapi_install.adapters.store import SqlStore
from okapi_install.domain.jobs import JobStatus
from okapi_install.service.ports import Progress, Store, WorkerAbout
from tests.contract.builders import DONE, FAILED, LEASE, claimed, ended, submit
from tests.contract.conftest import PassTime
from tests.fakes.memory_store import MemoryStore

_AFTER = 10.0


def _swept(store: Store) -> list[str]:
    return sorted(ref.id for ref in store.sweep(LEASE, _AFTER))


def test_a_sweep_finds_nothing_where_all_is_well(store: Store) -> None:
    running = submit(store, "a")
    submit(store, "a")
    submit(store, "b")
    claimed(store, running)
    assert _swept(store) == []


def test_an_expired_lease_is_handed_out_once_in_a_lease(store: Store, pass_time: PassTime) -> None:
    job = submit(store, task_id="t1")
    claimed(store, job)
    pass_time(LEASE + 1)
    refs = store.sweep(LEASE, _AFTER)
    assert [(ref.id, ref.tenant, ref.kind, ref.task_id) for ref in refs] == [(job.id, "diku", job.kind, "t1")]
    assert _swept(store) == []
    pass_time(LEASE + 1)
    assert _swept(store) == [job.id]
    claimed(store, job, "w2")
    assert _swept(store) == []
    pass_time(LEASE + 1)
    assert _swept(store) == [job.id]


def test_a_message_that_nobody_took_is_sent_again_at_growing_intervals(store: Store, pass_time: PassTime) -> None:
    job = submit(store)
    for interval in (_AFTER, 2 * _AFTER, 4 * _AFTER):
        pass_time(interval - 2)
        assert _swept(store) == []
        pass_time(4)
        assert _swept(store) == [job.id]
    for _ in range(10):
        pass_time(64 * _AFTER + 2)
        assert _swept(store) == [job.id]


def test_only_a_job_whose_turn_it_is_is_sent_again(store: Store, pass_time: PassTime) -> None:
    first, second = submit(store, "a"), submit(store, "a")
    running, behind = submit(store, "b"), submit(store, "b")
    claimed(store, running, lease=1000.0)
    pass_time(_AFTER + 1)
    assert _swept(store) == [first.id]
    store.abort(first.id, keep=False)
    assert _swept(store) == [second.id]
    assert store.job(behind.id).status is JobStatus.QUEUED


def test_a_released_job_is_sent_again_at_once(store: Store) -> None:
    job = submit(store)
    store.release(claimed(store, job))
    assert _swept(store) == [job.id]
    assert _swept(store) == []


def test_a_retried_job_counts_as_just_sent(store: Store, pass_time: PassTime) -> None:
    job = submit(store)
    ended(store, job, FAILED)
    pass_time(_AFTER * 100)
    store.retry(job.id, job.steps, {}, "t2")
    assert _swept(store) == []


def test_a_job_that_its_owner_does_not_carry_out_is_given_up_to_the_sweep(store: Store) -> None:
    assert isinstance(store, SqlStore | MemoryStore)
    job = submit(store)
    claimed(store, job)
    (beat,) = store.beat("w1", LEASE)
    store.disown("w2", beat)
    assert _swept(store) == []
    store.disown("w1", beat)
    assert _swept(store) == [job.id]
    claimed(store, job, "w2")
    store.disown("w1", beat)
    assert store.claim(job.id, "w3", None, LEASE) is None


def _due(store: Store) -> list[str]:
    return [job.id for job in store.due_callbacks(10)]


def test_a_callback_is_due_when_the_job_is_complete(store: Store) -> None:
    job = submit(store, callback_url="http://127.0.0.1/cb")
    silent = submit(store, "other")
    claim = claimed(store, job)
    assert _due(store) == []
    store.finish(claim, DONE, Progress())
    ended(store, silent)
    assert store.due_callbacks(10) == [store.job(job.id)]
    assert _due(store) == []


def test_a_callback_of_a_caller_that_died_is_handed_out_again(store: Store, pass_time: PassTime) -> None:
    job = ended(store, submit(store, callback_url="http://127.0.0.1/cb"))
    assert _due(store) == [job.id]
    pass_time(61)
    assert _due(store) == [job.id]


@pytest.mark.parametrize("delivered", [True, False])
def test_a_callback_that_is_settled_is_not_due_again(store: Store, pass_time: PassTime, delivered: bool) -> None:
    job = ended(store, submit(store, callback_url="http://127.0.0.1/cb"))
    assert _due(store) == [job.id]
    store.callback_done(job.id, delivered=delivered, retry_in=None)
    pass_time(10_000)
    assert _due(store) == []


def test_a_callback_that_failed_is_due_later(store: Store, pass_time: PassTime) -> None:
    job = ended(store, submit(store, callback_url="http://127.0.0.1/cb"))
    assert _due(store) == [job.id]
    store.callback_done(job.id, delivered=False, retry_in=300.0)
    pass_time(200)
    assert _due(store) == []
    pass_time(200)
    assert _due(store) == [job.id]


def test_due_callbacks_come_longest_due_first_and_no_more_than_asked_for(store: Store, pass_time: PassTime) -> None:
    first = ended(store, submit(store, "a", callback_url="http://127.0.0.1/cb"))
    pass_time(5)
    second = ended(store, submit(store, "b", callback_url="http://127.0.0.1/cb"))
    assert [job.id for job in store.due_callbacks(1)] == [first.id]
    assert [job.id for job in store.due_callbacks(1)] == [second.id]


def test_a_retried_jobs_callback_is_due_after_its_new_end(store: Store) -> None:
    job = ended(store, submit(store, callback_url="http://127.0.0.1/cb"), FAILED)
    store.retry(job.id, job.steps, {}, "t2")
    assert _due(store) == []
    ended(store, job)
    assert _due(store) == [job.id]


def test_old_complete_jobs_are_removed(store: Store, pass_time: PassTime) -> None:
    old = ended(store, submit(store, "a"))
    owing = ended(store, submit(store, "b", callback_url="http://127.0.0.1/cb"))
    waiting = submit(store, "c")
    pass_time(100)
    recent = ended(store, submit(store, "d"))
    assert store.purge_complete(50.0) == 1
    assert {job.id for tenant in "abcd" for job in store.jobs_of(tenant)} == {owing.id, waiting.id, recent.id}
    assert store.revision(old.id) is None
    store.callback_done(owing.id, delivered=True, retry_in=None)
    assert store.purge_complete(50.0) == 1


def test_workers_report_how_many_jobs_they_run_at_once_and_their_version(store: Store) -> None:
    store.beat("w1@host#one", LEASE, WorkerAbout(concurrency=500, version="1.0.0"))
    store.beat("w2", LEASE)
    store.beat("w2", LEASE, WorkerAbout(concurrency=2))
    found = [(worker.name, worker.jobs, worker.concurrency, worker.version) for worker in store.workers()]
    assert found == [("w1@host", 0, 500, "1.0.0"), ("w2", 0, 2, None)]


def test_the_census_counts_jobs_and_workers(store: Store, pass_time: PassTime) -> None:
    running = submit(store, "a")
    submit(store, "a")
    ended(store, submit(store, "b"))
    aborted = submit(store, "c")
    claimed(store, running, "w1")
    claimed(store, aborted, "w2")
    store.abort(aborted.id, keep=False)
    store.beat("w1", LEASE)
    pass_time(30)
    store.beat("w2", LEASE)
    census = store.census()
    assert census.jobs == {
        JobStatus.QUEUED: 1,
        JobStatus.RUNNING: 1,
        JobStatus.DONE: 1,
        JobStatus.ERROR: 0,
        JobStatus.ABORTING: 1,
    }
    assert census.waiting == 1
    assert census.oldest_waiting == pytest.approx(30, abs=20)
    assert [(worker.name, worker.jobs) for worker in census.workers] == [("w1", 1), ("w2", 1)]
    assert census.workers[0].age > 29 > census.workers[1].age


def test_nobody_waits_in_an_empty_store(store: Store) -> None:
    assert store.census().oldest_waiting is None


def test_a_worker_that_has_not_beaten_for_an_hour_is_forgotten(store: Store, pass_time: PassTime) -> None:
    store.beat("w1", LEASE)
    pass_time(3700)
    store.beat("w2", LEASE)
    assert [worker.name for worker in store.census().workers] == ["w2"]


def test_a_store_that_answers_passes_its_check(store: Store) -> None:
    store.check()


def test_workers_of_one_name_are_two_and_one_that_ends_is_none(store: Store) -> None:
    job = submit(store)
    claimed(store, job, "w1@host#one")
    assert store.beat("w1@host#two", LEASE) == []
    assert [beat.job_id for beat in store.beat("w1@host#one", LEASE)] == [job.id]
    assert sorted((worker.name, worker.jobs) for worker in store.census().workers) == [("w1@host", 0), ("w1@host", 1)]
    store.leave("w1@host#two")
    store.leave("w1@host#two")
    assert [(worker.name, worker.jobs) for worker in store.census().workers] == [("w1@host", 1)]
