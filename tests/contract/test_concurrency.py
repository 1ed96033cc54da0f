"""Store: several threads at once; what must happen once happens once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from okapi_install.domain.errors import LostJob, NotFound, TooManyJobs, UserError
from okapi_install.domain.jobs import Job, JobStatus
from okapi_install.service.ports import Claim, JobFilter, Progress, Store, Tenant
from tests.contract.builders import DONE, LEASE, begun, claimed, done, ended, module, new_job, submit
from tests.contract.conftest import PassTime

T = TypeVar("T")


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Makes the calls in threads of their own that begin together; their results, in the order of the calls."""
    start = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def _claimer(store: Store, job: Job, worker: str) -> Callable[[], Claim | None]:
    return lambda: store.claim(job.id, worker, None, LEASE)


def test_of_many_workers_one_gets_the_job(store: Store) -> None:
    for _ in range(5):
        job = submit(store)
        claims = at_once(*[_claimer(store, job, f"w{number}") for number in range(6)])
        (claim,) = [one for one in claims if one is not None]
        assert store.job(job.id).owner == claim.worker
        store.finish(claim, DONE, Progress())


def test_of_many_workers_one_takes_over(store: Store, pass_time: PassTime) -> None:
    job = submit(store)
    for round_number in range(1, 6):
        pass_time(LEASE + 1)
        claims = at_once(*[_claimer(store, job, f"w{number}") for number in range(6)])
        assert [one.epoch for one in claims if one is not None] == [round_number]


def test_of_a_tenants_jobs_one_runs_whatever_is_claimed_at_once(store: Store) -> None:
    jobs = [submit(store) for _ in range(6)]
    at_once(*[_claimer(store, job, f"w-{job.id}") for job in jobs])
    assert [job.status for job in store.jobs_of("diku")] == [JobStatus.RUNNING] + [JobStatus.QUEUED] * 5


def _run_all(store: Store, jobs: list[Job]) -> None:
    """Carries out what it can get of the jobs until none is left, as one worker of several."""
    while any(not store.job(job.id).complete for job in jobs):
        for job in jobs:
            claim = store.claim(job.id, "w", None, LEASE)
            if claim is not None:
                steps = tuple(done(step, claim.now) for step in claim.job.steps)
                store.save(claim, Progress(steps=steps))
                store.finish(claim, DONE, Progress(enable=tuple(step.change.id for step in steps)))


def test_jobs_of_many_tenants_are_all_carried_out_by_many_workers(store: Store) -> None:
    jobs = [submit(store, tenant) for _ in range(3) for tenant in ("a", "b", "c", "d")]
    at_once(*[lambda: _run_all(store, jobs)] * 4)
    assert {store.job(job.id).epoch for job in jobs} == {1}
    assert store.durations(["mod-a"])["mod-a", "enable"].count == len(jobs)
    for tenant in ("a", "b", "c", "d"):
        assert store.enabled(tenant) == ["mod-a-1.0.0", "mod-b-1.0.0"]
        ends = [job.ended for job in store.jobs_of(tenant)]
        assert ends == sorted(ends, key=lambda at: at or 0.0)


def test_an_abort_and_an_end_at_once_have_one_outcome(store: Store) -> None:
    for _ in range(10):
        job = submit(store)
        claim = claimed(store, job)
        aborted, finished = at_once(
            lambda job=job: store.abort(job.id, keep=True).was,  # type: ignore[misc]
            lambda claim=claim: _finishes(store, claim),  # type: ignore[misc]
        )
        status = store.job(job.id).status
        assert (aborted, finished, status) in {
            (JobStatus.RUNNING, False, JobStatus.ABORTING),
            (JobStatus.DONE, True, JobStatus.DONE),
        }
        if not finished:
            store.end_abort(claim, {})


def _finishes(store: Store, claim: Claim) -> bool:
    try:
        store.finish(claim, DONE, Progress())
    except LostJob:
        return False
    return True


def test_an_abort_and_a_claim_at_once_have_one_outcome(store: Store) -> None:
    for _ in range(10):
        job = submit(store)
        was, claim = at_once(
            lambda job=job: store.abort(job.id, keep=False).was,  # type: ignore[misc]
            _claimer(store, job, "w1"),
        )
        assert (was, claim is None) in {(JobStatus.QUEUED, True), (JobStatus.RUNNING, False)}
        if isinstance(claim, Claim):
            assert store.standing(claim) is JobStatus.ABORTING
            store.end_abort(claim, {})


def test_one_key_sent_at_once_makes_one_job(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"))
    sent = [new_job("diku", idempotency_key="k", request_digest="d") for _ in range(6)]
    jobs = at_once(*[lambda new=new: store.add_job(new, most_waiting=9) for new in sent])
    assert {job.id for job in jobs} == {job.id for job in store.jobs_of("diku")}
    assert len(store.jobs_of("diku")) == 1


def _adds(store: Store, most_waiting: int) -> bool:
    try:
        store.add_job(new_job("diku"), most_waiting=most_waiting)
    except TooManyJobs:
        return False
    return True


def test_the_limit_of_waiting_jobs_holds_for_requests_at_once(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"))
    assert sum(at_once(*[lambda: _adds(store, 3)] * 8)) == 3


def test_each_expired_job_is_told_to_one_sweeper(store: Store, pass_time: PassTime) -> None:
    jobs = [submit(store, f"t{number}") for number in range(12)]
    for job in jobs[:6]:
        claimed(store, job)
    pass_time(LEASE + 1)
    told = [ref.id for refs in at_once(*[lambda: store.sweep(LEASE, 1.0)] * 5) for ref in refs]
    assert sorted(told) == sorted(job.id for job in jobs)


def test_each_due_callback_is_told_to_one_caller(store: Store) -> None:
    jobs = [ended(store, submit(store, f"t{number}", callback_url="http://127.0.0.1/cb")) for number in range(8)]
    told = [job.id for due in at_once(*[lambda: store.due_callbacks(3)] * 4) for job in due]
    told += [job.id for job in store.due_callbacks(9)]
    assert sorted(told) == sorted(job.id for job in jobs)


def test_imports_at_once_lose_nothing_and_readers_miss_nothing(store: Store) -> None:
    names = [f"mod-{letter}-1.0.{number}" for letter in "abcdef" for number in range(5)]
    seen: set[str] = set()

    def follow() -> None:
        seq = 0
        while len(seen) < len(names):
            delta = store.registry_since(seq)
            seq = delta.seq
            seen.update(change.module_id for change in delta.changes)

    adders = [lambda name=name: store.add_modules([module(name)]) for name in names]
    groups = [lambda some=adders[start::5]: [add() for add in some] for start in range(5)]
    at_once(follow, *groups)
    assert seen == set(names)


def _ignoring_conflicts(call: Callable[[], object]) -> bool:
    try:
        call()
    except UserError:
        return False
    return True


def test_of_equal_things_added_at_once_one_is_added(store: Store) -> None:
    assert sum(at_once(*[lambda: _ignoring_conflicts(lambda: store.add_tenant(Tenant(id="diku")))] * 6)) == 1
    at_once(*[lambda: store.add_modules([module("mod-a-1.0.0")])] * 6)
    assert len(store.registry_since(0).changes) == 1


def test_a_tenant_removed_while_its_jobs_run_ends_them_all(store: Store) -> None:
    for _ in range(5):
        job = submit(store)
        submit(store)
        claim = claimed(store, job)

        def work(claim: Claim = claim) -> None:
            while True:
                steps = tuple(begun(step, claim.now) for step in claim.job.steps)
                store.save(claim, Progress(steps=steps, enable=("mod-a-1.0.0", "mod-b-1.0.0")))

        def lost(work: Callable[[], None] = work) -> bool:
            try:
                work()
            except LostJob:
                return True
            return False

        at_once(lost, lambda: store.remove_tenant("diku"))
        assert store.find_jobs(JobFilter()).total == 0
        assert store.enabled_anywhere() == {}


def test_what_is_read_while_a_job_runs_is_from_one_moment(store: Store) -> None:
    job = submit(store, "diku", *[f"mod-{number}-1.0.0" for number in range(20)])
    claim = claimed(store, job)

    def work() -> None:
        for step in claim.job.steps:
            store.save(claim, Progress(steps=(done(step, claim.now),)))
        store.finish(claim, DONE, Progress())

    def watch() -> None:
        read = store.job(job.id)
        while not read.complete:
            read = store.job(job.id)
            assert all(step.revision <= read.revision for step in read.steps)
            finished = len([step for step in read.steps if step.ended])
            assert finished in {read.revision - 1, 20}

    at_once(work, watch, watch)


def test_a_job_removed_while_it_is_read_is_whole_or_not_found(store: Store) -> None:
    for _ in range(10):
        job = submit(store)

        def read(job: Job = job) -> bool:
            try:
                return store.job(job.id) == job
            except NotFound:
                return True

        whole, _ = at_once(read, lambda job=job: store.abort(job.id, keep=False) is None)  # type: ignore[misc]
        assert whole
