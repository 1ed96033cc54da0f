"""Which jobs are whose turn, visible, owned: the conditions that several statements share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, exists, or_, select

from okapi_install.adapters.store.tables import JOBS
from okapi_install.domain.jobs import ACTIVE, COMPLETE, JobStatus

ACTIVE_VALUES = sorted(status.value for status in ACTIVE)
COMPLETE_VALUES = sorted(status.value for status in COMPLETE)

OWNED = and_(JOBS.c.id == bindparam("job_id"), JOBS.c.owner == bindparam("worker"), JOBS.c.epoch == bindparam("held"))
"""The claim still holds; see `guard` for its parameters."""

VISIBLE = or_(JOBS.c.status != JobStatus.ABORTING.value, JOBS.c.keep_on_abort)
"""A client may see the job: an abort hides it at once unless its info is kept."""


def has_status(status: JobStatus, jobs: FromClause = JOBS) -> ColumnElement[bool]:
    """The job is in that state."""
    condition: ColumnElement[bool] = jobs.c.status == status.value
    return condition


def turn_has_come(jobs: FromClause) -> ColumnElement[bool]:
    """The tenant of the queued job has no active job and no earlier queued one."""
    other = JOBS.alias("other")
    earlier = and_(has_status(JobStatus.QUEUED, other), other.c.seq < jobs.c.seq)
    before: Any = or_(other.c.status.in_(ACTIVE_VALUES), earlier)
    return ~exists(select(other.c.seq).where(other.c.tenant_id == jobs.c.tenant_id, before).correlate(jobs))
