"""The stores that the contract is held against, and a way to let time pass in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from okapi_install.adapters.store import SqlStore, migrate, open_store
from okapi_install.adapters.store.tables import Row
from okapi_install.service.ports import Store
from tests.fakes.memory_store import MemoryStore
from tests.fixtures.postgresql import PostgresqlServer

PassTime = Callable[[float], None]

_TIMES = {
    "jobs": ("created", "started", "ended", "lease_until", "swept_at", "published_at", "callback_due"),
    "workers": ("beat_at",),
    "rollouts": ("created", "ended", "hold_until", "callback_due"),
    "rollout_tenants": ("started", "ended"),
    "page_sessions": ("created",),
}


def age(store: SqlStore, seconds: float) -> None:
    """Makes everything in the database that much older: its clock cannot be moved."""
    with store.engine.begin() as connection:
        for table, columns in _TIMES.items():
            changes = ", ".join(f"{column} = {column} - {float(seconds)}" for column in columns)
            connection.execute(text(f"UPDATE {table} SET {changes}"))


def sqlite_url(folder: Path) -> str:
    """The URL of a database file in that folder."""
    return f"sqlite:///{folder}/data/store.db"


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[SqlStore]:
    """A new SQLite database."""
    url = sqlite_url(tmp_path)
    migrate(url)
    store = open_store(url)
    yield store
    store.dispose()


@pytest.fixture(scope="session")
def migrated_database(postgresql_server: PostgresqlServer) -> str:
    """The name of a PostgreSQL database with the tables, made once for the session."""
    postgresql_server.start()
    name = postgresql_server.create_database()
    migrate(postgresql_server.url(name))
    return name


@pytest.fixture
def postgresql_store(postgresql_server: PostgresqlServer, migrated_database: str) -> Iterator[SqlStore]:
    """A PostgreSQL database with empty tables."""
    postgresql_server.start()
    store = open_store(postgresql_server.url(migrated_database))
    tables = ", ".join(table.name for table in Row.metadata.sorted_tables)
    with store.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    yield store
    store.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def sql_store(request: pytest.FixtureRequest) -> SqlStore:
    """Either SQL store."""
    store: SqlStore = request.getfixturevalue(f"{request.param}_store")
    return store


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each of the stores, empty."""
    if request.param == "memory":
        return MemoryStore()
    store: SqlStore = request.getfixturevalue(f"{request.param}_store")
    return store


@pytest.fixture
def pass_time(store: Store) -> PassTime:
    """Lets that many seconds pass for the store."""
    if isinstance(store, MemoryStore):
        return store.pass_time
    assert isinstance(store, SqlStore)
    sql = store
    return lambda seconds: age(sql, seconds)
