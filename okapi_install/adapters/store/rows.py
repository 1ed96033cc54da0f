"""Converts jobs and steps to and from rows. The long parts of a job are JSON text.

A long plan is read on every poll. So a row becomes a named tuple, which is much cheaper than an ORM object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from okapi_install.adapters.store.tables import JOBS, STEPS
from okapi_install.domain.errors import ErrorType
from okapi_install.domain.jobs import (
    Action,
    Change,
    EndReason,
    InstallOptions,
    Job,
    JobKind,
    JobStatus,
    Parameter,
    Problem,
    Stage,
    Step,
    StepStatus,
    TenantJob,
    TenantJobPhase,
)
from okapi_install.service.ports import JobRef

_s = STEPS.c

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row with any columns."""


class JobRecord(NamedTuple):
    """The columns that are read of a job, one for each field."""

    seq: int
    id: str
    tenant_id: str
    kind: str
    status: str
    options: str
    request: str | None
    created: float
    started: float | None
    ended: float | None
    message: str | None
    error_type: str | None
    reason: str | None
    assumed: str
    requested_by: str | None
    owner: str | None
    epoch: int
    revision: int
    task_id: str | None
    lease_until: float | None
    keep_on_abort: bool
    retries: int
    callback_url: str | None
    callback_attempts: int
    first_started: float | None
    edges: str | None
    warnings: str | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> JobRecord:
        """The record of a row that begins with JOB_COLUMNS."""
        return cls._make(row[:_JOB_LENGTH])


class StepRecord(NamedTuple):
    """The columns that are read of a step, one for each field."""

    job_seq: int
    pos: int
    module_id: str
    action: str
    from_id: str | None
    stage: str
    status: str | None
    message: str | None
    errors: str | None
    warnings: str | None
    attempts: int
    started: float | None
    ended: float | None
    tenant_job_id: str | None
    tenant_job_url: str | None
    tenant_job_phase: str | None
    instance_url: str | None
    last_tenant_job: str | None
    held_back: bool
    revision: int


JOB_COLUMNS = tuple(JOBS.c[name] for name in JobRecord._fields)
STEP_COLUMNS = tuple(STEPS.c[name] for name in StepRecord._fields)
REF_COLUMNS = (JOBS.c.id, JOBS.c.tenant_id, JOBS.c.kind, JOBS.c.task_id)
_JOB_LENGTH = len(JobRecord._fields)
_STAGES = {stage.value: stage for stage in Stage}
_STATUSES: dict[str | None, StepStatus | None] = {None: None, **{status.value: status for status in StepStatus}}

_STEPS_OF_ONE = select(*STEP_COLUMNS).where(_s.job_seq == bindparam("seq")).order_by(_s.pos)
_STEPS_OF_MANY = (
    select(*STEP_COLUMNS).where(_s.job_seq.in_(bindparam("seqs", expanding=True))).order_by(_s.job_seq, _s.pos)
)
_MOST_AT_ONCE = 500
_INSERT_STEPS = insert(STEPS)
_UPDATE_STEP = update(STEPS).where(_s.job_seq == bindparam("at_seq"), _s.pos == bindparam("at_pos"))
_DELETE_STEPS = delete(STEPS).where(_s.job_seq == bindparam("at_seq"))


def job_from(job: JobRecord, steps: tuple[Step, ...]) -> Job:
    """The job of a record, with its steps."""
    return Job(
        id=job.id,
        tenant=job.tenant_id,
        kind=JobKind(job.kind),
        status=JobStatus(job.status),
        options=load_options(job.options),
        request=load_request(job.request),
        steps=steps,
        created=job.created,
        started=job.started,
        first_started=job.first_started,
        ended=job.ended,
        message=job.message,
        error_type=None if job.error_type is None else ErrorType(job.error_type),
        reason=None if job.reason is None else EndReason(job.reason),
        assumed=job.assumed,
        requested_by=job.requested_by,
        owner=job.owner,
        epoch=job.epoch,
        revision=job.revision,
        task_id=job.task_id,
        lease_until=job.lease_until,
        keep_on_abort=job.keep_on_abort,
        retries=job.retries,
        callback_url=job.callback_url,
        callback_attempts=job.callback_attempts,
        edges=load_edges(job.edges),
        warnings=load_problems(job.warnings) if job.warnings else (),
    )


def step_from(step: StepRecord) -> Step:
    """The step of a record."""
    return Step(
        pos=step.pos,
        change=change_from(step.module_id, step.action, step.from_id),
        stage=_STAGES[step.stage],
        status=_STATUSES[step.status],
        message=step.message,
        errors=load_problems(step.errors) if step.errors else (),
        warnings=load_problems(step.warnings) if step.warnings else (),
        attempts=step.attempts,
        started=step.started,
        ended=step.ended,
        tenant_job=None if step.tenant_job_id is None else _tenant_job(step),
        instance_url=step.instance_url,
        tenant_job_id=step.last_tenant_job,
        held=step.held_back,
        revision=step.revision,
    )


@lru_cache(4096)
def change_from(module_id: str, action: str, from_id: str | None) -> Change:
    """The change of those columns."""
    return Change(id=module_id, action=Action(action), from_id=from_id)


def _tenant_job(step: StepRecord) -> TenantJob:
    return TenantJob(
        id=step.tenant_job_id or "",
        base_url=step.tenant_job_url or "",
        phase=TenantJobPhase(step.tenant_job_phase or TenantJobPhase.INIT),
    )


def ref_from(row: AnyRow) -> JobRef:
    """The reference of a row of REF_COLUMNS."""
    return JobRef(id=row.id, tenant=row.tenant_id, kind=JobKind(row.kind), task_id=row.task_id)


def steps_of(connection: Connection, seq: int) -> tuple[Step, ...]:
    """The steps of the job with that `seq`, in plan order."""
    return tuple(step_from(StepRecord._make(row)) for row in connection.execute(_STEPS_OF_ONE, {"seq": seq}))


def steps_by_job(connection: Connection, seqs: Sequence[int]) -> dict[int, tuple[Step, ...]]:
    """The steps of several jobs, by the jobs' `seq`; a statement for every 500 jobs."""
    found: dict[int, list[Step]] = defaultdict(list)
    for start in range(0, len(seqs), _MOST_AT_ONCE):
        for row in connection.execute(_STEPS_OF_MANY, {"seqs": seqs[start : start + _MOST_AT_ONCE]}):
            record = StepRecord._make(row)
            found[record.job_seq].append(step_from(record))
    return {seq: tuple(steps) for seq, steps in found.items()}


def job_of(connection: Connection, row: AnyRow) -> Job:
    """The job of a row that starts with JOB_COLUMNS. Reads its steps."""
    job = JobRecord.of(row)
    return job_from(job, steps_of(connection, job.seq))


def jobs_of_rows(connection: Connection, rows: Iterable[AnyRow]) -> list[Job]:
    """The jobs of rows of JOB_COLUMNS, in the same order. Reads their steps."""
    jobs = [JobRecord.of(row) for row in rows]
    steps = steps_by_job(connection, [job.seq for job in jobs])
    return [job_from(job, steps.get(job.seq, ())) for job in jobs]


def insert_steps(connection: Connection, seq: int, steps: Sequence[Step]) -> None:
    """Adds the steps of the job with that `seq`, each with its own revision."""
    insert_steps_of(connection, {seq: steps})


def insert_steps_of(connection: Connection, steps: Mapping[int, Sequence[Step]]) -> None:
    """Adds the steps of several jobs, by the jobs' `seq`."""
    rows = [{"job_seq": seq, **row} for seq, some in steps.items() for row in step_rows(some)]
    if rows:
        connection.execute(_INSERT_STEPS, rows)


def replace_steps(connection: Connection, seq: int, steps: Sequence[Step], revision: int) -> None:
    """Replaces all steps of the job, and stamps the new ones with the revision."""
    connection.execute(_DELETE_STEPS, {"at_seq": seq})
    insert_steps(connection, seq, [replace(step, revision=revision) for step in steps])


def update_steps(connection: Connection, seq: int, steps: Sequence[Step], revision: int) -> None:
    """Writes the changing columns of the steps, and stamps them with the revision."""
    if steps:
        keys = [{"at_seq": seq, "at_pos": step.pos, "revision": revision, **step_changes(step)} for step in steps]
        connection.execute(_UPDATE_STEP, keys)


def step_rows(steps: Sequence[Step]) -> list[dict[str, object]]:
    """All columns of the steps except the job's `seq`, each with its own revision."""
    return [{**_identity(step), "revision": step.revision, **step_changes(step)} for step in steps]


def _identity(step: Step) -> dict[str, object]:
    return {"pos": step.pos, "module_id": step.change.id, "action": step.change.action.value, "held_back": step.held}


CHANGING = tuple(
    name
    for name in StepRecord._fields
    if name not in ("job_seq", "pos", "module_id", "action", "held_back", "revision")
)
"""The columns of a step that are parameters of a change: those of `step_changes`."""


def step_changes(step: Step) -> dict[str, object]:
    """The columns of a step that change while it runs, except its revision."""
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
        "tenant_job_phase": tenant_job and tenant_job.phase.value,
        "instance_url": step.instance_url,
        "last_tenant_job": step.tenant_job_id,
    }


_RECENT = 64
"""How many parsed texts are cached. A running job is read repeatedly, and its request does not change."""

_OPTION_NAMES = frozenset(field.name for field in fields(InstallOptions))


def dump_options(options: InstallOptions) -> str:
    """A JSON object of all options."""
    return orjson.dumps(options).decode()


@lru_cache(_RECENT)
def load_options(text: str) -> InstallOptions:
    """The options in the text. Unknown ones are ignored; missing ones get their defaults."""
    known = {name: value for name, value in orjson.loads(text).items() if name in _OPTION_NAMES}
    decisions = tuple((module, called) for module, called in known.pop("decisions", ()))
    return InstallOptions(**known, decisions=decisions)


def dump_request(request: Sequence[Change] | None) -> str | None:
    """A JSON array of changes, None for an upgrade."""
    return None if request is None else orjson.dumps(tuple(request)).decode()


@lru_cache(_RECENT)
def load_request(text: str | None) -> tuple[Change, ...] | None:
    """The reverse of `dump_request`."""
    if text is None:
        return None
    return tuple(
        Change(id=entry["id"], action=Action(entry["action"]), from_id=entry["from_id"]) for entry in orjson.loads(text)
    )


def dump_edges(edges: Sequence[tuple[int, int]]) -> str | None:
    """A JSON array of pairs, None if there are none."""
    return orjson.dumps(tuple(edges)).decode() if edges else None


@lru_cache(_RECENT)
def load_edges(text: str | None) -> tuple[tuple[int, int], ...]:
    """The reverse of `dump_edges`."""
    return tuple((before, after) for before, after in orjson.loads(text)) if text else ()


def dump_headers(headers: Mapping[str, str]) -> str | None:
    """A JSON object, None if there are none."""
    return orjson.dumps(dict(headers)).decode() if headers else None


def load_headers(text: str | None) -> dict[str, str]:
    """The reverse of `dump_headers`."""
    return dict(orjson.loads(text)) if text else {}


def dump_problems(problems: Sequence[Problem]) -> str | None:
    """A JSON array of errors or warnings, None if there are none."""
    if not problems:
        return None
    try:
        return orjson.dumps(tuple(problems)).decode()
    except TypeError:  # a lone surrogate
        return orjson.dumps(tuple(map(_storable_problem, problems))).decode()


def storable(text: str | None) -> str | None:
    """A module's text without characters that a database refuses: NUL (PostgreSQL), lone surrogates (both)."""
    return None if text is None else text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _storable_problem(problem: Problem) -> Problem:
    parameters = tuple(
        Parameter(key=storable(one.key) or "", value=storable(one.value) or "") for one in problem.parameters
    )
    words, kind, code = storable(problem.message), storable(problem.type), storable(problem.code)
    return Problem(message=words or "", type=kind, code=code, parameters=parameters)


def load_problems(text: str | None) -> tuple[Problem, ...]:
    """The reverse of `dump_problems`."""
    return tuple(_problem(entry) for entry in orjson.loads(text)) if text else ()


def _problem(entry: dict[str, Any]) -> Problem:
    parameters = tuple(Parameter(**parameter) for parameter in entry["parameters"])
    return Problem(message=entry["message"], type=entry["type"], code=entry["code"], parameters=parameters)
