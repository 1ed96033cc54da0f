"""`keys`: adds, lists and removes keys in the database of a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from okapi_install.adapters.store import migrate, open_store
from okapi_install.domain.access import digest_of
from tests.fakes.command import Done, run_command


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of a server."""
    migrate(_url(tmp_path))
    return tmp_path


def _url(data: Path) -> str:
    return f"sqlite:///{data}/okapi-install.db"


def _keys(data: Path, *arguments: str, given: str = "") -> Done:
    return run_command("keys", *arguments, "--data", str(data), given=given)


def test_a_key_is_printed_once_and_kept_as_a_hash(data: Path) -> None:
    added = _keys(data, "add", "night-shift", "--role", "read")
    assert (added.returncode, added.stderr.strip()) == (0, "The key of night-shift, which may read. Store it now:")
    key = added.stdout.strip()
    assert key.startswith("oki_")
    assert len(key) > 40
    store = open_store(_url(data))
    assert [(one.name, one.role.value, one.digest) for one in store.access_keys()] == [
        ("night-shift", "read", digest_of(key))
    ]
    store.dispose()
    listed = _keys(data, "list")
    assert [line.split()[:2] for line in listed.stdout.splitlines()] == [["NAME", "ROLE"], ["night-shift", "read"]]
    assert key not in listed.stdout


def test_a_key_is_removed_and_the_last_one_only_after_a_question(data: Path) -> None:
    for name in ("a", "b"):
        _keys(data, "add", name, "--role", "operate")
    assert _keys(data, "remove", "a").returncode == 0
    refused = _keys(data, "remove", "b", given="n\n")
    assert refused.returncode == 1
    assert "b is the last key" in refused.stderr
    assert _keys(data, "remove", "b", "--yes").returncode == 0
    assert _keys(data, "list").stdout == ""


def test_a_mistake_is_told_in_one_line(data: Path) -> None:
    _keys(data, "add", "a", "--role", "operate")
    for arguments, words in (
        (("add", "a", "--role", "read"), "There is a key a already"),
        (("add", "a b", "--role", "read"), "cannot be the name of a key"),
        (("remove", "c"), "There is no key c"),
    ):
        done = _keys(data, *arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("okapi-install: ")
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
