"""Why a job waits: no worker, another job of its tenant, full workers; and when it starts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from okapi_install.domain.jobs import JobStatus, Problem, ProblemCode, Stage
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.jobs.waiting import WaitCause, Waiting, WaitingService
from okapi_install.service.ports import Durations, Progress, WorkerAbout
from okapi_install.web.job_views import summary_view
from okapi_install.web.standing import waiting_text
from tests.contract.builders import begun, claimed, submit
from tests.fakes.fake_clock import FakeClock
from tests.fakes.memory_store import MemoryStore

ALIVE = 15.0


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def waiting(store: MemoryStore, clock: FakeClock) -> WaitingService:
    return WaitingService(store, TimingsService(store, clock), clock, alive_within=ALIVE)


def found(waiting: WaitingService, store: MemoryStore, job_id: str) -> Waiting | None:
    return waiting.of(store.job(job_id), store.now())


def test_without_a_worker_no_job_continues(store: MemoryStore, waiting: WaitingService) -> None:
    job = submit(store, "diku")
    assert found(waiting, store, job.id) == Waiting(cause=WaitCause.NO_WORKER)
    claimed(store, job)
    assert found(waiting, store, job.id) == Waiting(cause=WaitCause.NO_WORKER)


def test_a_worker_whose_heartbeat_is_old_is_not_alive(
    store: MemoryStore, clock: FakeClock, waiting: WaitingService
) -> None:
    job = submit(store, "diku")
    store.beat("w1", ALIVE)
    assert found(waiting, store, job.id) == Waiting(cause=WaitCause.STARTING)
    assert [worker.alive for worker in waiting.workers()] == [True]
    store.pass_time(ALIVE + 1)
    clock.sleep(2.0)
    assert found(waiting, store, job.id) == Waiting(cause=WaitCause.NO_WORKER)
    assert [worker.alive for worker in waiting.workers()] == [False]


def test_jobs_of_one_tenant_stand_in_line_and_others_do_not(store: MemoryStore, waiting: WaitingService) -> None:
    store.beat("w1", ALIVE)
    first, second, third, other = (submit(store, tenant) for tenant in ("diku", "diku", "diku", "other"))
    claimed(store, first)
    places = waiting.of_many([store.job(job.id) for job in (first, second, third, other)])
    assert places == {
        second.id: Waiting(cause=WaitCause.BEHIND_JOB, place=2, behind=first.id),
        third.id: Waiting(cause=WaitCause.BEHIND_JOB, place=3, behind=second.id),
        other.id: Waiting(cause=WaitCause.STARTING),
    }


def test_the_start_of_a_job_is_estimated_from_all_that_are_ahead(store: MemoryStore, waiting: WaitingService) -> None:
    store.beat("w1", ALIVE)
    jobs = [submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0") for _ in range(3)]

    def durations(products: object) -> dict[tuple[str, str], Durations]:
        del products
        known = Durations(count=9999, mean=60.0, longest=60.0)
        return {("mod-a", "enable"): known, ("mod-b", "enable"): known}

    store.durations = durations  # type: ignore[method-assign]
    told = found(waiting, store, jobs[2].id)
    assert told is not None
    assert told.seconds == pytest.approx(240.0, rel=0.05)
    assert "place 3 in line, starts in about 4 min" in waiting_text(told)


def test_nobody_knows_the_start_behind_a_job_without_an_estimate(store: MemoryStore, waiting: WaitingService) -> None:
    store.beat("w1", ALIVE)
    jobs = [submit(store, "diku") for _ in range(2)]
    told = found(waiting, store, jobs[1].id)
    assert told is not None
    assert told.seconds is None
    assert waiting_text(told) == f"behind job {jobs[0].id} of the same tenant, place 2 in line"


def test_workers_are_full_when_all_run_as_many_jobs_as_they_can(
    store: MemoryStore, clock: FakeClock, waiting: WaitingService
) -> None:
    first, second = submit(store, "one"), submit(store, "two")
    claimed(store, first, "w1")
    store.beat("w1", ALIVE, WorkerAbout(concurrency=1, version="1.0.0"))
    told = found(waiting, store, second.id)
    assert told == Waiting(cause=WaitCause.WORKERS_FULL, full=1)
    assert waiting_text(told) == "all workers are full: they run 1 job"
    store.beat("w2", ALIVE, WorkerAbout(concurrency=1))
    clock.sleep(2.0)
    assert found(waiting, store, second.id) == Waiting(cause=WaitCause.STARTING)


def test_a_complete_job_does_not_wait(store: MemoryStore, waiting: WaitingService) -> None:
    assert waiting.of(replace(submit(store, "diku"), status=JobStatus.DONE), 0.0) is None


def test_the_api_says_why_a_job_waits(store: MemoryStore, waiting: WaitingService, clock: FakeClock) -> None:
    snapshots = SnapshotService(TimingsService(store, clock), store.now, waiting=waiting)
    (summary,) = snapshots.summaries([submit(store, "diku")])
    assert summary_view(summary)["waiting"] == {
        "cause": "no_worker",
        "place": 1,
        "behind": None,
        "seconds": None,
        "text": "no worker is running, so no job continues",
    }


def test_a_job_waits_for_okapi_unless_one_of_its_modules_runs(store: MemoryStore, waiting: WaitingService) -> None:
    why = "Initialised; waits for Okapi: connection refused"
    store.beat("w1", ALIVE)
    claim = claimed(store, submit(store, "diku"))
    problem = Problem.warning(why, ProblemCode.WAITS_FOR_PLATFORM)
    first, second = (begun(step, claim.now) for step in claim.job.steps)
    store.save(claim, Progress(steps=(replace(first, stage=Stage.INITIALISED, warnings=(problem,)), second)))
    assert found(waiting, store, claim.job.id) is None
    store.save(claim, Progress(steps=(claim.job.steps[1],)))
    reason = found(waiting, store, claim.job.id)
    assert reason == Waiting(cause=WaitCause.OKAPI, why=why)
    assert waiting_text(reason) == "initialised; waits for Okapi: connection refused"
    store.warn(claim, (replace(problem, message="Waits for Okapi: no route"),))
    assert found(waiting, store, claim.job.id) == Waiting(cause=WaitCause.OKAPI, why="Waits for Okapi: no route")
