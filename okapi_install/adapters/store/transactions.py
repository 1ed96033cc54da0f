"""Runs operations as transactions, retries them where that is safe, and turns errors of the database library into ours,
without secrets or SQL.

`write` is for changes; `snapshot` reads with several statements from one state; `glance` runs a single statement.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection, Engine, exc
from sqlalchemy.pool import QueuePool

from okapi_install.adapters.store.engine import BEGIN_OPTION, POOL_WAIT, connected
from okapi_install.domain import messages
from okapi_install.domain.errors import InternalError, StoreNotWritable, StoreUnavailable
from okapi_install.service.fair_limit import FairLimit
from okapi_install.service.metrics import STORE_ERRORS, Meters

P = ParamSpec("P")
T = TypeVar("T")

_PAUSES = (0.0, 0.02, 0.1)
"""Seconds to wait before a transaction is tried for the second, third and fourth time."""

_sqlite_writer = threading.Lock()
"""SQLite waits for its write lock in C and blocks all greenlets of the process, the one that holds the lock too:
within a process, wait here instead. Between BEGIN and COMMIT no greenlet yields."""


class Database:
    """An engine, and the ways to run transactions on it."""

    def __init__(self, engine: Engine, meters: Meters | None = None) -> None:
        self.engine = engine
        self._meters = meters or Meters()
        sqlite = engine.dialect.name == "sqlite"
        self._places = FairLimit(cast(QueuePool, engine.pool).size())
        self._guard: AbstractContextManager[object] = _sqlite_writer if sqlite else nullcontext()
        self._writes, self._snapshots, self._glances = _sqlite_ways(engine) if sqlite else _postgresql_ways(engine)

    def write(self, work: Callable[[Connection], T]) -> T:
        """The result of `work` in a transaction. On StoreUnavailable, InternalError, IntegrityError, or an error
        of `work` itself, nothing is changed.
        """
        return self._watched(lambda: self._write_once(work))

    def snapshot(self, work: Callable[[Connection], T]) -> T:
        """Like `write`, but `work` only reads, from a single state of the database."""
        return self._watched(lambda: self._once(self._snapshots, lambda connection: _committed(connection, work)))

    def glance(self, work: Callable[[Connection], T]) -> T:
        """Like `write`, but without the cost of a transaction, for `work` that runs a single statement."""
        return self._watched(lambda: self._once(self._glances, work))

    def _watched(self, once: Callable[[], T]) -> T:
        try:
            return _persist(once)
        except InternalError as problem:
            self._meters.count(STORE_ERRORS, code=problem.code)
            raise

    def _write_once(self, work: Callable[[Connection], T]) -> T:
        with self._guard:
            return self._once(self._writes, lambda connection: _written(connection, work))

    def _once(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with self._places.one(POOL_WAIT), connected(engine) as connection:
            return work(connection)


def _sqlite_ways(engine: Engine) -> tuple[Engine, Engine, Engine]:
    snapshots = engine.execution_options(**{BEGIN_OPTION: "BEGIN DEFERRED"})
    return engine, snapshots, engine.execution_options(**{BEGIN_OPTION: None})


def _postgresql_ways(engine: Engine) -> tuple[Engine, Engine, Engine]:
    """The engines for `write`, `snapshot` and `glance`. The most frequent isolation level is the engine's own, because
    changing it for a connection costs time.
    """
    writes = engine.execution_options(isolation_level="READ COMMITTED")
    return writes, engine.execution_options(isolation_level="REPEATABLE READ"), engine


def _written(connection: Connection, work: Callable[[Connection], T]) -> T:
    result = work(connection)
    _commit(connection)
    return result


def _committed(connection: Connection, work: Callable[[Connection], T]) -> T:
    """The result of `work`, always committed. Closing would roll back, and psycopg then drops the connection's prepared
    statements: PostgreSQL spent half of its time on planning them again.
    """
    result = work(connection)
    connection.commit()
    return result


def _commit(connection: Connection) -> None:
    """Commits. If the connection breaks here, nobody knows whether it was committed, so it must not be retried."""
    try:
        connection.commit()
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            raise fault(error) from error
        raise


def _persist(once: Callable[[], T]) -> T:
    for pause in _PAUSES:
        try:
            return once()
        except DatabaseFailure as error:
            if not worth_repeating(error):
                raise fault(error) from error
        time.sleep(pause)
    return _last_time(once)


def _last_time(once: Callable[[], T]) -> T:
    try:
        return once()
    except DatabaseFailure as error:
        raise fault(error) from error


class OnDatabase:
    """The base of classes with operations on a database as methods."""

    def __init__(self, database: Database) -> None:
        self.database = database


def write(operation: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[OnDatabase, P], T]:
    """The operation as a method: one transaction that may change something."""

    def method(self: OnDatabase, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.database.write(lambda connection: operation(connection, *args, **kwargs))

    return method


def snapshot(operation: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[OnDatabase, P], T]:
    """The operation as a method: one transaction that reads."""

    def method(self: OnDatabase, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.database.snapshot(lambda connection: operation(connection, *args, **kwargs))

    return method


def glance(operation: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[OnDatabase, P], T]:
    """The operation as a method: each statement is a transaction of its own."""

    def method(self: OnDatabase, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.database.glance(lambda connection: operation(connection, *args, **kwargs))

    return method


DatabaseFailure = (exc.DBAPIError, exc.TimeoutError, TimeoutError)
"""The errors of a transaction that `fault` can translate."""

_CONFLICTS = {"40001", "40P01", "55P03"}
"""PostgreSQL's serialization failure, deadlock, and lock not available: everything was rolled back."""

_READ_ONLY = "25006"
_NOT_WRITABLE = {"53100", _READ_ONLY}
"""PostgreSQL's disk full, and a write in a read-only transaction: a server that is set so, recovers or stands by."""

_NOT_WRITABLE_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR_WRITE}
"""The last is the error of an open connection whose disk has become read-only."""

_TLS_CAUSES = {
    "does not support SSL": "the database server has no TLS",
    "does not match host name": "the TLS certificate of the database server is for another host name",
    "certificate verify failed": "the TLS certificate of the database server is not signed by a trusted authority",
    "root certificate file": "the file of trusted TLS authorities cannot be read",
    "SSL error": "the TLS connection to the database server failed",
}
"""libpq's messages and ours. The first match is used."""

_GONE = (exc.OperationalError, exc.InterfaceError, exc.InternalError)


def worth_repeating(error: Exception) -> bool:
    """Whether the transaction was rolled back for a temporary cause: a stale connection, a conflict."""
    if not isinstance(error, exc.DBAPIError):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _CONFLICTS


def fault(error: Exception) -> Exception:
    """The error to raise instead. Violations of constraints stay as they are: the statement's author expects them."""
    if isinstance(error, exc.IntegrityError):
        return error
    if isinstance(error, (exc.TimeoutError, TimeoutError)):
        return StoreUnavailable(messages.store_unavailable("all connections are in use"))
    if isinstance(error, exc.DBAPIError) and _not_writable(error.orig):
        return StoreNotWritable(messages.store_not_writable(_cause(error)))
    if isinstance(error, exc.DBAPIError) and (error.connection_invalidated or isinstance(error, _GONE)):
        return StoreUnavailable(messages.store_unavailable(_cause(error)))
    return InternalError(f"The store failed: {_name(error)}")


def _name(error: Exception) -> str:
    """The kind of an error, without the server's message, which may contain values of the statement."""
    original = error.orig if isinstance(error, exc.DBAPIError) else error
    return str(original) if isinstance(original, sqlite3.Error) else type(original).__name__


def _not_writable(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0)
        return bool({code, code & 0xFF} & _NOT_WRITABLE_SQLITE)
    return getattr(error, "sqlstate", None) in _NOT_WRITABLE


def _cause(error: exc.DBAPIError) -> str:
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_cause(error.orig)
    if getattr(error.orig, "sqlstate", None) == _READ_ONLY:
        return "the database is read-only"  # PostgreSQL names the statement: SELECT, for one that changes something
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "message_primary", None) or _tls_cause(error) or "the database server does not respond"


def _tls_cause(error: exc.DBAPIError) -> str | None:
    """Why TLS failed, if that was the cause. libpq's own text would also name hosts, ports and users."""
    text = str(error.orig)
    causes = [words for pattern, words in _TLS_CAUSES.items() if pattern in text]
    return f"{causes[0]}. The TLS rules are sslmode and sslrootcert of the database URL" if causes else None


def _sqlite_cause(error: sqlite3.Error) -> str:
    """The message, and for a "disk I/O error" also which one it was."""
    code, name = getattr(error, "sqlite_errorcode", 0), getattr(error, "sqlite_errorname", "")
    return f"{error} ({name})" if code & 0xFF == sqlite3.SQLITE_IOERR else str(error)
