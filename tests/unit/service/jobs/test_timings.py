"""The cache of durations: what is read once, what is read anew, and what is never kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from okapi_install.domain.jobs import Action, Change, Job, Step
from okapi_install.service.jobs import timings
from okapi_install.service.jobs.timings import KEPT_SECONDS, TimingsService
from okapi_install.service.ports import Durations
from tests.contract.builders import submit
from tests.fakes.fake_clock import FakeClock
from tests.fakes.memory_store import MemoryStore


class CountingStore(MemoryStore):
    """Notes for which products durations are read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[set[str]] = []

    def durations(self, products: Collection[str]) -> dict[tuple[str, str], Durations]:
        self.reads.append(set(products))
        return super().durations(products)

    def learn(self, product: str, *seconds: float, action: str = "enable") -> None:
        """Has a product take so long, in place of what was known."""
        self._durations[product, action] = list(seconds)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def service(store: CountingStore, clock: FakeClock) -> TimingsService:
    return TimingsService(store, clock)


def means(service: TimingsService, job: Job) -> dict[int, float]:
    return {pos: durations.mean for pos, durations in service.usual(job).items()}


def test_durations_are_told_by_position_for_all_versions_of_a_product(
    store: CountingStore, service: TimingsService
) -> None:
    store.learn("mod-a", 1.0, 3.0)
    store.learn("mod-b", 7.0, action="disable")
    job = submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0", "mod-a-2.0.0")
    off = Step(pos=1, change=Change(id="mod-b-1.0.0", action=Action.DISABLE))
    assert means(service, job) == {0: 2.0, 2: 2.0}
    assert means(service, replace(job, steps=(job.steps[0], off))) == {0: 2.0, 1: 7.0}


def test_what_was_read_is_kept_for_half_a_minute_and_then_read_anew(
    store: CountingStore, service: TimingsService, clock: FakeClock
) -> None:
    store.learn("mod-a", 1.0)
    job = submit(store, "diku", "mod-a-1.0.0")
    assert means(service, job) == {0: 1.0}
    store.learn("mod-a", 9.0)
    clock.time += KEPT_SECONDS - 0.1
    assert means(service, job) == {0: 1.0}
    assert len(store.reads) == 1
    clock.time += 0.1
    assert means(service, job) == {0: 9.0}
    assert store.reads == [{"mod-a"}, {"mod-a"}]


def test_jobs_of_the_same_products_share_what_was_read_and_others_do_not(
    store: CountingStore, service: TimingsService
) -> None:
    store.learn("mod-a", 1.0)
    store.learn("mod-b", 2.0)
    first, second = submit(store, "diku", "mod-a-1.0.0"), submit(store, "diku", "mod-a-2.0.0")
    other = submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0")
    assert [means(service, job) for job in (first, second, other)] == [{0: 1.0}, {0: 1.0}, {0: 1.0, 1: 2.0}]
    assert store.reads == [{"mod-a"}, {"mod-a", "mod-b"}]


def test_the_first_duration_of_a_product_is_told_at_once(store: CountingStore, service: TimingsService) -> None:
    store.learn("mod-a", 1.0)
    job = submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0")
    assert means(service, job) == {0: 1.0}
    store.learn("mod-b", 2.0)
    assert means(service, job) == {0: 1.0, 1: 2.0}
    assert means(service, job) == {0: 1.0, 1: 2.0}
    assert len(store.reads) == 2


def test_the_cache_does_not_grow_without_end(
    store: CountingStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timings, "MOST_KEPT", 3)
    service = TimingsService(store, clock)
    jobs = []
    for name in "abcd":
        store.learn(f"mod-{name}", 1.0)
        jobs.append(submit(store, "diku", f"mod-{name}-1.0.0"))
    for job in jobs:
        service.usual(job)
    assert len(service._kept) <= 3
    service.usual(jobs[3])
    assert len(store.reads) == 4
