"""Makes the engine for a database URL: SQLite as a private file in WAL mode, or PostgreSQL (postgresql_engine.py)."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from okapi_install.adapters.store.postgresql_engine import postgresql_engine
from okapi_install.domain.errors import InternalError, StoreUnavailable

_OVERFLOW = 0
"""What goes beyond the pool is closed when it is given back: under load, most of PostgreSQL's time went there."""
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

BEGIN_OPTION = "okapi_install_begin"
"""The execution option that holds the statement which opens a transaction on SQLite; None opens none."""


def make_engine(url: str, *, pool_size: int = 6) -> Engine:
    """An engine without a connection yet. Beyond `pool_size` users, the next wait 10 seconds at most.

    On PostgreSQL a statement is a transaction of its own, unless a connection asks for another isolation level.

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
    return postgresql_engine(where, options)


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
    """Made before SQLite does, so that nobody else can read it (its WAL gets the same mode)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise InternalError(f"The database file {path} cannot be opened: {error.strerror}") from error


def check_file(engine: Engine) -> None:
    """Raises StoreUnavailable unless the file of an SQLite database is there. Connections that are open would not
    notice: they go on with what they remember, and with the write-ahead log.
    """
    path = Path(str(engine.url.database))
    try:
        with path.open("rb") as file:
            found = file.read(len(_SQLITE_HEADER))
    except OSError as error:
        raise StoreUnavailable(f"The store is not available: the database file {path}: {error.strerror}") from error
    if found != _SQLITE_HEADER:
        raise StoreUnavailable(f"The store is not available: {path} is not a database any more")


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
    """Whether the transaction has begun. If not, to begin it again tells why, as an error that faults.py knows."""
    deadline = time.monotonic() + _LOCK_WAIT
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        while not (begun := _try_to_begin(cursor)) and time.monotonic() < deadline:
            time.sleep(_LOCK_PAUSE)
        return begun
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
