"""The registry as a process knows it: kept current, whoever changes it, and by however many threads it is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.modules.versions import VersionFilter
from okapi_install.domain.registry.query import ModuleQuery
from okapi_install.service.ports import RegistryDelta
from okapi_install.service.registry import RegistryService
from tests.fakes.memory_store import MemoryStore


class CountingStore(MemoryStore):
    """Counts how often everything is read."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = 0

    def registry_since(self, seq: int) -> RegistryDelta:
        self.whole += seq == 0
        return super().registry_since(seq)


def descriptor(
    ident: str, provides: str | None = None, requires: str | None = None, **more: object
) -> ModuleDescriptor:
    document: dict[str, object] = {"id": ident, **more}
    if provides:
        document["provides"] = [{"id": provides, "version": "1.0"}]
    if requires:
        document["requires"] = [{"id": requires, "version": "1.0"}]
    return ModuleDescriptor.parse(document)


def test_what_another_process_adds_and_removes_is_seen_at_once() -> None:
    store = MemoryStore()
    mine, theirs = RegistryService(store), RegistryService(store)
    theirs.add([descriptor("a-1.0.0"), descriptor("b-1.0.0")])
    assert mine.current().ids() == ["a-1.0.0", "b-1.0.0"]
    theirs.remove("a-1.0.0")
    assert mine.current().ids() == ["b-1.0.0"]


def test_a_module_that_comes_again_has_its_new_document() -> None:
    store = MemoryStore()
    mine, theirs = RegistryService(store), RegistryService(store)
    mine.add([descriptor("a-1.0.0", name="first")])
    theirs.remove("a-1.0.0")
    theirs.add([descriptor("a-1.0.0", name="second")])
    found = mine.current().get("a-1.0.0")
    assert found is not None
    assert found.name == "second"


def test_a_store_that_was_reset_is_read_anew() -> None:
    store = MemoryStore()
    service = RegistryService(store)
    service.add([descriptor("a-1.0.0")])
    service.add([descriptor("b-1.0.0")])
    assert len(service.current()) == 2
    service._store = MemoryStore()
    service._store.add_modules([descriptor("b-1.0.0")])
    assert service.current().ids() == ["b-1.0.0"]


def test_many_threads_at_the_start_read_everything_once() -> None:
    store = CountingStore()
    store.add_modules([descriptor(f"a-1.0.{n}") for n in range(50)])
    service = RegistryService(store)
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lambda _: len(service.current()), range(40)))
    assert set(sizes) == {50}
    assert store.whole <= 8


def test_threads_that_change_the_registry_at_once_lose_nothing() -> None:
    store = MemoryStore()
    services = [RegistryService(store) for _ in range(2)]

    def add(n: int) -> None:
        services[n % 2].add([descriptor(f"a-1.0.{n}")])
        assert f"a-1.0.{n}" in services[n % 2].current()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(60)))
    assert services[0].current().ids() == services[1].current().ids()
    assert len(services[0].current()) == 60


def test_another_document_is_told_before_a_missing_dependency() -> None:
    service = RegistryService(MemoryStore())
    service.add([descriptor("a-1.0.0")])
    with pytest.raises(UserError, match="create: module a-1.0.0 already exists"):
        service.add([descriptor("b-1.0.0", requires="no"), descriptor("a-1.0.0", name="x")])


def test_two_documents_under_one_id_in_one_request_are_refused() -> None:
    with pytest.raises(UserError, match="create: module a-1.0.0 already exists"):
        RegistryService(MemoryStore()).add([descriptor("a-1.0.0"), descriptor("a-1.0.0", name="x")])


def test_a_module_that_the_filter_holds_back_meets_no_requirement() -> None:
    service = RegistryService(MemoryStore())
    service.add([descriptor("a-1.0.0-SNAPSHOT.1", provides="ia")])
    releases = VersionFilter.parse("false", None)
    with pytest.raises(UserError, match="Missing dependency: b-1.0.0 requires ia: 1.0"):
        service.add([descriptor("b-1.0.0", requires="ia")], versions=releases)
    service.add([descriptor("b-1.0.0", requires="ia")])


def test_modules_with_unmet_requirements_are_left_out_with_those_that_need_them() -> None:
    service = RegistryService(MemoryStore())
    chain = [descriptor("c-1.0.0", requires="ib"), descriptor("b-1.0.0", "ib", "ia"), descriptor("d-1.0.0", "id")]
    assert service.add_those_met(chain) == {
        "c-1.0.0": "Missing dependency: c-1.0.0 requires ib: 1.0",
        "b-1.0.0": "Missing dependency: b-1.0.0 requires ia: 1.0",
    }
    assert service.current().ids() == ["d-1.0.0"]


def test_what_is_not_there_is_not_found() -> None:
    service = RegistryService(MemoryStore())
    with pytest.raises(NotFound, match="^a-1.0.0$"):
        service.get("a-1.0.0")
    with pytest.raises(NotFound, match="delete: module a-1.0.0 does not exist"):
        service.remove("a-1.0.0")


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=20))
def test_two_processes_agree_after_any_changes(changes: list[tuple[bool, int]]) -> None:
    store = MemoryStore()
    one, two = RegistryService(store), RegistryService(store)
    for added, number in changes:
        module = descriptor(f"a-1.0.{number}")
        if added:
            one.add([module])
        elif module.id in one.current():
            two.remove(module.id)
        assert two.select(ModuleQuery()) == one.select(ModuleQuery())
