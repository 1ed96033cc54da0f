"""API keys and sessions of the page in memory."""

from __future__ import annotations

from dataclasses import replace

from okapi_install.domain.access import key_name_taken
from okapi_install.domain.errors import UserError
from okapi_install.service.ports import PageSession, StoredKey
from tests.fakes.memory_upkeep import MemoryUpkeep


class MemoryAccess(MemoryUpkeep):
    """An AccessStore of one process."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[str, StoredKey] = {}
        self._sessions: dict[str, tuple[float, PageSession]] = {}

    def access_keys(self) -> list[StoredKey]:
        with self._lock:
            return [self._keys[name] for name in sorted(self._keys)]

    def add_key(self, key: StoredKey) -> None:
        with self._lock:
            if key.name in self._keys:
                raise UserError(key_name_taken(key.name))
            self._keys[key.name] = replace(key, created=self.now())

    def remove_key(self, name: str) -> bool:
        with self._lock:
            gone = self._keys.pop(name, None)
            for digest, (_, session) in list(self._sessions.items()):
                if gone is not None and (session.key_name, session.key_mark) == (name, gone.digest):
                    del self._sessions[digest]
            return gone is not None

    def add_session(self, session: PageSession, seconds: float) -> None:
        with self._lock:
            young = {key: kept for key, kept in self._sessions.items() if kept[0] >= self.now() - seconds}
            self._sessions = young | {session.digest: (self.now(), session)}

    def session(self, digest: str, seconds: float) -> PageSession | None:
        with self._lock:
            created, session = self._sessions.get(digest, (0.0, None))
            return session if created >= self.now() - seconds else None

    def end_session(self, digest: str) -> None:
        with self._lock:
            self._sessions.pop(digest, None)
