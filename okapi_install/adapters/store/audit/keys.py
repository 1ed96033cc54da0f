"""API keys and sessions of the page, as hashes."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select

from okapi_install.adapters.store.expressions import db_now
from okapi_install.adapters.store.tables import ACCESS_KEYS, PAGE_SESSIONS
from okapi_install.domain.access import Role
from okapi_install.service.ports import PageSession, StoredKey

_k, _s = ACCESS_KEYS.c, PAGE_SESSIONS.c
_KEYS = select(ACCESS_KEYS).order_by(_k.name)
_ADD_KEY = insert(ACCESS_KEYS).values(created=db_now())
_MARK = select(_k.digest).where(_k.name == bindparam("key"))
_REMOVE_KEY = delete(ACCESS_KEYS).where(_k.name == bindparam("key"))
_END_SESSIONS = delete(PAGE_SESSIONS).where(_s.key_name == bindparam("key"), _s.key_mark == bindparam("mark"))
_LIMIT = db_now() - bindparam("seconds")
_END_OLD = delete(PAGE_SESSIONS).where(_s.created < _LIMIT)
_ADD_SESSION = insert(PAGE_SESSIONS).values(created=db_now())
_AT = _s.digest == bindparam("at")
_SESSION = select(PAGE_SESSIONS).where(_AT, _s.created >= _LIMIT)
_END_SESSION = delete(PAGE_SESSIONS).where(_AT)


def keys(connection: Connection) -> list[StoredKey]:
    """All keys, by name."""
    rows = connection.execute(_KEYS)
    return [StoredKey(name=row.name, role=Role(row.role), digest=row.digest, created=row.created) for row in rows]


def add_key(connection: Connection, key: StoredKey) -> None:
    """Adds a key. Raises IntegrityError if its name is taken."""
    connection.execute(_ADD_KEY, {"name": key.name, "role": key.role.value, "digest": key.digest})


def remove_key(connection: Connection, name: str) -> bool:
    """Removes a key and the sessions of its holder; whether it existed."""
    mark = connection.scalar(_MARK, {"key": name})
    connection.execute(_END_SESSIONS, {"key": name, "mark": mark})
    return connection.execute(_REMOVE_KEY, {"key": name}).rowcount > 0


def add_session(connection: Connection, session: PageSession, seconds: float) -> None:
    """Adds a session, and removes those that are older than that."""
    connection.execute(_END_OLD, {"seconds": seconds})
    values = {"digest": session.digest, "key_name": session.key_name, "key_mark": session.key_mark}
    connection.execute(_ADD_SESSION, values)


def session(connection: Connection, digest: str, seconds: float) -> PageSession | None:
    """The session, unless it is older than that, or has ended."""
    row = connection.execute(_SESSION, {"at": digest, "seconds": seconds}).one_or_none()
    return None if row is None else PageSession(digest=digest, key_name=row.key_name, key_mark=row.key_mark)


def end_session(connection: Connection, digest: str) -> None:
    """Ends a session."""
    connection.execute(_END_SESSION, {"at": digest})
