"""Migrates the tables of a database, and checks that they are up to date.

Only a migration imports Alembic, which takes 11 MB of memory: workers and APIs just check.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, Engine, inspect, text
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from okapi_install.adapters.store.engine import make_engine
from okapi_install.adapters.store.transactions import Database
from okapi_install.domain import messages
from okapi_install.domain.errors import DatabaseNotMigrated, InternalError, StoreUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

log = structlog.get_logger()

_PAUSES = wait_random_exponential(multiplier=0.2, min=0.1, max=2.0)
"""Seconds between two checks of a database that is not ready."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = text("SELECT pg_advisory_xact_lock(874000)")
_STORED = text("SELECT version_num FROM alembic_version")


def migrate(url: str, *, patience: float = 0.0) -> None:
    """Creates or upgrades the tables, in one transaction. Of several processes, one does it and the others wait.

    If the database does not respond, it is retried for `patience` seconds.

    Raises:
        InternalError: the URL is not usable, or the tables are those of a newer version.
        StoreUnavailable: the database does not respond.
    """
    engine = make_engine(url, pool_size=1)
    try:
        _patiently(lambda: Database(engine).write(_upgrade), patience)
    finally:
        engine.dispose()


def check_schema(engine: Engine, *, patience: float = 0.0) -> None:
    """Returns when the tables are those of this version. Waits up to `patience` seconds for a database that does not
    respond yet, or is not migrated yet.

    Raises:
        DatabaseNotMigrated: there are no tables, or those of an older version; it says what to do.
        InternalError: the tables are those of a newer version.
        StoreUnavailable: the database does not answer.
    """
    _patiently(lambda: Database(engine).snapshot(_check), patience)


def _patiently(look: Callable[[], None], patience: float) -> None:
    def say(state: RetryCallState) -> None:
        problem = state.outcome.exception() if state.outcome else None
        if state.attempt_number == 1:
            log.warning("waiting for the database", cause=str(problem), at_most_seconds=patience)

    Retrying(
        retry=retry_if_exception_type((DatabaseNotMigrated, StoreUnavailable)),
        stop=stop_after_delay(patience),
        wait=_PAUSES,
        before_sleep=say,
        reraise=True,
    )(look)


def known_revisions() -> list[str]:
    """The revisions of this program, oldest first: the numbers that the files of the migrations begin with."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def alembic_config() -> Config:
    """Alembic's configuration, without a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection) -> None:
    from alembic import command

    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    _refuse_newer(_revision(connection))
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check(connection: Connection) -> None:
    revision = _revision(connection)
    _refuse_newer(revision)
    if revision != known_revisions()[-1]:
        raise DatabaseNotMigrated(messages.database_not_migrated())


def _revision(connection: Connection) -> str | None:
    """The revision of the tables, as Alembic stores it; None if there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(_STORED)
    return revision


def _refuse_newer(revision: str | None) -> None:
    if revision is not None and revision not in known_revisions():
        raise InternalError(messages.database_too_new())
