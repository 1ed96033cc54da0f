"""Operations on a store that is unavailable: repeated with growing pauses, and interrupted like any other wait."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from okapi_install.domain.errors import StoreNotWritable, StoreUnavailable
from okapi_install.service.worker.call_policy import CallPolicy
from okapi_install.service.worker.store_retries import Patience
from tests.fakes.fake_clock import FakeClock


class Killed(BaseException):
    """What ends a greenlet from outside."""


class KillingClock(FakeClock):
    """Whoever sleeps is killed."""

    def sleep(self, seconds: float) -> None:
        raise Killed


class Failing:
    """An operation that fails so often, and then returns how often it was called."""

    def __init__(self, *problems: BaseException) -> None:
        self._problems = list(problems)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self._problems:
            raise self._problems.pop(0)
        return self.calls


def down(times: int) -> Failing:
    return Failing(*[StoreUnavailable("down")] * times)


def test_an_operation_is_repeated_until_it_succeeds_with_pauses_that_grow_to_two_seconds_at_most() -> None:
    clock = FakeClock()
    with capture_logs() as lines:
        assert Patience(clock, CallPolicy())(down(200)) == 201
    assert [line["event"] for line in lines] == ["the store is unavailable; waiting for it"]
    assert max(clock.slept[:2]) <= 0.2
    assert 1.0 < max(clock.slept) <= 2.0
    assert len(set(clock.slept)) > 100


def test_an_operation_that_succeeds_at_once_waits_for_nothing() -> None:
    clock = FakeClock()
    assert Patience(clock, CallPolicy())(down(0)) == 1
    assert clock.slept == []


def test_another_error_is_reported_at_once_also_after_one_that_is_waited_for() -> None:
    clock = FakeClock()
    work = Failing(StoreUnavailable("down"), KeyError("wrong"))
    with pytest.raises(KeyError, match="wrong"):
        Patience(clock, CallPolicy())(work)
    assert work.calls == 2


def test_a_refusal_is_reported_after_the_time_of_the_policy_and_never_where_the_end_must_be_written() -> None:
    clock = FakeClock()
    patience = Patience(clock, CallPolicy(store_retry_seconds=10.0))
    with pytest.raises(StoreNotWritable, match="full"):
        patience(Failing(*[StoreNotWritable("full")] * 1000))
    assert 10.0 < clock.time - 1000.0 <= 12.0
    assert patience.without_end(Failing(*[StoreNotWritable("full")] * 100)) == 101


def test_a_kill_ends_the_wait_and_the_operation() -> None:
    with pytest.raises(Killed):
        Patience(KillingClock(), CallPolicy())(down(3))
    work = Failing(StoreUnavailable("down"), Killed())
    with pytest.raises(Killed):
        Patience(FakeClock(), CallPolicy())(work)
    assert work.calls == 2
