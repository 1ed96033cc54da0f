"""Migrations: they make the tables that the code expects, once, and say what to do when they do not fit."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import Engine, inspect, text

from okapi_install.adapters.store import SqlStore, check_schema, ensure_builtin, migrate, open_store
from okapi_install.adapters.store.engine import make_engine
from okapi_install.adapters.store.schema import alembic_config, known_revisions
from okapi_install.adapters.store.tables import Row
from okapi_install.domain.errors import DatabaseNotMigrated, ErrorType, InternalError, StoreUnavailable
from okapi_install.service.ports import Progress, Store, Tenant
from tests.contract.builders import FAILED, claimed, module, submit
from tests.contract.conftest import sqlite_url
from tests.fixtures.postgresql import PostgresqlServer


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    where: str = request.getfixturevalue("postgresql_url")
    return where


def _engine_of(url: str, statement: str | None = None) -> Engine:
    engine = make_engine(url)
    if statement:
        with engine.begin() as connection:
            connection.execute(text(statement))
    return engine


def test_a_database_without_tables_is_told_apart(url: str) -> None:
    engine = make_engine(url)
    with pytest.raises(InternalError, match="run okapi-install migrate"):
        check_schema(engine)
    engine.dispose()


def test_migrating_makes_the_tables_and_doing_it_again_changes_nothing(url: str) -> None:
    migrate(url)
    store = open_store(url)
    check_schema(store.engine)
    store.add_tenant(Tenant(id="diku"))
    migrate(url)
    assert store.tenants() == [Tenant(id="diku")]
    store.dispose()


def test_a_newer_database_is_left_alone(url: str) -> None:
    migrate(url)
    engine = _engine_of(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InternalError, match="newer version"):
        check_schema(engine)
    with pytest.raises(InternalError, match="newer version"):
        migrate(url)
    engine.dispose()


def test_an_older_database_is_told_apart(url: str) -> None:
    migrate(url)
    engine = _engine_of(url, "DELETE FROM alembic_version")
    with pytest.raises(InternalError, match="run okapi-install migrate"):
        check_schema(engine)
    engine.dispose()


def test_a_start_waits_for_a_migration_that_comes_late(url: str) -> None:
    store = open_store(url)
    with ThreadPoolExecutor(1) as threads:
        started = threads.submit(check_schema, store.engine, patience=60.0)
        assert not started.done()
        migrate(url)
        started.result(60)
    store.dispose()


def test_a_start_gives_up_waiting_for_a_migration(url: str) -> None:
    engine = make_engine(url)
    with pytest.raises(DatabaseNotMigrated):
        check_schema(engine, patience=0.1)
    engine.dispose()


def test_a_migration_waits_for_a_server_that_comes_late(
    postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    postgresql_server.stop()
    with pytest.raises(StoreUnavailable):
        migrate(postgresql_url)
    with ThreadPoolExecutor(1) as threads:
        migrated = threads.submit(migrate, postgresql_url, patience=60.0)
        postgresql_server.start()
        migrated.result(60)


def test_a_database_that_is_not_in_utf8_is_refused_with_what_to_do(postgresql_server: PostgresqlServer) -> None:
    postgresql_server.start()
    create = sql.SQL("CREATE DATABASE {} ENCODING {} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    for encoding in ("SQL_ASCII", "LATIN1"):
        name = f"in_{encoding.lower()}"
        postgresql_server.execute(create.format(sql.Identifier(name), sql.Literal(encoding)))
        with pytest.raises(InternalError, match=f"encoding {encoding}, and needs UTF8. .* CREATE DATABASE") as caught:
            migrate(postgresql_server.url(name))
        statement = caught.value.message.partition(": ")[2].replace("okapi_install", f"{name}_made_right")
        postgresql_server.execute(sql.SQL(statement).format())
        migrate(postgresql_server.url(f"{name}_made_right"))


def test_several_processes_may_migrate_at_once(url: str) -> None:
    program = "import sys; from okapi_install.adapters.store import migrate; migrate(sys.argv[1])"
    processes = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    engine = make_engine(url)
    check_schema(engine)
    engine.dispose()


def _checks(engine: Engine) -> dict[str, Any]:
    found = inspect(engine)
    return {
        table: sorted((str(check["name"]), check["sqltext"]) for check in found.get_check_constraints(table))
        for table in Row.metadata.tables
    }


def test_the_migrations_make_what_the_code_expects(url: str, tmp_path: Path) -> None:
    migrate(url)
    engine = make_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Row.metadata) == []
    migrated, columns = _checks(engine), _columns(engine)
    with engine.begin() as connection:
        Row.metadata.drop_all(connection)
        Row.metadata.create_all(connection)
    assert (migrated, columns) == (_checks(engine), _columns(engine))
    engine.dispose()


def _columns(engine: Engine) -> dict[str, list[str]]:
    found = inspect(engine)
    return {table: [column["name"] for column in found.get_columns(table)] for table in Row.metadata.tables}


def test_the_migrations_can_be_taken_back(url: str) -> None:
    migrate(url)
    engine = make_engine(url)
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    engine.dispose()


def test_the_files_of_the_migrations_say_which_there_are() -> None:
    """So that checking the tables needs no Alembic, which takes more memory than a hundred waiting jobs."""
    script = ScriptDirectory.from_config(alembic_config())
    assert known_revisions() == [one.revision for one in script.walk_revisions()][::-1]
    assert known_revisions()[-1] == script.get_current_head()


def test_a_worker_does_not_load_the_tool_for_migrations() -> None:
    program = "import sys, okapi_install.bootstrap; sys.exit('alembic' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def _to(url: str, revision: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def test_jobs_and_their_steps_outlast_the_end_of_sealed_headers(url: str) -> None:
    migrate(url)
    store = open_store(url)
    job = submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0")
    store.dispose()
    _to(url, "0002")
    migrate(url)
    store = open_store(url)
    assert store.job(job.id) == job
    assert claimed(store, job).headers == {}
    store.dispose()


@pytest.mark.parametrize("error_type", ErrorType)
def test_whose_error_a_jobs_end_was_outlasts_the_end_of_stored_http_statuses(url: str, error_type: ErrorType) -> None:
    migrate(url)
    store = open_store(url)
    job = submit(store)
    store.finish(claimed(store, job), replace(FAILED, error_type=error_type), Progress())
    store.dispose()
    _to(url, "0005")
    migrate(url)
    store = open_store(url)
    assert store.job(job.id).error_type is error_type
    store.dispose()


def test_what_is_built_in_is_there_once_however_often_it_is_ensured(store: Store) -> None:
    okapi = module("okapi-7.0.0", provides=[{"id": "okapi", "version": "1.9"}])
    for _ in range(2):
        ensure_builtin(store, okapi)
    assert store.tenants() == [
        Tenant(id="supertenant", name="supertenant", description="Okapi built-in super tenant"),
    ]
    assert store.enabled("supertenant") == ["okapi-7.0.0"]
    assert store.descriptors(["okapi-7.0.0"]) == {"okapi-7.0.0": okapi}


def test_a_sql_store_is_a_store(sql_store: SqlStore) -> None:
    as_port: Store = sql_store
    as_port.check()
