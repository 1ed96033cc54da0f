"""Reads jobs: one, those of a tenant, or a page of all; and the state that a new job is planned against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from okapi_install.adapters.store.expressions import VISIBLE, has_status, is_active
from okapi_install.adapters.store.registry import HEAD
from okapi_install.adapters.store.rows import JOB_COLUMNS, AnyRow, job_of, jobs_of_rows, steps_by_job
from okapi_install.adapters.store.tables import ENABLED, JOBS, TENANTS
from okapi_install.domain import messages
from okapi_install.domain.errors import KeyReused, NotFound
from okapi_install.domain.jobs import EndReason, Job, JobKind, JobStatus
from okapi_install.domain.presentation.states import OF_JOBS, STORED_AS, State
from okapi_install.service.ports import InLine, JobFilter, JobPage, TenantState

_j = JOBS.c
_JOBS = select(*JOB_COLUMNS).where(VISIBLE)
HERE = _j.id == bindparam("job_id")
OF_TENANT = _j.tenant_id == bindparam("of_tenant")
_ONE = _JOBS.where(HERE)
_ONE_OF_TENANT = _ONE.where(OF_TENANT)
_ALL_OF_TENANT = _JOBS.where(OF_TENANT, _j.kind != JobKind.MODULE.value).order_by(_j.seq)
_REVISION = select(_j.revision, _j.status).where(HERE, VISIBLE)
_REVISIONS = select(_j.id, _j.revision, _j.status).where(_j.id.in_(bindparam("job_ids", expanding=True)), VISIBLE)
_LINES = (
    select(_j.tenant_id, _j.id, _j.status)
    .where(_j.tenant_id.in_(bindparam("tenant_ids", expanding=True)), or_(has_status(JobStatus.QUEUED), is_active()))
    .order_by(is_active().desc(), _j.seq)
)
_BY_KEY = select(*JOB_COLUMNS, _j.request_digest).where(OF_TENANT, _j.idempotency_key == bindparam("key"))

_THESE: BindParameter[list[str]] = bindparam("tenants", expanding=True)
_STATES = union_all(
    select(literal("tenant").label("kind"), TENANTS.c.id.label("tenant"), TENANTS.c.id.label("value")).where(
        TENANTS.c.id.in_(_THESE)
    ),
    select(literal("enabled"), ENABLED.c.tenant_id, ENABLED.c.module_id).where(ENABLED.c.tenant_id.in_(_THESE)),
    select(literal("ahead"), _j.tenant_id, cast(_j.seq, Text)).where(
        _j.tenant_id.in_(_THESE), or_(has_status(JobStatus.QUEUED), has_status(JobStatus.RUNNING))
    ),
    select(literal("registry"), literal(""), cast(HEAD.scalar_subquery(), Text)),
)
"""Everything that planning needs, in one round trip."""


def job(connection: Connection, job_id: str, tenant_id: str | None = None) -> Job:
    """One job with its steps. Raises NotFound."""
    return job_of(connection, found(connection, _ONE if tenant_id is None else _ONE_OF_TENANT, job_id, tenant_id))


def found(connection: Connection, statement: Any, job_id: str, tenant_id: str | None) -> AnyRow:
    """The one row of a statement about a job. Raises NotFound."""
    row: AnyRow | None = connection.execute(statement, {"job_id": job_id, "of_tenant": tenant_id}).one_or_none()
    if row is None:
        raise NotFound(job_id)
    return row


def revision(connection: Connection, job_id: str) -> tuple[int, JobStatus] | None:
    """Revision and status; None where `job` raises NotFound."""
    row = connection.execute(_REVISION, {"job_id": job_id}).one_or_none()
    return None if row is None else (row.revision, JobStatus(row.status))


def revisions(connection: Connection, job_ids: Collection[str]) -> dict[str, tuple[int, JobStatus]]:
    """The same of many jobs. The list is filled up to a power of two, so that there are few statements to plan."""
    wanted = list(job_ids)
    if not wanted:
        return {}
    wanted += wanted[-1:] * ((1 << (len(wanted) - 1).bit_length()) - len(wanted))
    rows = connection.execute(_REVISIONS, {"job_ids": wanted})
    return {row.id: (row.revision, JobStatus(row.status)) for row in rows}


def jobs_of(connection: Connection, tenant_id: str) -> list[Job]:
    """The tenant's jobs, oldest first."""
    return jobs_of_rows(connection, connection.execute(_ALL_OF_TENANT, {"of_tenant": tenant_id}))


def find_jobs(connection: Connection, which: JobFilter) -> JobPage:
    """Jobs of all tenants, newest first."""
    conditions = _conditions(which)
    some = select(_j.seq).where(*conditions).limit(which.most_counted + 1).subquery()
    total = connection.scalar(select(func.count()).select_from(some)) or 0
    newest = select(*JOB_COLUMNS).where(*conditions).order_by(_j.seq.desc())
    rows = connection.execute(newest.limit(which.limit).offset(which.offset))
    return JobPage(
        jobs=tuple(jobs_of_rows(connection, rows)),
        total=min(total, which.most_counted),
        more=total > which.most_counted,
    )


def lines(connection: Connection, tenant_ids: Collection[str]) -> dict[str, tuple[InLine, ...]]:
    """The jobs of those tenants that are not complete, by tenant, in the order in which they run."""
    found: defaultdict[str, list[InLine]] = defaultdict(list)
    for row in connection.execute(_LINES, {"tenant_ids": sorted(tenant_ids)}):
        found[row.tenant_id].append(InLine(id=row.id, status=JobStatus(row.status)))
    return {tenant: tuple(jobs) for tenant, jobs in found.items()}


def _conditions(which: JobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [VISIBLE]
    if which.tenant is not None:
        conditions.append(_j.tenant_id == which.tenant)
    if which.states:
        conditions.append(or_(*map(_in_state, sorted(which.states))))
    if which.ids is not None:
        conditions.append(_j.id.in_(sorted(which.ids)))
    return conditions


def count_jobs(connection: Connection, tenant_id: str | None, most: int) -> dict[State, int]:
    """How many jobs are in each state, counted up to `most` + 1."""
    counts = []
    for state in OF_JOBS:
        found = select(_j.seq).where(*_conditions(JobFilter(tenant=tenant_id, states=frozenset((state,)))))
        few = found.limit(most + 1).subquery()
        counts.append(select(literal(state.value).label("state"), func.count().label("jobs")).select_from(few))
    return {State(row.state): row.jobs for row in connection.execute(union_all(*counts)) if row.jobs}


def _in_state(state: State) -> ColumnElement[bool]:
    if state not in (State.FAILED, State.STOPPED):
        return has_status(STORED_AS[state])
    stopped = func.coalesce(_j.reason, "").in_([reason.value for reason in EndReason if reason.stopped])
    return and_(has_status(STORED_AS[state]), stopped if state is State.STOPPED else ~stopped)


def job_of_key(connection: Connection, tenant_id: str, key: str | None, request_digest: str | None) -> Job | None:
    """The earlier job with the same idempotency key, if any. Raises KeyReused."""
    if key is None:
        return None
    row = connection.execute(_BY_KEY, {"of_tenant": tenant_id, "key": key}).one_or_none()
    if row is None:
        return None
    if row.request_digest != request_digest:
        raise KeyReused(messages.idempotency_key_reused(key))
    return job_of(connection, row)


def tenant_state(connection: Connection, tenant_id: str) -> TenantState:
    """The state that a new job of the tenant is planned against. Raises NotFound."""
    state = tenant_states(connection, [tenant_id]).get(tenant_id)
    if state is None:
        raise NotFound(tenant_id)
    return state


def tenant_states(connection: Connection, tenants: Collection[str]) -> dict[str, TenantState]:
    """The states that new jobs of those tenants are planned against, of those that exist.

    Jobs may progress between the statements. That is harmless: the plan is checked again when the job is claimed.
    """
    values: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in connection.execute(_STATES, {"tenants": sorted(tenants)}):
        values[row.kind, row.tenant].append(row.value)
    known = [name for name in tenants if values["tenant", name]]
    ahead = {name: sorted(map(int, values["ahead", name])) for name in known}
    steps = steps_by_job(connection, [seq for seqs in ahead.values() for seq in seqs])
    return {
        name: TenantState(
            enabled=frozenset(values["enabled", name]),
            ahead=tuple(steps.get(seq, ()) for seq in ahead[name]),
            registry_seq=int(values["registry", ""][0]),
        )
        for name in known
    }
