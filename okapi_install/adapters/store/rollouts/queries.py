"""Reads rollouts: one, a page of all, their tenants and counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select

from okapi_install.adapters.store.expressions import db_now, has_status
from okapi_install.adapters.store.rollouts.rows import (
    ROLLOUT_COLUMNS,
    TENANT_COLUMNS,
    RolloutRecord,
    rollout_from,
    tally_from,
    tenant_from,
)
from okapi_install.adapters.store.rows import AnyRow
from okapi_install.adapters.store.tables import JOBS, ROLLOUT_TENANTS, ROLLOUTS
from okapi_install.domain.errors import NotFound
from okapi_install.domain.jobs import JobStatus
from okapi_install.domain.rollouts.estimate import Pace
from okapi_install.domain.rollouts.rollout import OPEN, RolloutStatus, RolloutTenant, Tally, TenantStatus
from okapi_install.service.ports import RolloutPage, RolloutView

_r, _t = ROLLOUTS.c, ROLLOUT_TENANTS.c
THIS = _r.id == bindparam("rollout_id")
OF_ROLLOUT = _t.rollout_seq == bindparam("of_rollout")
_ROLLOUT = select(*ROLLOUT_COLUMNS, db_now().label("now"))
_ONE = _ROLLOUT.where(THIS)
_REVISION = select(_r.revision).where(THIS)
_SEQ = select(_r.seq).where(THIS)
_TENANTS = select(*TENANT_COLUMNS).where(OF_ROLLOUT).order_by(_t.pos)
_STARTS = select(JOBS.c.id, JOBS.c.started).where(
    JOBS.c.id.in_(select(_t.job_id).where(OF_ROLLOUT, _t.status == TenantStatus.RUNNING.value))
)
_COUNTS = (
    select(
        *(_t.rollout_seq, _t.wave, _t.status, _t.pardoned),
        func.count().label("tenants"),
        func.sum(_t.ended - _t.started).label("seconds"),
    )
    .where(_t.rollout_seq.in_(bindparam("rollouts", expanding=True)))
    .group_by(_t.rollout_seq, _t.wave, _t.status, _t.pardoned)
)
_TOTAL = select(func.count()).select_from(ROLLOUTS)
_PAGE = _ROLLOUT.order_by(_r.seq.desc()).limit(bindparam("most")).offset(bindparam("skip"))
_RETRIED_BY_HAND = exists(
    select(_t.pos)
    .join(JOBS, JOBS.c.id == _t.job_id)
    .where(_t.rollout_seq == _r.seq, _t.status == TenantStatus.ERROR.value, ~has_status(JobStatus.ERROR))
)
_OPEN = (
    select(_r.id)
    .where(
        or_(
            _r.status.in_([status.value for status in sorted(OPEN)]),
            and_(_r.status == RolloutStatus.ERROR.value, _RETRIED_BY_HAND),
        )
    )
    .order_by(_r.seq)
)
_CENSUS = select(_r.status, func.count().label("rollouts")).group_by(_r.status)


def one_rollout(connection: Connection, rollout_id: str) -> RolloutView:
    """One rollout with its counts. Raises NotFound."""
    row = found(connection, _ONE, rollout_id)
    return views_of(connection, [row])[0]


def views_of(connection: Connection, rows: list[AnyRow]) -> list[RolloutView]:
    """The rollouts of rows of ROLLOUT_COLUMNS and the time, with their counts."""
    records = [RolloutRecord.of(row) for row in rows]
    counts: dict[int, list[AnyRow]] = {record.seq: [] for record in records}
    for row in connection.execute(_COUNTS, {"rollouts": list(counts)}) if records else ():
        counts[row.rollout_seq].append(row)
    views = []
    for row, record in zip(rows, records, strict=True):
        tally, pace = tally_from(counts[record.seq], record.tenant_seconds)
        views.append(RolloutView(rollout=rollout_from(record), tally=tally, pace=pace, now=row.now))
    return views


def tally_of(connection: Connection, record: RolloutRecord) -> tuple[Tally, Pace]:
    """The counts of one rollout."""
    return tally_from(connection.execute(_COUNTS, {"rollouts": [record.seq]}), record.tenant_seconds)


def revision(connection: Connection, rollout_id: str) -> int | None:
    """The revision of a rollout; None if it does not exist."""
    number: int | None = connection.scalar(_REVISION, {"rollout_id": rollout_id})
    return number


def tenants_of(connection: Connection, rollout_id: str) -> list[RolloutTenant]:
    """The tenants in order; of running ones also when their job started. Raises NotFound."""
    values = {"of_rollout": found(connection, _SEQ, rollout_id).seq}
    tenants = [tenant_from(row) for row in connection.execute(_TENANTS, values)]
    started = {row.id: row.started for row in connection.execute(_STARTS, values)}
    return [one.running_since(started.get(one.job_id or "")) for one in tenants]


def page(connection: Connection, limit: int, offset: int) -> RolloutPage:
    """Rollouts, newest first."""
    rows = list(connection.execute(_PAGE, {"most": limit, "skip": offset}))
    return RolloutPage(views=tuple(views_of(connection, rows)), total=connection.scalar(_TOTAL) or 0)


def open_ids(connection: Connection) -> list[str]:
    """The rollouts that are not over, or in which a job was retried since."""
    return [row.id for row in connection.execute(_OPEN)]


def census(connection: Connection) -> Mapping[str, int]:
    """How many rollouts are in which state."""
    counts = {row.status: row.rollouts for row in connection.execute(_CENSUS)}
    return {status.value: counts.get(status.value, 0) for status in RolloutStatus}


def found(connection: Connection, statement: Any, rollout_id: str) -> AnyRow:
    """The one row of a statement about a rollout. Raises NotFound."""
    row: AnyRow | None = connection.execute(statement, {"rollout_id": rollout_id}).one_or_none()
    if row is None:
        raise NotFound(rollout_id)
    return row
