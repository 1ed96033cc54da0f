"""How long a tenant job is asked for when the module does not answer."""

from __future__ import annotations

import pytest

from okapi_install.domain.jobs import JobStatus
from okapi_install.service.ports import Answer, ModuleUnreachable, NoAnswerInTime
from okapi_install.service.worker.call_policy import CallPolicy
from tests.fakes.fake_modules import Call, Script, answer
from tests.unit.service.house import House, enable


def hanging(house: House, polls: int, asked: list[float | None]) -> Script:
    """A module whose first answers to the question for its tenant job do not come in time."""

    def play(call: Call) -> Answer | ModuleUnreachable:
        if call.method == "POST":
            return answer(201, {"id": "j1"}, Location="/_/tenant/j1")
        if call.method == "DELETE":
            return answer(204)
        timeout = house.modules.timeouts[-1]
        asked.append(timeout)
        if len(asked) > polls:
            return answer(200, {"id": "j1", "complete": True})
        house.clock.time += timeout or 0.0
        return NoAnswerInTime(f"no answer within {timeout} s")

    return play


def test_a_question_that_was_lost_is_asked_again() -> None:
    house, asked = House(), list[float | None]()
    house.script("d-1.0.0", hanging(house, 1, asked))
    assert house.carried_out(*enable("d-1.0.0")).status is JobStatus.DONE
    assert len(asked) == 2


def test_a_module_that_never_answers_is_given_up() -> None:
    house, asked = House(), list[float | None]()
    house.script("d-1.0.0", hanging(house, 100, asked))
    job = house.carried_out(*enable("d-1.0.0"))
    assert (job.status, job.reason) == (JobStatus.ERROR, "failed")
    assert "no answer within" in str(job.message)
    assert asked == [12, 60, 60]


def test_no_question_takes_longer_than_the_step_may() -> None:
    house, asked = House(policy=CallPolicy(step_timeout=20)), list[float | None]()
    house.script("d-1.0.0", hanging(house, 100, asked))
    job = house.carried_out(*enable("d-1.0.0"))
    assert str(job.message).endswith("the tenant job did not end within 20 s")
    assert asked == [12, pytest.approx(8, abs=0.1)]
