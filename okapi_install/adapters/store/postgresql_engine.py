"""Makes the engine for PostgreSQL (psycopg 3): verified TLS, the encoding, prepared statements where they last."""

from __future__ import annotations

import ipaddress
import ssl
from typing import Any

import psycopg
import structlog
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry

from okapi_install.domain.errors import InternalError
from okapi_install.domain.messages import message

log = structlog.get_logger()

_PREPARED_AFTER = 1
"""How often a statement is sent before PostgreSQL is told to keep it."""
_PLAN_ONCE = "SET plan_cache_mode = force_generic_plan; SET jit = off"
"""To plan a statement takes PostgreSQL longer than to carry it out, and no plan here depends on the parameters: what
does, the states of jobs, are constants (see turns.py). Sent, because PgBouncer refuses options of the connection."""


def postgresql_engine(where: URL, options: dict[str, Any]) -> Engine:
    """The engine for that PostgreSQL URL. A statement is a transaction of its own, unless a connection asks for another
    isolation level.
    """
    arguments = {"connect_timeout": 5, "autocommit": True, "prepare_threshold": None, **_tls_arguments(where)}
    options = {**options, "connect_args": arguments, "isolation_level": "AUTOCOMMIT"}
    engine = create_engine(where.set(drivername="postgresql+psycopg"), **options)
    poolers = _Poolers()
    event.listen(engine, "connect", poolers.prepare, insert=True)
    event.listen(engine, "connect", _require_utf8, insert=True)
    return engine


def _tls_arguments(where: URL) -> dict[str, str]:
    """What libpq is told where the URL says nothing about TLS: a server on another machine has to prove who it is.

    libpq's own default would take any certificate, and none. Its word for the system's authorities is of no use in
    psycopg's wheel, whose OpenSSL looks for them in a folder that is not there.
    """
    if "sslmode" in where.query or _is_local(where):
        return {}
    trusted = {} if "sslrootcert" in where.query else {"sslrootcert": ssl.get_default_verify_paths().cafile or "system"}
    return {"sslmode": "verify-full", **trusted}


def _is_local(where: URL) -> bool:
    """Whether each host of the URL is this machine, by its name or address, or a socket in the file system."""
    hosts = [where.host or "", *where.normalized_query.get("host", ()), *where.normalized_query.get("hostaddr", ())]
    return all(_is_local_host(host) for given in hosts for host in given.split(","))


def _is_local_host(host: str) -> bool:
    name = host.rpartition(":")[0] if host.count(":") == 1 else host
    if name in ("", "localhost") or name.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _require_utf8(connection: psycopg.Connection[Any], _entry: ConnectionPoolEntry) -> None:
    """Before SQLAlchemy sees the connection: text of a database in SQL_ASCII comes as bytes, which it cannot bear."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise InternalError(message(20508, encoding))


class _Poolers:
    """Looks at each new connection whether it has a session of the server to itself."""

    def __init__(self) -> None:
        self._told = False

    def prepare(self, connection: psycopg.Connection[Any], _entry: ConnectionPoolEntry) -> None:
        """Lets the server keep prepared statements and settings, if they last from one transaction to the next.

        A pooler (PgBouncer, Odyssey) may give each transaction another session. To try a prepared statement would not
        tell: it may meet the same session by chance. What tells is the process id: a server announces its own when it
        accepts a connection, a pooler makes one up, because it has no process yet. Behind a pooler nothing is kept,
        in whatever mode it is.
        """
        if connection.info.backend_pid == _process_of(connection):
            connection.prepare_threshold = _PREPARED_AFTER
            connection.execute(_PLAN_ONCE)
            return
        _require_transactions(connection)
        if not self._told:
            self._told = True
            log.info("the database is behind a connection pooler: statements are not prepared")


def _process_of(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return -1 if row is None else int(row[0])


def _require_transactions(connection: psycopg.Connection[Any]) -> None:
    """Raises InternalError where the pooler may give each statement of a transaction another session."""
    try:
        connection.execute("BEGIN")
        connection.execute("COMMIT")
    except psycopg.errors.ProtocolViolation:
        connection.close()
        raise InternalError(message(20509)) from None
