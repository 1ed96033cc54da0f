"""A step waits for its turn at a module: it says so, and its time starts then. Without a limit nobody is asked."""

from __future__ import annotations

from typing import Any

import pytest

from okapi_install.domain.jobs import JobStatus, ProblemCode
from okapi_install.domain.rollouts.turns import TurnLimits
from okapi_install.service.ports import Claim, Tenant
from tests.fakes.fake_modules import answer
from tests.unit.service.house import House, enable


class _Queue:
    """Lets a step wait so many times."""

    def __init__(self, house: House, waits: int) -> None:
        self.asked: list[tuple[str, TurnLimits]] = []
        self.ended: list[int] = []
        self.seen: list[str | None] = []
        self._house, self._waits = house, waits
        house.store.take_turn = self.take_turn  # type: ignore[method-assign]
        house.store.end_turn = self.end_turn  # type: ignore[method-assign]

    def end_turn(self, job_id: str, pos: int) -> None:
        assert self._house.store.job(job_id).id == job_id
        self.ended.append(pos)

    def take_turn(self, claim: Claim, pos: int, product: str, limits: TurnLimits) -> bool:
        self.asked.append((product, limits))
        self.seen.append(self._house.store.job(claim.job.id).steps[pos].waiting_for)
        return len(self.asked) > self._waits


def test_without_a_limit_nobody_is_asked() -> None:
    house = House()
    queue = _Queue(house, 0)
    assert house.carried_out(*enable("a-1.0.0")).status is JobStatus.DONE
    assert (queue.asked, queue.ended) == ([], [])


def test_a_step_shows_what_it_waits_for_and_its_time_starts_with_its_turn() -> None:
    house = House(most_per_module=2)
    queue = _Queue(house, 3)
    job = house.carried_out(*enable("a-1.0.0"))
    assert job.status is JobStatus.DONE
    assert [product for product, _ in queue.asked] == ["a"] * 4
    assert queue.asked[0][1] == TurnLimits(of_all=2)
    assert queue.seen[0] is None
    assert queue.seen[1] == "Waits for its turn at a-1.0.0: 2 calls of it are allowed at once"
    assert queue.ended == [0]
    (step,) = job.steps
    assert all(warning.code != ProblemCode.WAITS_FOR_TURN for warning in step.warnings)
    assert step.started is not None
    assert job.started is not None


def test_the_limit_of_a_rollout_comes_with_its_jobs() -> None:
    house = House()
    queue = _Queue(house, 0)
    house.submit(*enable("a-1.0.0"), rollout="r", max_per_module=4)
    house.work()
    assert queue.asked == [("a", TurnLimits(rollout="r", of_rollout=4))]


@pytest.mark.parametrize("status", [200, 500])
def test_a_turn_ends_with_the_step_however_it_ends(status: int) -> None:
    house = House(most_per_module=1)
    house.script("a-1.0.0", lambda _: answer(status))
    for tenant in ("one", "two"):
        house.store.add_tenant(Tenant(id=tenant))
        house.submit(*enable("a-1.0.0"), tenant=tenant)
    house.work()
    ended: list[Any] = [house.store.jobs_of(tenant)[0].status for tenant in ("one", "two")]
    assert ended == [JobStatus.DONE if status == 200 else JobStatus.ERROR] * 2
