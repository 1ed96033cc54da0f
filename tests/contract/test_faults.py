"""The SQL store when its database fails: clear errors without secrets, nothing done twice, and it recovers."""

from __future__ import annotations

import resource
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Connection, event, exc, text

from okapi_install.adapters.store import SqlStore, migrate, open_store
from okapi_install.adapters.store.engine import make_engine
from okapi_install.adapters.store.tables import Row
from okapi_install.adapters.store.transactions import fault
from okapi_install.domain.errors import InternalError, StoreNotWritable, StoreUnavailable
from okapi_install.domain.jobs import JobStatus, Parameter, Problem
from okapi_install.service.ports import Ending, Progress, Tenant
from tests.contract.builders import DONE, claimed, ended, module, submit
from tests.contract.conftest import sqlite_url
from tests.fixtures.postgresql import PostgresqlServer

_CUT_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def test_the_database_file_is_private_and_its_folder_is_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a/b/store.db"
    migrate(url)
    store = open_store(url)
    store.add_tenant(Tenant(id="diku"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a/b").iterdir()}
    assert set(modes) >= {"store.db", "store.db-wal"}
    assert set(modes.values()) == {0o600}
    store.dispose()


def test_sqlite_is_set_up_for_several_processes(sqlite_store: SqlStore) -> None:
    with sqlite_store.engine.connect() as connection:
        found = [
            connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
    assert found == ["wal", 1, 10000, 1]


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "nonsense secret", "sqlite:////proc/none/x.db"]
)
def test_an_unusable_url_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(InternalError) as caught:
        make_engine(url)
    assert "secret" not in caught.value.message


def test_a_full_disk_is_told_and_changes_nothing(sqlite_store: SqlStore) -> None:
    job = submit(sqlite_store)

    def fill(connection: sqlite3.Connection, _entry: object) -> None:
        connection.execute("PRAGMA max_page_count=1")

    sqlite_store.dispose()
    event.listen(sqlite_store.engine, "connect", fill)
    with pytest.raises(StoreNotWritable, match="^The store takes no changes: database or disk is full$"):
        sqlite_store.add_modules([module(f"mod-{number}-1.0.0", name="x" * 500) for number in range(200)])
    assert sqlite_store.registry_since(0).changes == ()
    assert sqlite_store.job(job.id) == job


def test_a_read_only_sqlite_database_is_told(sqlite_store: SqlStore) -> None:
    def forbid(connection: sqlite3.Connection, _entry: object) -> None:
        connection.execute("PRAGMA query_only=ON")

    sqlite_store.dispose()
    event.listen(sqlite_store.engine, "connect", forbid)
    with pytest.raises(StoreNotWritable):
        sqlite_store.add_tenant(Tenant(id="diku"))


def test_a_file_that_can_no_longer_be_written_is_told(sqlite_store: SqlStore) -> None:
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    sqlite_store.add_tenant(Tenant(id="before"))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most[1]))
        with pytest.raises(
            StoreNotWritable, match=r"^The store takes no changes: disk I/O error \(SQLITE_IOERR_WRITE\)$"
        ):
            sqlite_store.add_tenant(Tenant(id="diku"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert [tenant.id for tenant in sqlite_store.tenants()] == ["before"]
    sqlite_store.add_tenant(Tenant(id="diku"))


def test_a_read_only_postgresql_database_is_told(postgresql_store: SqlStore) -> None:
    with postgresql_store.engine.begin() as connection:
        connection.execute(text("SET default_transaction_read_only = on"))
    with pytest.raises(StoreNotWritable, match="^The store takes no changes: the database is read-only$"):
        postgresql_store.add_tenant(Tenant(id="diku"))


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/store.db").write_text("not a database " * 500)
    store = open_store(sqlite_url(tmp_path))
    with pytest.raises(InternalError, match="file is not a database"):
        store.check()
    store.dispose()


def test_a_database_file_that_is_lost_while_it_is_open_does_not_pass_the_check(
    sqlite_store: SqlStore, tmp_path: Path
) -> None:
    submit(sqlite_store)
    sqlite_store.check()
    file = tmp_path / "data/store.db"
    file.write_bytes(b"not a database " * 500)
    with pytest.raises(InternalError, match="database"):
        sqlite_store.check()
    file.unlink()
    with pytest.raises(StoreUnavailable, match="No such file"):
        sqlite_store.check()


def test_a_database_without_tables_does_not_pass_the_check(sqlite_store: SqlStore, postgresql_url: str) -> None:
    with sqlite_store.engine.begin() as connection:
        Row.metadata.drop_all(connection)
    empty = open_store(postgresql_url)
    for store in (sqlite_store, empty):
        with pytest.raises(InternalError):
            store.check()
    empty.dispose()


def test_a_server_that_stops_while_connections_are_open_does_not_pass_the_check(
    postgresql_store: SqlStore, postgresql_server: PostgresqlServer
) -> None:
    postgresql_store.check()
    postgresql_server.stop()
    with pytest.raises(StoreUnavailable):
        postgresql_store.check()
    postgresql_server.start()
    postgresql_store.check()


def test_a_server_that_is_away_is_told_and_the_store_goes_on_when_it_is_back(
    postgresql_store: SqlStore, postgresql_server: PostgresqlServer
) -> None:
    job = submit(postgresql_store)
    claim = claimed(postgresql_store, job)
    postgresql_server.kill()
    for call in (postgresql_store.check, lambda: postgresql_store.beat("w1", 15.0)):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert not isinstance(caught.value, StoreNotWritable)
        assert "okapi" not in caught.value.message
        assert str(postgresql_server.port) not in caught.value.message
    postgresql_server.start()
    assert postgresql_store.standing(claim) is not None
    ended_job = ended(postgresql_store, submit(postgresql_store, "other"))
    assert ended_job.status is DONE.status


def test_a_connection_that_went_stale_is_replaced_without_a_word(postgresql_store: SqlStore) -> None:
    submit(postgresql_store)
    other = make_engine(postgresql_store.engine.url.render_as_string(hide_password=False))
    for call in (postgresql_store.tenants, lambda: postgresql_store.put_tenant(Tenant(id="diku"))):
        with other.connect() as connection:
            connection.execute(_CUT_OTHERS)
        call()
    other.dispose()


def test_a_commit_whose_answer_is_lost_is_not_repeated(postgresql_store: SqlStore) -> None:
    calls: list[int] = []
    other = make_engine(postgresql_store.engine.url.render_as_string(hide_password=False))

    def work(connection: Connection) -> None:
        calls.append(1)
        connection.execute(text("INSERT INTO tenants (id) VALUES ('diku')"))
        with other.connect() as second:
            second.execute(_CUT_OTHERS)

    with pytest.raises(StoreUnavailable):
        postgresql_store.database.write(work)
    assert calls == [1]
    other.dispose()


def test_of_two_transactions_in_a_deadlock_both_are_done_in_the_end(postgresql_store: SqlStore) -> None:
    for tenant in ("a", "b"):
        postgresql_store.add_tenant(Tenant(id=tenant, name=""))
    meet = Barrier(2)

    def swap(names: tuple[str, str]) -> int:
        tries: list[int] = []

        def work(connection: Connection) -> None:
            tries.append(1)
            for name in names:
                connection.execute(text("UPDATE tenants SET name = name || 'x' WHERE id = :name"), {"name": name})
                if len(tries) == 1 and name == names[0]:
                    meet.wait()

        postgresql_store.database.write(work)
        return len(tries)

    with ThreadPoolExecutor(2) as threads:
        tries = list(threads.map(swap, [("a", "b"), ("b", "a")]))
    assert sorted(tries) == [1, 2]
    assert [tenant.name for tenant in postgresql_store.tenants()] == ["xx", "xx"]


def test_waiting_for_a_connection_too_long_is_told() -> None:
    told = fault(exc.TimeoutError("QueuePool limit of size 1 overflow 0 reached"))
    assert isinstance(told, StoreUnavailable)
    assert "QueuePool" not in str(told)


def test_a_failure_inside_a_transaction_leaves_nothing_behind(sql_store: SqlStore) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text("INSERT INTO tenants (id) VALUES ('diku')"))
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        sql_store.database.write(work)
    assert sql_store.tenants() == []
    sql_store.add_tenant(Tenant(id="diku"))


def test_whatever_a_module_says_can_be_stored(sql_store: SqlStore) -> None:
    job = submit(sql_store)
    claim = claimed(sql_store, job)
    strange = "NUL \0 and half a pair \ud800"
    problem = Problem(message=strange, type="t", parameters=(Parameter(key="k", value=strange),))
    step = replace(job.steps[0], message=strange, errors=(problem, Problem(message="\0")))
    sql_store.save(claim, Progress(steps=(step,)))
    sql_store.finish(claim, Ending(status=JobStatus.ERROR, message=strange), Progress())
    read = sql_store.job(job.id)
    tame = "NUL \ufffd and half a pair ?"
    assert (read.message, read.steps[0].message) == (tame, tame)
    assert read.steps[0].errors[0].parameters == (Parameter(key="k", value=tame),)
