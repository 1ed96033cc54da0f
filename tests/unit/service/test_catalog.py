"""What a worker knows of modules: read once, also when many jobs want it at the same moment."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.own_platform import OwnPlatform
from okapi_install.service.ports import Instance
from okapi_install.service.registry import RegistryService
from okapi_install.service.worker import catalog as catalogs
from okapi_install.service.worker.call_policy import CallPolicy
from okapi_install.service.worker.catalog import Catalog
from okapi_install.service.worker.store_retries import Patience
from tests.fakes.fake_clock import FakeClock
from tests.fakes.memory_store import MemoryStore
from tests.unit.service.house import CHAIN

AT_ONCE = 16


class SlowStore(MemoryStore):
    """Takes a moment to read, and counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: Counter[str] = Counter()
        self.broken = False

    def descriptors(self, ids: Iterable[str]) -> dict[str, ModuleDescriptor]:
        wanted = list(ids)
        self.read.update(wanted)
        time.sleep(0.05)
        return super().descriptors(wanted)

    def instances(self, srvc_id: str | None = None) -> list[Instance]:
        if self.broken:
            raise KeyError("broken")
        self.read[f"instances of {srvc_id}"] += 1
        time.sleep(0.05)
        return super().instances(srvc_id)


def known() -> tuple[SlowStore, FakeClock, Catalog]:
    """A store with the chain of modules, each with an instance, and a catalog that has not read it yet."""
    store, clock = SlowStore(), FakeClock()
    store.add_modules([ModuleDescriptor.parse(document) for document in CHAIN])
    for document in CHAIN:
        name = str(document["id"])
        store.add_instance(Instance(inst_id=f"i-{name}", srvc_id=name, url=f"http://{name}", document={}))
    return (
        store,
        clock,
        Catalog(store, RegistryService(store), OwnPlatform(store), clock, Patience(clock, CallPolicy())),
    )


def test_of_many_jobs_that_want_a_descriptor_one_reads_it() -> None:
    store, _, catalog = known()
    registry = catalog.registry()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda _: catalog.descriptors(registry, ["a-1.0.0", "b-1.0.0"]), range(AT_ONCE)))
    assert all(set(one) == {"a-1.0.0", "b-1.0.0"} for one in found)
    assert store.read == {"a-1.0.0": 1, "b-1.0.0": 1}


def test_of_many_calls_of_a_module_one_asks_for_its_instances() -> None:
    store, clock, catalog = known()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        urls = set(pool.map(lambda _: catalog.instance_url("a-1.0.0"), range(AT_ONCE)))
    assert (urls, store.read["instances of a-1.0.0"]) == ({"http://a-1.0.0"}, 1)
    clock.sleep(1.1)
    catalog.instance_url("a-1.0.0")
    assert store.read["instances of a-1.0.0"] == 2


def test_a_job_with_more_modules_than_are_kept_gets_all_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogs, "_MOST_DESCRIPTORS", 2)
    store, _, catalog = known()
    ids = [str(document["id"]) for document in CHAIN]
    assert catalog.descriptors(catalog.registry(), ids).keys() == set(ids)
    assert len(catalog._descriptors) == 2
    assert catalog.descriptors(catalog.registry(), ids).keys() == set(ids)
    assert max(store.read.values()) == 2


def test_after_a_read_of_instances_that_failed_the_next_one_reads() -> None:
    store, _, catalog = known()
    store.broken = True
    with pytest.raises(KeyError, match="broken"):
        catalog.instance_url("a-1.0.0")
    store.broken = False
    assert catalog.instance_url("a-1.0.0") == "http://a-1.0.0"


def test_a_call_that_failed_asks_again_at_once() -> None:
    store, _, catalog = known()
    catalog.instance_url("a-1.0.0")
    store.remove_instances("a-1.0.0")
    assert catalog.instance_url("a-1.0.0") == "http://a-1.0.0"
    assert catalog.instance_url("a-1.0.0", fresh=True) is None
    assert catalog.instance_url("a-1.0.0") is None


def test_a_module_that_was_replaced_is_read_anew() -> None:
    store, _, catalog = known()
    before = catalog.registry()
    catalog.descriptors(before, ["d-1.0.0"])
    store.remove_module("d-1.0.0")
    store.add_modules([ModuleDescriptor.parse({"id": "d-1.0.0", "name": "another"})])
    after = catalog.registry()
    assert catalog.descriptors(after, ["d-1.0.0"])["d-1.0.0"].document["name"] == "another"


def test_who_knows_the_newest_change_need_not_ask_for_it() -> None:
    store, _, catalog = known()
    first = catalog.registry()
    store.add_modules([ModuleDescriptor.parse({"id": "new-1.0.0"})])
    newest = store.registry_since(0).seq
    assert "new-1.0.0" not in catalog.registry(newest - 1)
    assert "new-1.0.0" in catalog.registry(newest)
    assert first is catalog.registry(newest)


def test_a_module_that_an_okapi_has_no_more_can_still_be_read_for_a_job_that_was_planned_with_it() -> None:
    store, _, catalog = known()
    store.mirror_modules((), ["b-1.0.0"])
    assert catalog.registry().get("b-1.0.0") is None
    found = catalog.descriptors(catalog.registry(), ["a-1.0.0", "b-1.0.0", "never-there-1.0.0"])
    assert sorted(found) == ["a-1.0.0", "b-1.0.0"]
