"""AccessStore: keys and sessions of the page, as hashes."""

from __future__ import annotations

import pytest

from okapi_install.domain.access import Role
from okapi_install.domain.errors import UserError
from okapi_install.service.ports import PageSession, Store, StoredKey
from tests.contract.conftest import PassTime

NIGHT = StoredKey(name="night-shift", role=Role.READ, digest="d1")
JENKINS = StoredKey(name="jenkins", role=Role.OPERATE, digest="d2")
DAY = 86400.0


def _session(digest: str, key: StoredKey = NIGHT) -> PageSession:
    return PageSession(digest=digest, key_name=key.name, key_mark=key.digest)


def test_keys_are_listed_by_name_with_their_age(store: Store) -> None:
    assert store.access_keys() == []
    store.add_key(NIGHT)
    store.add_key(JENKINS)
    assert [(key.name, key.role, key.digest) for key in store.access_keys()] == [
        ("jenkins", Role.OPERATE, "d2"),
        ("night-shift", Role.READ, "d1"),
    ]
    assert all(key.created for key in store.access_keys())


def test_the_name_of_a_key_is_taken_once(store: Store) -> None:
    store.add_key(NIGHT)
    with pytest.raises(UserError, match="There is a key night-shift already"):
        store.add_key(StoredKey(name="night-shift", role=Role.OPERATE, digest="d3"))
    assert [key.digest for key in store.access_keys()] == ["d1"]


def test_a_key_is_removed_once_and_its_sessions_with_it(store: Store) -> None:
    store.add_key(NIGHT)
    store.add_key(JENKINS)
    store.add_session(_session("s1"), DAY)
    store.add_session(_session("s2", JENKINS), DAY)
    assert store.remove_key("night-shift")
    assert not store.remove_key("night-shift")
    assert (store.session("s1", DAY), store.session("s2", DAY)) == (None, _session("s2", JENKINS))
    assert [key.name for key in store.access_keys()] == ["jenkins"]


def test_a_session_ends_when_it_is_told_to_or_its_time_is_up(store: Store, pass_time: PassTime) -> None:
    without_name = PageSession(digest="s1", key_name=None, key_mark="m")
    store.add_session(without_name, DAY)
    store.add_session(_session("s2"), DAY)
    assert store.session("s1", DAY) == without_name
    store.end_session("s1")
    store.end_session("s1")
    assert (store.session("s1", DAY), store.session("s2", DAY)) == (None, _session("s2"))
    pass_time(DAY + 1)
    assert store.session("s2", DAY) is None
    store.add_session(_session("s3"), DAY)
    assert store.session("s2", 10 * DAY) is None
    assert store.session("unknown", DAY) is None
