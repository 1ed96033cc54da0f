"""The keys of the API: those of the settings, and those in the store, which can be added and removed at any time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from threading import Lock

from okapi_install.domain.access import (
    KeyHolder,
    NamedKey,
    Role,
    digest_of,
    key_is_in_the_settings,
    key_name,
    key_name_taken,
    no_such_key,
)
from okapi_install.domain.errors import StoreUnavailable, UserError
from okapi_install.service.ports import AccessStore, StoredKey

_YOUNG = 1.0
"""Seconds for which the keys of the store are cached: a removed key is valid for that long."""
_PREFIX = "oki_"
"""The start of a generated key, by which people and scanners for secrets recognise it."""
_SLOW = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26}
"""Parameters of scrypt: a tenth of a second and 32 MiB per key."""


class KeyRing:
    """Finds the holder of a key. Thread-safe."""

    def __init__(self, given: Sequence[NamedKey], store: AccessStore, monotonic: Callable[[], float]) -> None:
        self._given = tuple(given)
        self._store = store
        self._monotonic = monotonic
        self._lock = Lock()
        self._stored: tuple[StoredKey, ...] = ()
        self._read_at: float | None = None
        self._marks: dict[str, str] = {}
        self.dots = frozenset(one.key.count(".") for one in self._given)
        """How many dots the keys of the settings have. Generated keys have none, FOLIO's tokens have two."""

    @property
    def needed(self) -> bool:
        """Whether requests need a key: there is one. Raises StoreUnavailable if nobody can say so yet."""
        return bool(self._given) or bool(self._known())

    def find(self, sent: str) -> KeyHolder | None:
        """The holder of the key that was sent. The time that it takes does not tell how much of a key was right."""
        given, stored = self._matching(sent)
        found = given or stored
        return None if found is None else KeyHolder(name=found.name, role=found.role)

    def mark(self, sent: str) -> str | None:
        """What identifies the key that was sent, and does not tell it. A new key has a new mark."""
        given, stored = self._matching(sent)
        if given is not None:
            return self._mark(given)
        return None if stored is None else stored.digest

    def _matching(self, sent: str) -> tuple[NamedKey | None, StoredKey | None]:
        key, digest = sent.strip().encode("utf-8", "replace"), digest_of(sent.strip())
        given = [one for one in self._given if hmac.compare_digest(one.key.encode(), key)]
        if given:
            return given[0], None
        stored = [one for one in self._known() if hmac.compare_digest(one.digest, digest)]
        return None, stored[0] if stored else None

    def holder(self, name: str | None, mark: str) -> KeyHolder | None:
        """The holder of the key with that name and mark, if it is still valid."""
        valid = [(one.role, one.digest) for one in self._known() if one.name == name]
        valid += [(one.role, self._mark(one)) for one in self._given if one.name == name]
        roles = [role for role, known in valid if hmac.compare_digest(known, mark)]
        return KeyHolder(name=name, role=roles[0]) if roles else None

    def _mark(self, given: NamedKey) -> str:
        """The mark of a key of the settings, which a person may have chosen. It is slow, but computed once."""
        with self._lock:
            if given.key not in self._marks:
                slow = hashlib.scrypt(given.key.encode(), salt=b"okapi-install page session", **_SLOW)
                self._marks[given.key] = slow.hex()
            return self._marks[given.key]

    def _known(self) -> tuple[StoredKey, ...]:
        with self._lock:
            now = self._monotonic()
            if self._read_at is not None and now - self._read_at < _YOUNG:
                return self._stored
            try:
                self._stored = tuple(self._store.access_keys())
            except StoreUnavailable:
                if self._read_at is None:
                    raise
            self._read_at = now
            return self._stored


class KeyService:
    """Adds, lists and removes the keys in the store, for the command."""

    def __init__(self, store: AccessStore, given: Sequence[NamedKey]) -> None:
        self._store = store
        self._given = tuple(given)

    def add(self, name: str, role: Role) -> str:
        """A new key, which cannot be shown again. Raises UserError if the name is taken."""
        if key_name(name) in [one.name for one in self._given]:
            raise UserError(key_name_taken(name))
        key = _PREFIX + secrets.token_urlsafe(32)
        self._store.add_key(StoredKey(name=name, role=role, digest=digest_of(key)))
        return key

    def all(self) -> list[StoredKey]:
        """All keys in the store, by name."""
        return self._store.access_keys()

    def is_last(self, name: str) -> bool:
        """Whether requests need no key any more once that one is removed."""
        return not self._given and [one.name for one in self._store.access_keys()] == [name]

    def remove(self, name: str) -> None:
        """Removes a key, which ends the sessions of its holder. Raises UserError if there is none of that name."""
        if not self._store.remove_key(name):
            settings = name in [one.name for one in self._given]
            raise UserError(key_is_in_the_settings(name) if settings else no_such_key(name))
