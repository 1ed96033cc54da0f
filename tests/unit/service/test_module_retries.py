"""Which failed calls of a module are repeated, and until when."""

from __future__ import annotations

import pytest

from okapi_install.domain.jobs import JobStatus
from okapi_install.service.ports import ConnectionRefused, ModuleUnreachable, NoAnswerInTime
from okapi_install.service.worker.call_policy import CallPolicy
from tests.unit.service.house import House, enable

PAUSE = 4.0
POLICY = CallPolicy(connect_retries=3, connect_retry_pause=PAUSE)


def calls_after(failure: ModuleUnreachable, policy: CallPolicy = POLICY) -> int:
    """How often a module is called that always fails in that way."""
    house = House(policy=policy)
    house.script("d-1.0.0", lambda _: failure)
    assert house.carried_out(*enable("d-1.0.0")).status is JobStatus.ERROR
    return len(house.modules.calls)


@pytest.mark.parametrize("failure", [ConnectionRefused("refused"), ModuleUnreachable("reset by peer")], ids=["a", "b"])
def test_a_broken_connection_is_tried_again_as_often_as_is_set(failure: ModuleUnreachable) -> None:
    assert calls_after(failure) == 1 + POLICY.connect_retries


def test_a_call_that_cannot_succeed_is_not_repeated() -> None:
    assert calls_after(ModuleUnreachable("the response is too large", retry=False)) == 1


def test_a_module_that_let_the_time_run_out_is_not_called_again() -> None:
    assert calls_after(NoAnswerInTime("no response in time")) == 1


@pytest.mark.parametrize(("limit", "calls"), [(PAUSE, 1), (PAUSE + 0.1, 2), (2 * PAUSE, 2), (2 * PAUSE + 0.1, 3)])
def test_a_call_is_repeated_only_if_the_step_has_time_left_after_the_pause(limit: float, calls: int) -> None:
    policy = CallPolicy(connect_retries=3, connect_retry_pause=PAUSE, step_timeout=limit)
    assert calls_after(ConnectionRefused("refused"), policy) == calls
