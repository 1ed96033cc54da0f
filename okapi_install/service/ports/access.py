"""Where API keys, and the sessions of their holders on the page, are kept: as hashes only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from okapi_install.domain.access import Role


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKey:
    """A key in the store. `created` is in seconds since 1970, set by the store."""

    name: str
    role: Role
    digest: str = field(repr=False)
    created: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PageSession:
    """A session of the page, by the digest of its cookie. The key is the one that was used to sign in."""

    digest: str = field(repr=False)
    key_name: str | None
    key_mark: str = field(repr=False)


class AccessStore(Protocol):
    """Keys and sessions. Every method is one transaction, and raises StoreUnavailable."""

    def access_keys(self) -> list[StoredKey]:
        """All keys, by name."""

    def add_key(self, key: StoredKey) -> None:
        """Adds a key. Raises UserError if its name is taken."""

    def remove_key(self, name: str) -> bool:
        """Removes a key and the sessions of its holder; whether it existed."""

    def add_session(self, session: PageSession, seconds: float) -> None:
        """Adds a session, and removes those that are older than that."""

    def session(self, digest: str, seconds: float) -> PageSession | None:
        """The session, unless it is older than that, or has ended."""

    def end_session(self, digest: str) -> None:
        """Ends a session."""
