"""TurnStore: a few calls of a module at once, over all workers, in the order in which they came."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from okapi_install.adapters.store import SqlStore, open_store
from okapi_install.domain.errors import LostJob
from okapi_install.domain.rollouts.turns import TurnLimits
from okapi_install.service.ports import Claim, Progress, Store
from tests.contract.builders import DONE, LEASE, begun, claimed, done, submit
from tests.contract.conftest import PassTime

ONE = TurnLimits(of_all=1)


def _running(store: Store, tenant: str, worker: str = "w1") -> Claim:
    """The claim of a job whose first step runs."""
    claim = claimed(store, submit(store, tenant), worker)
    store.save(claim, Progress(steps=(begun(claim.job.steps[0], claim.now),)))
    return claim


def _may(store: Store, claim: Claim, limits: TurnLimits = ONE, product: str = "mod-a") -> bool:
    return store.take_turn(claim, 0, product, limits)


def test_turns_come_in_the_order_of_the_first_request(store: Store) -> None:
    first, second, third = (_running(store, tenant) for tenant in "abc")
    assert _may(store, first)
    assert not _may(store, second)
    assert not _may(store, third)
    assert _may(store, first)
    store.end_turn(first.job.id, 0)
    assert not _may(store, third)
    assert _may(store, second)
    store.end_turn(second.job.id, 0)
    assert _may(store, third)


def test_each_product_has_a_queue_of_its_own(store: Store) -> None:
    first, second = _running(store, "a"), _running(store, "b")
    assert _may(store, first, product="mod-a")
    assert _may(store, second, product="mod-b")


def test_the_limit_of_a_rollout_holds_its_own_jobs_only(store: Store) -> None:
    first, second, other = (_running(store, tenant) for tenant in "abc")
    mine = TurnLimits(rollout="r", of_rollout=1)
    assert _may(store, first, mine)
    assert not _may(store, second, mine)
    assert _may(store, other, TurnLimits(rollout="s", of_rollout=1))


def test_a_step_that_has_ended_needs_no_turn_any_more(store: Store) -> None:
    first, second = _running(store, "a"), _running(store, "b")
    assert _may(store, first)
    store.save(first, Progress(steps=(done(first.job.steps[0], first.now),)))
    assert _may(store, second)


def test_neither_does_a_job_that_has_ended_or_was_removed(store: Store) -> None:
    first, second, third = (_running(store, tenant) for tenant in "abc")
    assert _may(store, first)
    store.finish(first, DONE, Progress())
    assert _may(store, second)
    store.remove_tenant("b")
    assert _may(store, third)


def test_the_turn_of_a_lost_worker_lasts_until_its_job_goes_on_which_keeps_it(
    store: Store, pass_time: PassTime
) -> None:
    lost, other = _running(store, "a", "lost"), _running(store, "b")
    assert _may(store, lost)
    pass_time(LEASE + 1)
    store.beat("w1", LEASE)
    assert not _may(store, other)
    again = store.claim(lost.job.id, "w2", None, LEASE)
    assert again is not None
    with pytest.raises(LostJob):
        _may(store, lost)
    assert _may(store, again)
    assert not _may(store, other)
    store.end_turn(lost.job.id, 0)
    assert _may(store, other)


def test_one_that_waited_on_a_lost_worker_holds_up_nobody_and_keeps_its_place(
    store: Store, pass_time: PassTime
) -> None:
    first, lost, third = _running(store, "a"), _running(store, "b", "lost"), _running(store, "c")
    assert _may(store, first)
    assert not _may(store, lost)
    assert not _may(store, third)
    pass_time(LEASE + 1)
    store.beat("w1", LEASE)
    again = store.claim(lost.job.id, "w2", None, LEASE)
    assert again is not None
    store.end_turn(first.job.id, 0)
    assert not _may(store, again) or not _may(store, third)
    assert _may(store, again)


def test_a_claim_that_is_not_valid_any_more_gets_no_turn(store: Store) -> None:
    claim = _running(store, "a")
    with pytest.raises(LostJob):
        _may(store, replace(claim, epoch=claim.epoch + 1))
    store.finish(claim, DONE, Progress())
    with pytest.raises(LostJob):
        _may(store, claim)


def test_workers_that_ask_at_once_never_have_more_turns_than_there_are(postgresql_store: SqlStore) -> None:
    claims = [_running(postgresql_store, f"t{number}") for number in range(12)]
    url = postgresql_store.engine.url.render_as_string(hide_password=False)

    def ask(claim: Claim) -> bool:
        mine = open_store(url, pool_size=1)
        try:
            return _may(mine, claim, TurnLimits(of_all=3))
        finally:
            mine.dispose()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(ask, claims)) <= 3
    assert sum(_may(postgresql_store, claim, TurnLimits(of_all=3)) for claim in claims) == 3
