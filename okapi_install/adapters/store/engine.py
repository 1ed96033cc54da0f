"""Creates the engine for a database URL: SQLite as a private file in WAL mode, or PostgreSQL with psycopg 3.

On PostgreSQL it ensures verified TLS and UTF-8, and uses prepared statements only where they persist.
"""

from __future__ import annotations

import ipaddress
import os
import sqlite3
import ssl
import time
from pathlib import Path
from typing import Any

import psycopg
import structlog
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from okapi_install.domain import messages
from okapi_install.domain.errors import InternalError, StoreUnavailable

log = structlog.get_logger()

_OVERFLOW = 0
"""No connections beyond the pool: they are closed on return, and under load that took most of PostgreSQL's time."""
POOL_WAIT = 10.0
_POOL_TURN = 0.25
"""Seconds: how long to wait for a connection in all, and in one go. There is one for each who was let in (FairLimit),
but a connection that broke is given back a moment later. A greenlet that is killed while it waits takes the wake-up
along that was meant for it; whoever waits in short turns finds the free connection all the same."""
_SQLITE_HEADER = b"SQLite format 3\0"
_BUSY_TIMEOUT = "busy_timeout=10000"
_PRAGMAS = (_BUSY_TIMEOUT, "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
_WRITE = "BEGIN IMMEDIATE"
_LOCK_WAIT = 10.0
_LOCK_PAUSE = 0.0005
"""Seconds: how long to try for the write lock that another process holds, and to sleep between. SQLite's own wait
sleeps for up to 0.1 s at a time, is unfair under load (measured: 0.7 s), and stops all greenlets of the process."""

_PREPARED_AFTER = 1
"""After how many executions a statement is prepared."""
_PLAN_ONCE = "SET plan_cache_mode = force_generic_plan; SET jit = off"
"""To plan a statement takes PostgreSQL longer than to carry it out, and no plan here depends on the parameters: what
does, the states of jobs, are constants (see expressions.py). Sent, because PgBouncer refuses options of a connection.
"""

BEGIN_OPTION = "okapi_install_begin"
"""The execution option with the statement that opens a transaction on SQLite; None opens no transaction."""


def make_engine(url: str, *, pool_size: int = 6) -> Engine:
    """An engine that has not connected yet. Beyond `pool_size` users, others wait at most 10 seconds.

    On PostgreSQL each statement is its own transaction, unless a connection asks for another isolation level.

    Raises:
        InternalError: it is not the URL of an SQLite or PostgreSQL database.
    """
    where = _parse(url)
    options: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": _OVERFLOW,
        "pool_timeout": _POOL_TURN,
        "pool_use_lifo": True,
        "hide_parameters": True,
    }
    if where.get_backend_name() == "sqlite":
        return _sqlite(where, options)
    return _postgresql(where, options)


def connected(engine: Engine) -> Connection:
    """A connection of the pool. Raises TimeoutError of SQLAlchemy if none is free for 10 seconds."""
    deadline = time.monotonic() + POOL_WAIT
    while True:
        try:
            return engine.connect()
        except PoolTimeoutError:
            if time.monotonic() > deadline:
                raise


def _parse(url: str) -> URL:
    try:
        where = make_url(url)
    except ArgumentError:
        raise InternalError("The database URL cannot be read") from None
    backend = where.get_backend_name()
    if backend not in ("sqlite", "postgresql", "postgres"):
        raise InternalError(f"The store needs an SQLite or PostgreSQL URL, not {backend}")
    if backend == "sqlite" and where.database in (None, "", ":memory:"):
        raise InternalError("The SQLite URL must name a file: several processes share it")
    return where


def _sqlite(where: URL, options: dict[str, Any]) -> Engine:
    _private_file(Path(str(where.database)))
    engine = create_engine(where.set(drivername="sqlite+pysqlite"), **options)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _private_file(path: Path) -> None:
    """Creates the file before SQLite does, so that no other user can read it. Its WAL gets the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise InternalError(f"The database file {path} cannot be opened: {error.strerror}") from error


def check_file(engine: Engine) -> None:
    """Raises StoreUnavailable unless the file of an SQLite database is there. Connections that are open would not
    notice: they continue with their caches and the write-ahead log.
    """
    path = Path(str(engine.url.database))
    try:
        with path.open("rb") as file:
            found = file.read(len(_SQLITE_HEADER))
    except OSError as error:
        raise StoreUnavailable(messages.store_unavailable(f"the database file {path}: {error.strerror}")) from error
    if found != _SQLITE_HEADER:
        raise StoreUnavailable(messages.store_unavailable(f"{path} is not a database any more"))


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # sqlite3 would else begin by itself, and deferred: see _begin
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    statement = connection.get_execution_options().get(BEGIN_OPTION, _WRITE)
    if statement == _WRITE and _got_write_lock(connection.connection.cursor()):
        return
    if statement:
        connection.exec_driver_sql(statement)


def _got_write_lock(cursor: DBAPICursor) -> bool:
    """Whether the transaction was started. If not, starting it again raises an error that says why."""
    deadline = time.monotonic() + _LOCK_WAIT
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        while not (started := _try_to_begin(cursor)) and time.monotonic() < deadline:
            time.sleep(_LOCK_PAUSE)
        return started
    except sqlite3.OperationalError:
        return False
    finally:
        cursor.execute(f"PRAGMA {_BUSY_TIMEOUT}")
        cursor.close()


def _try_to_begin(cursor: DBAPICursor) -> bool:
    try:
        cursor.execute(_WRITE)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return False
        raise
    return True


def _postgresql(where: URL, options: dict[str, Any]) -> Engine:
    arguments = {"connect_timeout": 5, "autocommit": True, "prepare_threshold": None, **_tls_arguments(where)}
    options = {**options, "connect_args": arguments, "isolation_level": "AUTOCOMMIT"}
    engine = create_engine(where.set(drivername="postgresql+psycopg"), **options)
    poolers = _Poolers()
    event.listen(engine, "connect", poolers.prepare, insert=True)
    event.listen(engine, "connect", _require_utf8, insert=True)
    return engine


def _tls_arguments(where: URL) -> dict[str, str]:
    """The TLS parameters for a URL that has none: a server on another machine must have a valid certificate.

    libpq's default would accept any certificate, or none. Its value for the system's authorities does not work with
    psycopg's wheel, whose OpenSSL looks for them in a folder that does not exist.
    """
    if "sslmode" in where.query or _is_local(where):
        return {}
    trusted = {} if "sslrootcert" in where.query else {"sslrootcert": ssl.get_default_verify_paths().cafile or "system"}
    return {"sslmode": "verify-full", **trusted}


def _is_local(where: URL) -> bool:
    """Whether every host of the URL is this machine, or a socket in the file system."""
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
    """Requires UTF-8 before SQLAlchemy uses the connection: text from an SQL_ASCII database is bytes, and breaks it."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise InternalError(messages.wrong_encoding(encoding))


class _Poolers:
    """Checks for each new connection whether it has a server session of its own."""

    def __init__(self) -> None:
        self._told = False

    def prepare(self, connection: psycopg.Connection[Any], _entry: ConnectionPoolEntry) -> None:
        """Enables prepared statements and session settings, if they persist from one transaction to the next.

        A pooler (PgBouncer, Odyssey) may use another session for each transaction. Trying a prepared statement proves
        nothing, since it may get the same session by chance. The process id does: a server announces its own when it
        accepts a connection, a pooler invents one, because it has no process yet. Behind a pooler of any mode neither
        is used.
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
    """Raises InternalError if the pooler may use another session for each statement of a transaction."""
    try:
        connection.execute("BEGIN")
        connection.execute("COMMIT")
    except psycopg.errors.ProtocolViolation:
        connection.close()
        raise InternalError(messages.pooler_splits_transactions()) from None
