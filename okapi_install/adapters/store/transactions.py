"""Runs each method of the store as one transaction, and again where that is safe.

`write` is for changes; `snapshot` reads several statements from one moment; `glance` runs one statement.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import update_wrapper
from typing import Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from okapi_install.adapters.store.engine import BEGIN_OPTION, POOL_WAIT, connected
from okapi_install.adapters.store.faults import DatabaseFailure, fault, worth_repeating
from okapi_install.adapters.store.learned import Learned
from okapi_install.domain.errors import InternalError
from okapi_install.service.metrics import STORE_ERRORS, Meters
from okapi_install.service.worker.fair_limit import FairLimit

P = ParamSpec("P")
T = TypeVar("T")

_PAUSES = (0.0, 0.02, 0.1)
"""Seconds to wait before a transaction is tried for the second, third and fourth time."""

_sqlite_writer = threading.Lock()
"""SQLite waits for its write lock in C and blocks all greenlets of the process, the one that holds the lock too:
within a process, wait here instead. Between BEGIN and COMMIT no greenlet gives way."""


class Database:
    """An engine, and how its transactions are run."""

    def __init__(self, engine: Engine, meters: Meters | None = None) -> None:
        self.engine = engine
        self._meters = meters or Meters()
        sqlite = engine.dialect.name == "sqlite"
        self.at_once = not sqlite
        """Whether one statement can change several tables. What follows such a statement stands alone: a read of what
        only the owner of a claim changes, or a figure that may be lost.
        """
        self._places = FairLimit(cast(QueuePool, engine.pool).size())
        self._guard: AbstractContextManager[object] = _sqlite_writer if sqlite else nullcontext()
        self._writes, self._snapshots, self._glances = _sqlite_ways(engine) if sqlite else _postgresql_ways(engine)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Raises StoreUnavailable, InternalError, IntegrityError, or what `work` raises; then nothing is changed."""
        return self._watched(lambda: self._write_once(work))

    def snapshot(self, work: Callable[[Connection], T]) -> T:
        """Like `write`, but `work` only reads, and sees one moment."""
        return self._watched(lambda: self._once(self._snapshots, lambda connection: _committed(connection, work)))

    def glance(self, work: Callable[[Connection], T]) -> T:
        """One statement, without the price of a transaction around it: it reads, or makes all its changes at once."""
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
    """To change the isolation level of a connection costs time: the commonest is the engine's own."""
    writes = engine.execution_options(isolation_level="READ COMMITTED")
    return writes, engine.execution_options(isolation_level="REPEATABLE READ"), engine


def _written(connection: Connection, work: Callable[[Connection], T]) -> T:
    result = work(connection)
    _commit(connection)
    return result


def _committed(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Psycopg forgets all prepared statements of a connection when it rolls back, which is how closing would end it:
    PostgreSQL then planned every statement anew, and was busy with that for half of its time.
    """
    result = work(connection)
    connection.commit()
    return result


def _commit(connection: Connection) -> None:
    """A connection that breaks here leaves it open whether it was committed: that must not be done a second time."""
    try:
        connection.commit()
    except DBAPIError as error:
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


class StorePart:
    """A group of the store's methods. Each takes a connection, and `write` and its like make it a method without."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.learned = Learned()


S = TypeVar("S", bound=StorePart)


def _named_after(method: Callable[..., object], transaction: Callable[P, T]) -> Callable[P, T]:
    update_wrapper(transaction, method)
    return transaction


def write(method: Callable[Concatenate[S, Connection, P], T]) -> Callable[Concatenate[S, P], T]:
    """The method as one transaction that may change something."""

    def transaction(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.database.write(lambda connection: method(self, connection, *args, **kwargs))

    return _named_after(method, transaction)


def snapshot(method: Callable[Concatenate[S, Connection, P], T]) -> Callable[Concatenate[S, P], T]:
    """The method as one transaction that reads."""

    def transaction(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.database.snapshot(lambda connection: method(self, connection, *args, **kwargs))

    return _named_after(method, transaction)


def glance(method: Callable[Concatenate[S, Connection, P], T]) -> Callable[Concatenate[S, P], T]:
    """The method as one statement."""

    def transaction(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.database.glance(lambda connection: method(self, connection, *args, **kwargs))

    return _named_after(method, transaction)
