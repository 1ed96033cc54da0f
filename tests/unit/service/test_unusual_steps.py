"""What is noticed of a module that holds a poll, loses its tenant job, or never answers."""

from __future__ import annotations

import pytest

from okapi_install.domain.jobs import Job, JobStatus
from okapi_install.service.ports import Answer, ModuleUnreachable, NoAnswerInTime, Tenant
from okapi_install.service.worker.call_policy import CallPolicy
from tests.fakes.fake_modules import Call, Script, answer
from tests.unit.service.house import House, enable

STARTED = answer(201, {"id": "j1"}, Location="/_/tenant/j1")
RUNNING = {"id": "j1", "complete": False}


def takes_wait_for_seconds(house: House, seconds: float) -> Script:
    """A module whose job takes so long, and which holds a poll with `wait` until that has passed."""
    end = house.clock.time + seconds

    def play(call: Call) -> Answer | ModuleUnreachable:
        if call.method != "GET":
            return STARTED if call.method == "POST" else answer(204)
        timeout = house.modules.timeouts[-1]
        if "wait" in call.path and house.clock.time < end:
            assert timeout is not None
            house.clock.time += timeout
            return NoAnswerInTime("no answer within its time")
        return answer(200, {"id": "j1", "complete": house.clock.time >= end})

    return play


def polls(house: House) -> list[str]:
    return [call.path for call in house.modules.calls if call.method == "GET"]


def test_a_poll_that_is_held_too_long_is_no_failure_and_its_instance_is_polled_without_wait_from_then_on() -> None:
    house = House()
    house.script("d-1.0.0", takes_wait_for_seconds(house, 150))
    assert house.carried_out(*enable("d-1.0.0")).status is JobStatus.DONE
    first, *later = polls(house)
    assert first == "/_/tenant/j1?wait=10000"
    assert set(later) == {"/_/tenant/j1"}
    assert house.modules.timeouts[1] == 12
    assert house.clock.time < 1000 + 150 + 5.1


def test_other_modules_are_still_polled_with_wait() -> None:
    house = House()
    house.script("a-1.0.0", takes_wait_for_seconds(house, 20))

    def well(call: Call) -> Answer:
        return STARTED if call.method == "POST" else answer(200, {"complete": True})

    house.script("d-1.0.0", well)
    house.carried_out(*enable("a-1.0.0", "d-1.0.0"))
    assert polls(house)[-1] == "/_/tenant/j1?wait=10000"


def test_without_a_wait_in_the_settings_none_is_sent() -> None:
    house = House(policy=CallPolicy(poll_wait_ms=0))
    house.script("d-1.0.0", lambda call: STARTED if call.method == "POST" else answer(200, {"complete": True}))
    house.carried_out(*enable("d-1.0.0"))
    assert polls(house) == ["/_/tenant/j1"]


def failing(house: House, good: int, failure: Answer | ModuleUnreachable) -> Script:
    """A module whose polls fail after so many good ones, ten seconds each."""
    left = [answer(200, RUNNING)] * good

    def play(call: Call) -> Answer | ModuleUnreachable:
        if call.method != "GET":
            return STARTED if call.method == "POST" else answer(204)
        house.clock.time += 10
        return left.pop() if left else failure

    return play


def test_a_failure_of_a_poll_says_when_the_job_was_seen_last() -> None:
    house = House()
    house.script("d-1.0.0", failing(house, 2, ModuleUnreachable("Connection reset by peer")))
    job = house.carried_out(*enable("d-1.0.0"))
    assert "failed with Connection reset by peer; the tenant job was running when last seen, " in str(job.message)
    house.script("d-1.0.0", failing(house, 0, ModuleUnreachable("Connection reset by peer")))
    job = house.carried_out(*enable("d-1.0.0"))
    assert "the tenant job has not been seen in the " in str(job.message)


def test_a_poll_that_is_answered_with_an_error_keeps_okapis_words_and_says_the_rest_as_an_error() -> None:
    house = House()
    house.script("d-1.0.0", failing(house, 2, answer(503, "later")))
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.message == "GET request for d-1.0.0 /_/tenant/j1 failed with 503: later"
    assert job.steps[0].errors[-1].code == "tenant_job_last_seen"


def restarted(house: House, runs: int = 10**6) -> Script:
    """A module that is restarted while its job runs: the job is complete after so many more polls."""
    states: list[Answer | ModuleUnreachable] = [
        answer(200, RUNNING),
        ModuleUnreachable("Connection reset by peer"),
        answer(404, "Connection refused"),
    ]
    asked = iter(range(10**6))

    def play(call: Call) -> Answer | ModuleUnreachable:
        if call.method != "GET":
            return STARTED if call.method == "POST" else answer(204)
        house.clock.time += 5
        return states.pop(0) if states else answer(200, {"id": "j1", "complete": next(asked) >= runs})

    return play


@pytest.fixture
def seen_before() -> House:
    """A house in which the module took two minutes."""
    house = House(policy=CallPolicy(lost_job_timeout=300))

    def slow(call: Call) -> Answer:
        house.clock.time += 120
        return answer()

    house.script("d-1.0.0", slow)
    assert house.carried_out(*enable("d-1.0.0")).status is JobStatus.DONE
    house.store.add_tenant(Tenant(id="other"))
    return house


def again(house: House) -> Job:
    """The same module for another tenant."""
    return house.carried_out(*enable("d-1.0.0"), tenant="other")


def test_a_job_that_does_not_move_after_its_module_failed_to_answer_is_probably_lost(seen_before: House) -> None:
    seen_before.script("d-1.0.0", restarted(seen_before))
    began = seen_before.clock.time
    job = again(seen_before)
    assert job.status is JobStatus.ERROR
    assert "its tenant job has probably been lost" in str(job.message)
    codes = [warning.code for warning in job.steps[0].warnings]
    assert "tenant_job_probably_lost" in codes
    assert seen_before.modules.seen()[-1] == "DELETE d-1.0.0 /_/tenant/j1"
    assert 120 * 1.1 + 300 < seen_before.clock.time - began < 120 * 1.1 + 300 + 60


def test_a_job_that_ends_after_all_leaves_no_warning(seen_before: House) -> None:
    seen_before.script("d-1.0.0", restarted(seen_before, runs=30))
    job = again(seen_before)
    assert job.status is JobStatus.DONE
    assert job.steps[0].warnings == ()


def test_a_job_of_a_module_that_always_answered_is_not_doubted(seen_before: House) -> None:
    polled = iter(range(1000))

    def long(call: Call) -> Answer:
        seen_before.clock.time += 5
        done = {"id": "j1", "complete": next(polled) > 200}
        return STARTED if call.method == "POST" else answer(200, done)

    seen_before.script("d-1.0.0", long)
    job = again(seen_before)
    assert job.status is JobStatus.DONE
    assert job.steps[0].warnings == ()
