"""Counting in memory, and moving the counts into the store."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Thread

from okapi_install.domain.errors import StoreUnavailable
from okapi_install.service.metrics import METERS, MOST_PRODUCTS, POLLS, STEP_SECONDS, TAKEN_OVER, CountKey, Meters
from okapi_install.service.metrics_store import Metering
from tests.fakes.memory_store import MemoryStore

ANSWERED: CountKey = ("okapi_install_polls_total", (("outcome", "answered"),))


def bucket(limit: str) -> CountKey:
    """A bucket of the steps that were done."""
    return "okapi_install_step_seconds_bucket", (("action", "enable"), ("outcome", "done"), ("le", limit))


class DeafStore(MemoryStore):
    """A store that takes no counts until it is told to."""

    deaf = True

    def add_counts(self, deltas: Mapping[CountKey, float]) -> None:
        if self.deaf:
            raise StoreUnavailable("away")
        super().add_counts(deltas)


def test_counts_are_taken_once() -> None:
    meters = Meters()
    meters.count(POLLS, outcome="answered")
    meters.count(POLLS, 2, outcome="answered")
    meters.count(TAKEN_OVER)
    assert meters.take() == {ANSWERED: 3.0, ("okapi_install_leases_taken_over_total", ()): 1.0}
    assert meters.take() == {}


def test_a_duration_counts_in_the_first_bucket_that_is_large_enough() -> None:
    meters = Meters()
    for seconds in (0.01, 0.05, 0.06, 99_999.0):
        meters.observe(STEP_SECONDS, seconds, outcome="done", action="enable")
    taken = meters.take()
    assert taken[bucket("0.05")] == 2
    assert taken[bucket("0.1")] == taken[bucket("+Inf")] == 1
    total = taken["okapi_install_step_seconds_sum", (("action", "enable"), ("outcome", "done"))]
    assert round(total, 2) == 99_999.12


def test_threads_that_count_at_once_lose_nothing() -> None:
    meters = Meters()

    def many() -> None:
        for _ in range(2000):
            meters.count(TAKEN_OVER)

    threads = [Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(meters.take().values()) == 16_000


def test_several_processes_add_up_in_the_store() -> None:
    store = MemoryStore()
    for _ in range(3):
        meters = Meters()
        meters.count(POLLS, outcome="answered")
        Metering(store, meters).flush()
    assert store.counts() == {ANSWERED: 3.0}


def test_what_the_store_does_not_take_is_kept_for_later() -> None:
    store, meters = DeafStore(), Meters()
    metering = Metering(store, meters)
    meters.count(POLLS, outcome="answered")
    metering.flush()
    meters.count(POLLS, outcome="answered")
    store.deaf = False
    assert metering.read().counts == {ANSWERED: 2.0}


def test_names_and_units_are_those_of_prometheus() -> None:
    assert len({meter.name for meter in METERS}) == len(METERS)
    for meter in METERS:
        assert meter.name.startswith("okapi_install_")
        assert not meter.name.endswith("_total")
        assert meter.name.endswith("_seconds") or not meter.buckets
        assert list(meter.buckets) == sorted(set(meter.buckets))


def test_modules_are_counted_one_by_one_up_to_a_number_and_as_others_beyond_it() -> None:
    meters = Meters()
    labels = {meters.product(f"mod-{number}") for number in range(2000)}
    assert len(labels) == MOST_PRODUCTS + 1
    assert "other" in labels
    assert meters.product("mod-7") == "mod-7"
    assert Meters().product("m" * 1000) == "other"
