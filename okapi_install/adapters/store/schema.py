"""Brings the tables of a database up to date, and tells when they are not."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from okapi_install.adapters.store.engine import make_engine
from okapi_install.adapters.store.transactions import Database
from okapi_install.domain.errors import InternalError
from okapi_install.domain.messages import message

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = text("SELECT pg_advisory_xact_lock(874000)")


def migrate(url: str) -> None:
    """Makes or upgrades the tables, in one transaction. Of several processes, one does it and the others wait.

    Raises:
        InternalError: the URL is not usable, or the tables are those of a newer version.
        StoreUnavailable: the database does not answer.
    """
    engine = make_engine(url, pool_size=1)
    try:
        Database(engine).write(_upgrade)
    finally:
        engine.dispose()


def check_schema(engine: Engine) -> None:
    """Raises InternalError unless the tables are those of this version; it says what to do."""
    Database(engine).snapshot(_check)


def alembic_config() -> Config:
    """Alembic's configuration; it needs no file."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    config = alembic_config()
    _refuse_newer(ScriptDirectory.from_config(config), _revision(connection))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check(connection: Connection) -> None:
    script = ScriptDirectory.from_config(alembic_config())
    revision = _revision(connection)
    _refuse_newer(script, revision)
    if revision != script.get_current_head():
        raise InternalError(message(20506))


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(script: ScriptDirectory, revision: str | None) -> None:
    if revision is not None and revision not in {known.revision for known in script.walk_revisions()}:
        raise InternalError(message(20507))
