"""The ring of keys: those of the settings and of the store, found by what was sent."""

from __future__ import annotations

import pytest

from okapi_install.domain.access import KeyHolder, NamedKey, Role, requester
from okapi_install.domain.errors import StoreUnavailable, UserError
from okapi_install.service.access import KeyRing, KeyService
from okapi_install.service.ports import StoredKey
from tests.fakes.fake_clock import FakeClock
from tests.fakes.memory_store import MemoryStore

ALONE = NamedKey(name=None, role=Role.OPERATE, key="the-single-key")
READER = NamedKey(name="reader", role=Role.READ, key="a-key-that-reads")


class BrokenStore(MemoryStore):
    """A store that is unavailable when it is told to be."""

    broken = False

    def access_keys(self) -> list[StoredKey]:
        if self.broken:
            raise StoreUnavailable("gone")
        return super().access_keys()


def _ring(store: MemoryStore, *given: NamedKey, clock: FakeClock | None = None) -> KeyRing:
    return KeyRing(given, store, (clock or FakeClock()).monotonic)


def test_each_key_has_its_holder_and_nothing_else_has_one() -> None:
    store = MemoryStore()
    key = KeyService(store, ()).add("jenkins", Role.OPERATE)
    ring = _ring(store, ALONE, READER)
    assert ring.find("the-single-key") == KeyHolder(name=None, role=Role.OPERATE)
    assert ring.find(" a-key-that-reads ") == KeyHolder(name="reader", role=Role.READ)
    assert ring.find(key) == KeyHolder(name="jenkins", role=Role.OPERATE)
    for wrong in ("", "é", "\udcff", key[:-1], store.access_keys()[0].digest, "reader"):
        assert ring.find(wrong) is None
        assert ring.mark(wrong) is None


def test_a_server_needs_a_key_as_soon_as_there_is_one() -> None:
    store, clock = MemoryStore(), FakeClock()
    ring = _ring(store, clock=clock)
    seen = [ring.needed]
    KeyService(store, ()).add("jenkins", Role.OPERATE)
    clock.sleep(1.1)
    assert [*seen, ring.needed] == [False, True]
    assert _ring(MemoryStore(), READER).needed


def test_a_removed_key_is_refused_within_a_second_and_its_mark_too() -> None:
    store, clock = MemoryStore(), FakeClock()
    service = KeyService(store, ())
    key = service.add("jenkins", Role.OPERATE)
    ring = _ring(store, clock=clock)
    mark = ring.mark(key) or ""
    assert ring.holder("jenkins", mark) == KeyHolder(name="jenkins", role=Role.OPERATE)
    service.remove("jenkins")
    clock.sleep(1.1)
    assert ring.find(key) is None
    assert ring.holder("jenkins", mark) is None
    service.add("jenkins", Role.OPERATE)
    clock.sleep(1.1)
    assert ring.holder("jenkins", mark) is None


def test_the_mark_of_a_key_in_the_settings_does_not_tell_the_key_and_changes_with_it() -> None:
    ring, changed = (_ring(MemoryStore(), NamedKey(name="a", role=Role.READ, key=key)) for key in ("key-1", "key-2"))
    mark = ring.mark("key-1")
    assert mark is not None
    assert "key-1" not in mark
    assert ring.holder("a", mark) == KeyHolder(name="a", role=Role.READ)
    assert changed.holder("a", mark) is None
    assert ring.holder("b", mark) is None


def test_a_store_that_fails_opens_nothing_and_closes_nothing() -> None:
    store, clock = BrokenStore(), FakeClock()
    key = KeyService(store, ()).add("jenkins", Role.OPERATE)
    ring = _ring(store, clock=clock)
    assert ring.find(key) is not None
    store.broken = True
    clock.sleep(10)
    assert ring.find(key) is not None
    with pytest.raises(StoreUnavailable):
        _ = _ring(store).needed
    assert _ring(store, ALONE).needed


def test_the_store_has_no_key_in_it() -> None:
    store = MemoryStore()
    key = KeyService(store, ()).add("jenkins", Role.OPERATE)
    assert key not in repr([(one.name, one.digest) for one in store.access_keys()])
    assert store.access_keys()[0].digest not in repr(store.access_keys())


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "-a", "x" * 65, "a\n"])
def test_a_name_that_cannot_be_in_a_setting_or_a_line_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="cannot be the name of a key"):
        KeyService(MemoryStore(), ()).add(name, Role.READ)


def test_keys_of_the_settings_are_neither_added_nor_removed_here() -> None:
    service = KeyService(MemoryStore(), (READER,))
    with pytest.raises(UserError, match="There is a key reader already"):
        service.add("reader", Role.READ)
    with pytest.raises(UserError, match="is in the setting api_keys"):
        service.remove("reader")
    with pytest.raises(UserError, match="There is no key other"):
        service.remove("other")


def test_the_last_key_is_known_as_such() -> None:
    store = MemoryStore()
    service = KeyService(store, ())
    service.add("a", Role.READ)
    assert service.is_last("a")
    assert not service.is_last("b")
    assert not KeyService(store, (READER,)).is_last("a")
    service.add("b", Role.READ)
    assert not service.is_last("a")


def test_who_requests_is_the_key_and_what_the_request_claims() -> None:
    assert requester(None, None) is None
    assert requester(None, "diku_admin") == "diku_admin"
    assert requester("jenkins", None) == "jenkins"
    assert requester("jenkins", "jenkins") == "jenkins"
    assert requester("jenkins", "diku_admin") == "jenkins (diku_admin)"
