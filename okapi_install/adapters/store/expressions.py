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
    """Seconds since 1970 by the database's clock, as it goes on inside a transaction (PostgreSQL's now() stands).

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
    """The state as a constant of the statement: a plan that is made once for all parameters then still knows that few
    of many jobs are active, and that the index of the active ones can be used.
    """
    return literal_column(f"'{status.value}'")


def _among(jobs: FromClause, statuses: Iterable[JobStatus]) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = jobs.c.status.in_([_is(status) for status in sorted(statuses)])
    return condition


def is_active(jobs: FromClause = JOBS) -> ColumnElement[bool]:
    """A worker has the job, or had it."""
    return _among(jobs, ACTIVE)


def is_complete(jobs: FromClause = JOBS) -> ColumnElement[bool]:
    """The job has ended."""
    return _among(jobs, COMPLETE)


OWNED = and_(JOBS.c.id == bindparam("job_id"), JOBS.c.owner == bindparam("worker"), JOBS.c.epoch == bindparam("held"))
"""The claim still holds. Its parameters say which claim: the job's id, the worker, and the epoch that it holds."""

VISIBLE = or_(JOBS.c.status != _is(JobStatus.ABORTING), JOBS.c.keep_on_abort)
"""A client may see the job: an abort hides it at once unless its info is kept."""


def has_status(status: JobStatus, jobs: FromClause = JOBS) -> ColumnElement[bool]:
    """The job is in that state."""
    condition: ColumnElement[bool] = jobs.c.status == _is(status)
    return condition


def turn_has_come(jobs: FromClause) -> ColumnElement[bool]:
    """The tenant of the queued job has no active job and no earlier queued one."""
    other = JOBS.alias("other")
    earlier = and_(has_status(JobStatus.QUEUED, other), other.c.seq < jobs.c.seq)
    before: Any = or_(is_active(other), earlier)
    return ~exists(select(other.c.seq).where(other.c.tenant_id == jobs.c.tenant_id, before).correlate(jobs))


_INSERTS: Mapping[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Upsert:
    """A statement in the dialect of whatever connection it is run on, built once."""

    def __init__(self, build: Callable[[Callable[[Table], Any]], Insert]) -> None:
        self._statements = {name: build(insert) for name, insert in _INSERTS.items()}

    def run(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> int:
        """Runs it for every row of parameters; how many rows were written, where the driver knows."""
        if not rows:
            return 0
        return connection.execute(self._statements[connection.dialect.name], list(rows)).rowcount


def ignoring(table: Table) -> Upsert:
    """Inserts what is not there."""
    return Upsert(lambda insert: insert(table).on_conflict_do_nothing())


def replacing(table: Table) -> Upsert:
    """Inserts, or replaces all columns but the key."""
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if not column.primary_key]
    return upserting(table, lambda new: {name: new[name] for name in others}, keys)


def upserting(
    table: Table,
    changes: Callable[[Any], Mapping[str, Any]],
    keys: Sequence[str],
    fixed: Mapping[str, Any] | None = None,
) -> Upsert:
    """Inserts, or makes those changes, told by the columns of the row that was to be inserted.

    `fixed` are columns of a new row that are not parameters.
    """

    def build(insert: Callable[[Table], Any]) -> Insert:
        statement = insert(table).values(**fixed) if fixed else insert(table)
        changed: Insert = statement.on_conflict_do_update(index_elements=keys, set_=changes(statement.excluded))
        return changed

    return Upsert(build)
