"""Jobs as readers see them: one, those of a tenant, or a page of all; and the numbers for the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from okapi_install.adapters.store.clock import db_now
from okapi_install.adapters.store.history import durations_of, product_of
from okapi_install.adapters.store.rows import JOB_COLUMNS, AnyRow, job_of, job_with, jobs_from, steps_as_json
from okapi_install.adapters.store.tables import JOBS, STEPS, WORKERS
from okapi_install.adapters.store.transactions import StorePart, glance, snapshot
from okapi_install.adapters.store.turns import VISIBLE, has_status
from okapi_install.domain.errors import NotFound
from okapi_install.domain.jobs import Job, JobKind, JobStatus, StepStatus
from okapi_install.domain.workers import worker_name
from okapi_install.service.ports import Census, JobFilter, JobPage, WorkerInfo

_j = JOBS.c
_JOBS = select(*JOB_COLUMNS).where(VISIBLE)
_HERE = _j.id == bindparam("job_id")
_OF_TENANT = _j.tenant_id == bindparam("of_tenant")
_ONE = _JOBS.where(_HERE)
_ONE_OF_TENANT = _ONE.where(_OF_TENANT)
_WHOLE = select(*JOB_COLUMNS, steps_as_json(JOBS).label("steps")).where(VISIBLE, _HERE)
_WHOLE_OF_TENANT = _WHOLE.where(_OF_TENANT)
_ALL_OF_TENANT = _JOBS.where(_OF_TENANT, _j.kind != JobKind.MODULE.value).order_by(_j.seq)
_REVISION = select(_j.revision, _j.status).where(_HERE, VISIBLE)
_COUNTS = select(_j.status, func.count()).group_by(_j.status)
_OLDEST = select(db_now() - func.min(_j.created)).where(has_status(JobStatus.QUEUED))
_AT_WORK = (
    select(STEPS.c.module_id, STEPS.c.action, (db_now() - STEPS.c.started).label("age"))
    .join(JOBS, _j.seq == STEPS.c.job_seq)
    .where(has_status(JobStatus.RUNNING), STEPS.c.status == StepStatus.RUNNING.value)
)
_WORKERS = select(WORKERS.c.name, (db_now() - WORKERS.c.beat_at).label("age"), WORKERS.c.jobs).order_by(WORKERS.c.name)


class QueryPart(StorePart):
    """Reading jobs."""

    def job(self, job_id: str, tenant_id: str | None = None) -> Job:
        """See JobStore.job. Where one statement cannot read it all, mostly two do; a transaction is for when the job
        changes between them.
        """
        if self.database.at_once:
            return self._job_at_once(job_id, tenant_id)
        seen = self._glimpse(job_id, tenant_id)
        if seen.steps and all(step.revision <= seen.revision for step in seen.steps):
            return seen
        return self._job(job_id, tenant_id)

    @glance
    def _job_at_once(self, connection: Connection, job_id: str, tenant_id: str | None) -> Job:
        statement = _WHOLE if tenant_id is None else _WHOLE_OF_TENANT
        row = _found(connection, statement, job_id, tenant_id)
        return job_with(row, row.steps)

    @glance
    def _glimpse(self, connection: Connection, job_id: str, tenant_id: str | None) -> Job:
        return _read(connection, job_id, tenant_id)

    @snapshot
    def _job(self, connection: Connection, job_id: str, tenant_id: str | None) -> Job:
        return _read(connection, job_id, tenant_id)

    @glance
    def revision(self, connection: Connection, job_id: str) -> tuple[int, JobStatus] | None:
        """See JobStore.revision."""
        row = connection.execute(_REVISION, {"job_id": job_id}).one_or_none()
        return None if row is None else (row.revision, JobStatus(row.status))

    @snapshot
    def jobs_of(self, connection: Connection, tenant_id: str) -> list[Job]:
        """See JobStore.jobs_of."""
        return jobs_from(connection, connection.execute(_ALL_OF_TENANT, {"of_tenant": tenant_id}))

    @snapshot
    def find_jobs(self, connection: Connection, which: JobFilter) -> JobPage:
        """See JobStore.find_jobs."""
        conditions = _conditions(which)
        total = connection.scalar(select(func.count()).select_from(JOBS).where(*conditions))
        newest = select(*JOB_COLUMNS).where(*conditions).order_by(_j.seq.desc())
        rows = connection.execute(newest.limit(which.limit).offset(which.offset))
        return JobPage(jobs=tuple(jobs_from(connection, rows)), total=total or 0)

    @snapshot
    def census(self, connection: Connection) -> Census:
        """See JobStore.census."""
        counts = dict.fromkeys(JobStatus, 0)
        counts.update((JobStatus(status), count) for status, count in connection.execute(_COUNTS))
        oldest = connection.scalar(_OLDEST)
        workers = connection.execute(_WORKERS)
        at_work = connection.execute(_AT_WORK).all()
        return Census(
            jobs=counts,
            waiting=counts[JobStatus.QUEUED],
            oldest_waiting=None if oldest is None else max(0.0, oldest),
            running_steps=len(at_work),
            slow_steps=_slow(connection, at_work),
            workers=tuple(
                WorkerInfo(name=worker_name(name), age=max(0.0, age), jobs=jobs) for name, age, jobs in workers
            ),
        )


def _slow(connection: Connection, at_work: Sequence[AnyRow]) -> int:
    """How many of those running steps take longer than their product ever did."""
    running = [(product_of(module), action, age) for module, action, age in at_work]
    known = durations_of(connection, {product for product, _, _ in running})
    seen = [(known.get((product, action)), age) for product, action, age in running]
    return sum(durations is not None and age is not None and age > durations.slow_after for durations, age in seen)


def _read(connection: Connection, job_id: str, tenant_id: str | None) -> Job:
    return job_of(connection, _found(connection, _ONE if tenant_id is None else _ONE_OF_TENANT, job_id, tenant_id))


def _found(connection: Connection, statement: Any, job_id: str, tenant_id: str | None) -> AnyRow:
    row: AnyRow | None = connection.execute(statement, {"job_id": job_id, "of_tenant": tenant_id}).one_or_none()
    if row is None:
        raise NotFound(job_id)
    return row


def _conditions(which: JobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [VISIBLE]
    if which.tenant is not None:
        conditions.append(_j.tenant_id == which.tenant)
    if which.status is not None:
        conditions.append(has_status(which.status))
    return conditions
