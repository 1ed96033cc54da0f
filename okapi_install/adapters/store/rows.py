"""Jobs and steps, to and from rows. A long plan is read on every poll, so rows are unpacked by position."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, FromClause, Row, ScalarSelect, Text, bindparam, cast, func, select

from okapi_install.adapters.store.documents import (
    dump_problems,
    load_edges,
    load_options,
    load_problems,
    load_request,
    storable,
)
from okapi_install.adapters.store.tables import JOBS, STEPS
from okapi_install.domain.jobs import Action, Change, Job, JobKind, JobStatus, Stage, Step, StepStatus, TenantJob
from okapi_install.service.ports import JobRef

_j, _s = JOBS.c, STEPS.c

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row of whatever columns."""

JOB_COLUMNS = (
    *(_j.seq, _j.id, _j.tenant_id, _j.kind, _j.status, _j.options, _j.request, _j.created, _j.started, _j.ended),
    *(_j.message, _j.error_status, _j.reason, _j.assumed, _j.requested_by, _j.owner, _j.epoch, _j.revision),
    *(_j.task_id, _j.lease_until, _j.keep_on_abort, _j.retries, _j.callback_url, _j.edges),
    _j.callback_attempts,
)
REF_COLUMNS = (_j.id, _j.tenant_id, _j.kind, _j.task_id)
STEP_COLUMNS = (
    *(_s.job_seq, _s.pos, _s.module_id, _s.action, _s.from_id, _s.stage, _s.status, _s.message, _s.errors),
    *(_s.warnings, _s.attempts, _s.started, _s.ended, _s.tenant_job_id, _s.tenant_job_url, _s.tenant_job_phase),
    _s.revision,
)
_STAGES = {stage.value: stage for stage in Stage}
_STATUSES: dict[str | None, StepStatus | None] = {None: None, **{status.value: status for status in StepStatus}}


@lru_cache(4096)
def _change(module_id: str, action: str, from_id: str | None) -> Change:
    return Change(id=module_id, action=Action(action), from_id=from_id)


_STEPS_OF_ONE = select(*STEP_COLUMNS).where(_s.job_seq == bindparam("seq")).order_by(_s.pos)
_STEPS_OF_MANY = (
    select(*STEP_COLUMNS).where(_s.job_seq.in_(bindparam("seqs", expanding=True))).order_by(_s.job_seq, _s.pos)
)
_MOST_AT_ONCE = 500


def _step(row: Sequence[Any]) -> Step:
    (_, pos, module_id, action, from_id, stage, status, message, errors, warnings, *rest) = row
    attempts, started, ended, job_id, job_url, job_phase, revision = rest
    return Step(
        pos=pos,
        change=_change(module_id, action, from_id),
        stage=_STAGES[stage],
        status=_STATUSES[status],
        message=message,
        errors=load_problems(errors) if errors else (),
        warnings=load_problems(warnings) if warnings else (),
        attempts=attempts,
        started=started,
        ended=ended,
        tenant_job=TenantJob(id=job_id, base_url=job_url, phase=job_phase) if job_id is not None else None,
        revision=revision,
    )


def _job(row: AnyRow, steps: tuple[Step, ...]) -> Job:
    (_, job_id, tenant, kind, status, options, request, created, started, ended, message, *rest) = row
    (error_status, reason, assumed, requested_by, owner, epoch, revision, *rest) = rest
    task_id, lease_until, keep_on_abort, retries, callback_url, edges, callback_attempts, *_ = rest
    return Job(
        id=job_id,
        tenant=tenant,
        kind=JobKind(kind),
        status=JobStatus(status),
        options=load_options(options),
        request=load_request(request),
        steps=steps,
        created=created,
        started=started,
        ended=ended,
        message=message,
        error_status=error_status,
        reason=reason,
        assumed=assumed,
        requested_by=requested_by,
        owner=owner,
        epoch=epoch,
        revision=revision,
        task_id=task_id,
        lease_until=lease_until,
        keep_on_abort=keep_on_abort,
        retries=retries,
        callback_url=callback_url,
        edges=load_edges(edges),
        callback_attempts=callback_attempts,
    )


def steps_of(connection: Connection, seq: int) -> tuple[Step, ...]:
    """The steps of the job with that `seq`, in plan order."""
    return tuple(map(_step, connection.execute(_STEPS_OF_ONE, {"seq": seq})))


def steps_by_job(connection: Connection, seqs: Sequence[int]) -> dict[int, tuple[Step, ...]]:
    """The steps of several jobs, by the jobs' `seq`; a statement for every 500 jobs."""
    found: dict[int, list[Step]] = defaultdict(list)
    for start in range(0, len(seqs), _MOST_AT_ONCE):
        for row in connection.execute(_STEPS_OF_MANY, {"seqs": seqs[start : start + _MOST_AT_ONCE]}):
            found[row[0]].append(_step(row))
    return {seq: tuple(steps) for seq, steps in found.items()}


def job_of(connection: Connection, row: AnyRow) -> Job:
    """The job of a row of JOB_COLUMNS, with its steps."""
    return _job(row, steps_of(connection, row[0]))


def steps_as_json(jobs: FromClause) -> ScalarSelect[str]:
    """All steps of a job, as a column of a statement of PostgreSQL. `job_with` reads it."""
    rows = func.json_agg(func.json_build_array(*STEP_COLUMNS))
    return select(cast(rows, Text)).where(_s.job_seq == jobs.c.seq).scalar_subquery()


def job_with(row: AnyRow, steps: str | None) -> Job:
    """The job of a row that begins with JOB_COLUMNS, and its steps."""
    found: list[list[Any]] = orjson.loads(steps or "[]")
    return _job(row, tuple(map(_step, sorted(found, key=itemgetter(1)))))


def jobs_from(connection: Connection, rows: Iterable[AnyRow]) -> list[Job]:
    """The jobs of rows of JOB_COLUMNS, with their steps, in the order of the rows."""
    rows = list(rows)
    steps = steps_by_job(connection, [row[0] for row in rows])
    return [_job(row, steps.get(row[0], ())) for row in rows]


def ref_from(row: AnyRow | None) -> JobRef | None:
    """The reference of a row of REF_COLUMNS, None for None."""
    if row is None:
        return None
    job_id, tenant, kind, task_id = row
    return JobRef(id=job_id, tenant=tenant, kind=JobKind(kind), task_id=task_id)


def step_values(step: Step, revision: int) -> dict[str, object]:
    """The columns of a step that change while it is carried out."""
    tenant_job = step.tenant_job
    return {
        "from_id": step.change.from_id,
        "stage": step.stage.value,
        "status": step.status and step.status.value,
        "message": storable(step.message),
        "errors": dump_problems(step.errors),
        "warnings": dump_problems(step.warnings),
        "attempts": step.attempts,
        "started": step.started,
        "ended": step.ended,
        "tenant_job_id": tenant_job and tenant_job.id,
        "tenant_job_url": tenant_job and tenant_job.base_url,
        "tenant_job_phase": tenant_job and tenant_job.phase,
        "revision": revision,
    }
