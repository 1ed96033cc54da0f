"""Which jobs are whose turn, visible, owned: the conditions that several statements share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, exists, literal_column, or_, select

from okapi_install.adapters.store.tables import JOBS
from okapi_install.domain.jobs import ACTIVE, COMPLETE, JobStatus


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
"""The claim still holds; see `guard` for its parameters."""

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
