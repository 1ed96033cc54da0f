"""SQL that several statements share: the database's clock, conditions on jobs, and INSERT … ON CONFLICT."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Insert,
    Table,
    and_,
    bindparam,
    exists,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from okapi_install.adapters.store.tables import JOBS
from okapi_install.domain.jobs import ACTIVE, COMPLETE, JobStatus


class db_now(FunctionElement[float]):  # noqa: N801 - reads like the SQL function that it is
    """Seconds since 1970 by the database's clock. It advances inside a transaction, unlike PostgreSQL's now().

    The clocks of workers may differ; this one decides leases and order.
    """

    type = Double()
    inherit_cache = True


@compiles(db_now, "postgresql")
def _on_postgresql(_element: db_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(extract(epoch from clock_timestamp()) AS double precision)"


@compiles(db_now, "sqlite")
def _on_sqlite(_element: db_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


def _is(status: JobStatus) -> ColumnElement[str]:
    """The state as a constant of the statement. A query plan for any parameters then still knows that only few jobs
    are active, and can use their index.
    """
    return literal_column(f"'{status.value}'")


def _among(jobs: FromClause, statuses: Iterable[JobStatus]) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = jobs.c.status.in_([_is(status) for status in sorted(statuses)])
    return condition


def is_active(jobs: FromClause = JOBS) -> ColumnElement[bool]:
    """Whether a worker runs the job, or did and has not ended it."""
    return _among(jobs, ACTIVE)


def unfinished(jobs: FromClause = JOBS) -> ColumnElement[bool]:
    """Whether the job waits or is active."""
    return _among(jobs, set(JobStatus) - COMPLETE)


def is_complete(jobs: FromClause = JOBS) -> ColumnElement[bool]:
    """Whether the job has ended."""
    return _among(jobs, COMPLETE)


OWNED = and_(JOBS.c.id == bindparam("job_id"), JOBS.c.owner == bindparam("worker"), JOBS.c.epoch == bindparam("held"))
"""Whether a claim is still valid. The parameters are the claim's job id, worker and epoch."""

VISIBLE = or_(JOBS.c.status != _is(JobStatus.ABORTING), JOBS.c.keep_on_abort)
"""Whether clients may see the job. An abort hides it at once, unless its info is kept."""


def has_status(status: JobStatus, jobs: FromClause = JOBS) -> ColumnElement[bool]:
    """Whether the job is in that state."""
    condition: ColumnElement[bool] = jobs.c.status == _is(status)
    return condition


def turn_has_come(jobs: FromClause) -> ColumnElement[bool]:
    """Whether the tenant of the queued job has no active job and no earlier queued one."""
    other = JOBS.alias("other")
    earlier = and_(has_status(JobStatus.QUEUED, other), other.c.seq < jobs.c.seq)
    before: Any = or_(is_active(other), earlier)
    return ~exists(select(other.c.seq).where(other.c.tenant_id == jobs.c.tenant_id, before).correlate(jobs))


_INSERTS: Mapping[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Upsert:
    """An insert in the dialect of the connection that runs it, built once for each."""

    def __init__(self, build: Callable[[Callable[[Table], Any]], Insert]) -> None:
        self._statements = {name: build(insert) for name, insert in _INSERTS.items()}

    def run(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> int:
        """Runs it for every row of parameters. Returns the number of written rows, if the driver knows it."""
        if not rows:
            return 0
        return connection.execute(self._statements[connection.dialect.name], list(rows)).rowcount


def ignoring(table: Table) -> Upsert:
    """Inserts rows that do not exist yet."""
    return Upsert(lambda insert: insert(table).on_conflict_do_nothing())


def replacing(table: Table) -> Upsert:
    """Inserts a row, or replaces all its columns except the key."""
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if not column.primary_key]
    return upserting(table, lambda new: {name: new[name] for name in others}, keys)


def upserting(
    table: Table,
    changes: Callable[[Any], Mapping[str, Any]],
    keys: Sequence[str],
    fixed: Mapping[str, Any] | None = None,
) -> Upsert:
    """Inserts a row, or makes those changes, which are expressed by the columns of the new row.

    `fixed` are the columns of a new row that are not parameters.
    """

    def build(insert: Callable[[Table], Any]) -> Insert:
        statement = insert(table).values(**fixed) if fixed else insert(table)
        changed: Insert = statement.on_conflict_do_update(index_elements=keys, set_=changes(statement.excluded))
        return changed

    return Upsert(build)
