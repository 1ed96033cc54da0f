"""`step_timeout` and `call_timeout` hold for a step and a call as a whole, whatever its parts are."""

from __future__ import annotations

import pytest

from okapi_install.service.ports import Answer, ConnectionRefused, ModuleUnreachable, NoAnswerInTime
from okapi_install.service.worker.call_policy import CallPolicy
from tests.fakes.fake_modules import Call, answer
from tests.unit.service.house import House, descriptor, enable

GUARD = descriptor(
    "guard-1.0.0",
    ["auth 1.0"],
    filters=[{"methods": ["*"], "pathPattern": "/*", "phase": "auth", "type": "headers"}],
)


def test_attempts_to_connect_end_with_the_step() -> None:
    house = House(policy=CallPolicy(step_timeout=10))
    house.script("d-1.0.0", lambda _: ConnectionRefused("Connection refused: modules"))
    job = house.carried_out(*enable("d-1.0.0"))
    assert "tried 3 times" in str(job.message)
    assert house.clock.monotonic() <= 1010


def test_a_broken_connection_is_not_tried_again_beyond_the_step() -> None:
    house = House(policy=CallPolicy(step_timeout=10))

    def breaks_late(_: Call) -> ModuleUnreachable:
        house.clock.time += 4
        return ModuleUnreachable("Connection reset by peer")

    house.script("d-1.0.0", breaks_late)
    house.carried_out(*enable("d-1.0.0"))
    assert house.clock.monotonic() <= 1014
    assert house.modules.timeouts == [10, pytest.approx(10 - 4 - 90 / 22)]


def test_the_auth_filter_has_no_more_time_than_the_step() -> None:
    house = House(GUARD, descriptor("m-1.0.0"), policy=CallPolicy(step_timeout=5))
    house.carried_out(*enable("guard-1.0.0"))
    house.modules.timeouts.clear()
    house.carried_out(*enable("m-1.0.0"))
    assert house.modules.timeouts
    assert all(timeout is not None and timeout <= 5 for timeout in house.modules.timeouts)


def test_a_call_without_an_answer_is_not_tried_again() -> None:
    house = House(policy=CallPolicy(call_timeout=3))
    house.script("d-1.0.0", lambda _: NoAnswerInTime("the time was up"))
    job = house.carried_out(*enable("d-1.0.0"))
    assert str(job.message).endswith("failed with the time was up")
    assert len(house.modules.calls) == 1


def test_a_finished_tenant_job_that_cannot_be_deleted_takes_little_more_time_than_the_step() -> None:
    house = House(policy=CallPolicy(step_timeout=20))
    deletes: list[float | None] = []

    def play(call: Call) -> Answer:
        if call.method == "POST":
            return answer(201, {"id": "j"}, Location="/_/tenant/j")
        if call.method == "DELETE":
            deletes.append(house.modules.timeouts[-1])
            return answer(204)
        house.clock.time += 19
        return answer(200, {"complete": True})

    house.script("d-1.0.0", play)
    house.carried_out(*enable("d-1.0.0"))
    assert deletes == [5.0]
