"""How a worker takes a job. On PostgreSQL, to take a queued one and to read all that belongs to it is one statement.

All parts of a statement see the moment before it. That does for a queued job, whose steps change only with its epoch;
it would not for one that is taken over, since the worker that lost it may commit a step while the statement waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import Connection, ScalarSelect, Select, Text, bindparam, cast, func, null, select, update

from okapi_install.adapters.store.clock import db_now
from okapi_install.adapters.store.documents import load_headers
from okapi_install.adapters.store.history import LEFT
from okapi_install.adapters.store.registry import HEAD
from okapi_install.adapters.store.rows import JOB_COLUMNS, AnyRow, job_of, job_with, steps_as_json
from okapi_install.adapters.store.tables import ENABLED, JOBS, LEFTOVERS
from okapi_install.adapters.store.turns import has_status, is_active, turn_has_come
from okapi_install.domain.jobs import Job, JobStatus
from okapi_install.service.ports import Claim

_j = JOBS.c
_before = JOBS.alias("before").c
_HERE = _j.id == bindparam("job_id")

_TAKE = (
    update(JOBS)
    .values(
        owner=bindparam("worker"),
        epoch=_j.epoch + 1,
        revision=_j.revision + 1,
        lease_until=db_now() + bindparam("lease"),
        started=func.coalesce(_j.started, db_now()),
        task_id=func.coalesce(bindparam("new_task"), _j.task_id),
        swept_at=null(),
        publish_count=0,
    )
    .returning(*JOB_COLUMNS, _j.headers)
)
_TAKE_QUEUED = _TAKE.where(_HERE, has_status(JobStatus.QUEUED), turn_has_come(JOBS)).values(
    status=JobStatus.RUNNING.value
)
_TAKE_OVER = _TAKE.where(_HERE, is_active(), _j.lease_until < db_now())
_ENABLED_OF = select(ENABLED.c.module_id).where(ENABLED.c.tenant_id == bindparam("of_tenant"))

_EPOCH_BEFORE = select(_before.epoch).where(_before.id == bindparam("job_id")).scalar_subquery()


def _take_with_all() -> Select[tuple[Any, ...]]:
    taken = _TAKE_QUEUED.where(_j.epoch == _EPOCH_BEFORE).cte("taken")

    def text_of(aggregate: Any, condition: Any) -> ScalarSelect[str]:
        return select(cast(aggregate, Text)).where(condition).scalar_subquery()

    steps = steps_as_json(taken)
    enabled = text_of(func.json_agg(ENABLED.c.module_id), ENABLED.c.tenant_id == taken.c.tenant_id)
    left = func.json_object_agg(LEFTOVERS.c.module_id, LEFTOVERS.c.text)
    unfinished = text_of(left, LEFTOVERS.c.tenant_id == taken.c.tenant_id)
    head = HEAD.scalar_subquery()
    more = [steps.label("steps"), enabled.label("enabled"), unfinished.label("unfinished"), head.label("head")]
    return select(*taken.c, *more)


_TAKE_WITH_ALL = _take_with_all()


def claim_at_once(connection: Connection, job_id: str, worker: str, task_id: str | None, lease: float) -> Claim | None:
    """As `claim`; a queued job takes one statement, which only PostgreSQL knows."""
    wanted = _wanted(job_id, worker, task_id, lease)
    row = connection.execute(_TAKE_WITH_ALL, wanted).one_or_none()
    if row is None:
        return _taken_over(connection, wanted)
    return _claim(
        row,
        job_with(row, row.steps),
        wanted,
        enabled=frozenset(orjson.loads(row.enabled or "[]")),
        unfinished_work=orjson.loads(row.unfinished or "{}"),
        registry_seq=row.head,
    )


def claim(connection: Connection, job_id: str, worker: str, task_id: str | None, lease: float) -> Claim | None:
    """The claim of a queued job, or of one whose lease has run out; None if it cannot be had."""
    wanted = _wanted(job_id, worker, task_id, lease)
    queued = connection.execute(_TAKE_QUEUED, wanted).one_or_none()
    return _taken_over(connection, wanted) if queued is None else _with_all(connection, queued, wanted)


def _taken_over(connection: Connection, wanted: Mapping[str, Any]) -> Claim | None:
    row = connection.execute(_TAKE_OVER, wanted).one_or_none()
    return None if row is None else replace(_with_all(connection, row, wanted), taken_over=True)


def _with_all(connection: Connection, row: AnyRow, wanted: Mapping[str, Any]) -> Claim:
    tenant = {"of_tenant": row.tenant_id}
    return _claim(
        row,
        job_of(connection, row),
        wanted,
        enabled=frozenset(connection.scalars(_ENABLED_OF, tenant)),
        unfinished_work=dict(connection.execute(LEFT, tenant).all()),
    )


def _wanted(job_id: str, worker: str, task_id: str | None, lease: float) -> dict[str, Any]:
    return {"job_id": job_id, "worker": worker, "new_task": task_id, "lease": lease}


def _claim(
    row: AnyRow,
    job: Job,
    wanted: Mapping[str, Any],
    *,
    enabled: frozenset[str],
    unfinished_work: Mapping[str, str],
    registry_seq: int | None = None,
) -> Claim:
    return Claim(
        job=job,
        worker=wanted["worker"],
        epoch=row.epoch,
        now=row.lease_until - wanted["lease"],
        enabled=enabled,
        headers=load_headers(row.headers),
        aborting=row.status == JobStatus.ABORTING.value,
        unfinished_work=unfinished_work,
        registry_seq=registry_seq,
    )
