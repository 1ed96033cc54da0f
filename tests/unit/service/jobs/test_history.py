"""The history of real jobs: what workers and clients add to it, and how it reads."""

from __future__ import annotations

from okapi_install.domain.history import EventKind, JobEvent, words
from okapi_install.domain.jobs import Job
from okapi_install.service.ports import HistoryFilter
from tests.fakes.fake_modules import answer
from tests.fakes.fake_platform import nothing, unavailable
from tests.unit.service.house import House, enable
from tests.unit.service.test_lost_workers import forgetful, killed_worker


def _events(house: House, job: Job) -> list[JobEvent]:
    return list(house.installs.history(job.id, HistoryFilter()).events)


def _lines(house: House, job: Job) -> list[str]:
    return [words(event) for event in _events(house, job)]


def test_every_kind_of_event_has_words_in_one_line() -> None:
    for kind in EventKind:
        event = JobEvent(kind=kind, by="diku_admin", worker="w1#1", change=enable("a-1.0.0")[0], message="x\ny")
        assert words(event).strip()
        assert "\n" not in words(event)
        assert words(JobEvent(kind=kind))


def test_a_job_that_fails_and_is_retried_keeps_what_went_wrong_the_first_time() -> None:
    house = House()
    house.script("b-1.0.0", lambda _call: answer(422, {"errors": [{"message": "no disk", "code": "full"}]}))
    job = house.carried_out(*enable("b-1.0.0"))
    house.modules.scripts.clear()
    house.installs.retry(job.id, {}, by="diku_admin")
    house.work()
    lines = _lines(house, job)
    assert lines[:5] == [
        *("Requested", "Claimed by worker w1", "a-1.0.0: enable started", "a-1.0.0: done", "b-1.0.0: enable started")
    ]
    assert lines[5].startswith("b-1.0.0: failed: ")
    assert lines[6].startswith("Failed: ")
    assert lines[7:] == [
        *("Retry requested by diku_admin", "Claimed by worker w1", "b-1.0.0: enable started, attempt 2"),
        *("b-1.0.0: done", "Done"),
    ]
    failed = _events(house, job)[5]
    assert [(error.message, error.code) for error in failed.errors] == [("no disk", "full")]
    assert house.store.job(job.id).steps[1].errors == ()


def test_what_needs_a_failed_module_is_skipped_in_the_history() -> None:
    house = House()
    house.script("a-1.0.0", lambda _call: answer(500, "boom"))
    job = house.carried_out(*enable("b-1.0.0"), ignore_errors=True)
    assert "b-1.0.0: Skipped: requires a-1.0.0, which failed" in _lines(house, job)


def test_a_tenant_job_that_outlives_its_worker_is_told_with_its_place() -> None:
    house = House()
    house.script("d-1.0.0", forgetful("GET"))
    job = house.submit(*enable("d-1.0.0"))
    killed_worker(house, job)
    house.runner = house.worker("w2")
    house.runner.sweep()
    house.work()
    assert _lines(house, job)[1:] == [
        "Claimed by worker w1",
        "d-1.0.0: enable started",
        "d-1.0.0: runs tenant job j1 at http://modules/d-1.0.0",
        "Taken over by worker w2, because the lease of its worker had expired",
        "d-1.0.0: waiting again for its tenant job",
        "d-1.0.0: done",
        "Done",
    ]


def test_a_module_that_is_called_again_after_a_lost_worker_is_another_attempt() -> None:
    house = House()
    house.script("d-1.0.0", forgetful("POST"))
    job = house.submit(*enable("d-1.0.0"))
    killed_worker(house, job)
    house.worker("w2").sweep()
    house.work()
    assert "d-1.0.0: enable started, attempt 2" in _lines(house, job)


def test_a_module_that_is_already_there_is_done_without_a_start() -> None:
    house = House()
    house.carried_out(*enable("d-1.0.0"))
    again = house.carried_out(*enable("d-1.0.0"))
    assert _lines(house, again)[2:] == ["d-1.0.0: done", "Done"]


def test_times_in_a_history_never_go_back() -> None:
    house = House()
    job = house.carried_out(*enable("c-1.0.0", "d-1.0.0"), parallel=2)
    moments = [event.at for event in _events(house, job) if event.kind.value.startswith("step_")]
    assert None not in moments
    assert moments == sorted(moments, key=lambda at: at or 0.0)


def test_what_is_recorded_late_or_again_and_what_others_change_is_in_the_history() -> None:
    house = House(beside=True)

    def disturbed() -> None:
        house.okapi.shown["diku"].symmetric_difference_update({"a-1.0.0", "other-1.0.0"})

    house.okapi.before.extend([nothing, unavailable, unavailable])
    house.okapi.after.extend([nothing, disturbed])
    house.okapi.jobs.append("job-1")
    job = house.carried_out(*enable("b-1.0.0"))
    assert _lines(house, job) == [
        *("Requested", "Claimed by worker w1"),
        "Waits for the end of install job job-1, which Okapi itself runs for this tenant",
        *("a-1.0.0: enable started", "a-1.0.0: initialised", "a-1.0.0: done"),
        *("b-1.0.0: enable started", "b-1.0.0: initialised"),
        "b-1.0.0: Initialised; waits for Okapi: connection refused",
        "b-1.0.0: done",
        "While this job ran, somebody else changed the tenant's modules: enabled other-1.0.0",
        "a-1.0.0: recorded again, because Okapi had lost the change",
        "Done",
    ]


def test_a_retry_that_only_records_says_so() -> None:
    house = House(beside=True)
    house.okapi.without_descriptor.add("d-1.0.0")
    job = house.carried_out(*enable("d-1.0.0"))
    house.okapi.without_descriptor.clear()
    house.installs.retry(job.id, {})
    house.work()
    assert _lines(house, job)[-3:] == ["d-1.0.0: initialised already, and only recorded", "d-1.0.0: done", "Done"]
