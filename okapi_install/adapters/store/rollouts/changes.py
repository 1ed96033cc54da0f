"""Changes of rollouts by clients and by workers: each locks the row, takes over how jobs ended, and decides.

The lock gives all changes of a rollout an order. Jobs are added under it, so whatever a decision says of counts, time
and state still holds when a job is committed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, and_, bindparam, insert, or_, select, true, update

from okapi_install.adapters.store.expressions import db_now, has_status, is_complete
from okapi_install.adapters.store.rollouts.queries import OF_ROLLOUT, THIS, found, tally_of, views_of
from okapi_install.adapters.store.rollouts.rows import (
    ROLLOUT_COLUMNS,
    TENANT_COLUMNS,
    RolloutRecord,
    changing_columns,
    new_columns,
    rollout_from,
    tenant_changes,
    tenant_columns,
    tenant_from,
)
from okapi_install.adapters.store.rows import AnyRow, load_headers, steps_by_job
from okapi_install.adapters.store.tables import JOBS, ROLLOUT_TENANTS, ROLLOUTS
from okapi_install.domain import messages
from okapi_install.domain.errors import KeyReused
from okapi_install.domain.jobs import JobStatus, Step
from okapi_install.domain.rollouts import requests
from okapi_install.domain.rollouts.decisions import decide
from okapi_install.domain.rollouts.outcomes import JobState, after_job
from okapi_install.domain.rollouts.rollout import PauseReason, Rollout, RolloutStatus, RolloutTenant, TenantStatus
from okapi_install.service.ports import Advanced, NewRollout, RolloutView

_r, _t, _j = ROLLOUTS.c, ROLLOUT_TENANTS.c, JOBS.c
_CALLBACK_LEASE = 60.0

_LOCK = select(*ROLLOUT_COLUMNS, db_now().label("now")).where(THIS).with_for_update()
_BY_KEY = select(*ROLLOUT_COLUMNS, _r.request_digest).where(_r.idempotency_key == bindparam("key"))
_INSERT = insert(ROLLOUTS).values(created=db_now()).returning(_r.seq, _r.created)
_INSERT_TENANTS = insert(ROLLOUT_TENANTS)
_UPDATE = update(ROLLOUTS).where(_r.seq == bindparam("at_seq"))
_UPDATE_TENANT = update(ROLLOUT_TENANTS).where(OF_ROLLOUT, _t.pos == bindparam("at_pos"))
IS_RUNNING = _t.status == TenantStatus.RUNNING.value
_IS_ERROR = _t.status == TenantStatus.ERROR.value
_ENDED = and_(IS_RUNNING, or_(_j.id.is_(None), is_complete()))
RETRIED_BY_HAND = and_(_IS_ERROR, _j.id.is_not(None), ~has_status(JobStatus.ERROR))
_JOB_COLUMNS = (_j.seq, _j.status.label("job_status"), _j.message.label("job_message"))
_JOB_TIMES = (_j.started.label("job_started"), _j.ended.label("job_ended"))
_CHANGED = (
    select(*TENANT_COLUMNS, *_JOB_COLUMNS, *_JOB_TIMES)
    .select_from(ROLLOUT_TENANTS.outerjoin(JOBS, _j.id == _t.job_id))
    .where(OF_ROLLOUT, or_(_ENDED, RETRIED_BY_HAND))
    .order_by(_t.pos)
)
_WAITING = (
    select(*TENANT_COLUMNS)
    .where(OF_ROLLOUT, _t.status == TenantStatus.WAITING.value)
    .order_by(_t.wave, _t.pos)
    .limit(bindparam("most"))
)
_NAMED = select(*TENANT_COLUMNS).where(OF_ROLLOUT, _t.tenant_id.in_(bindparam("tenants", expanding=True)))
_FAILED = select(*TENANT_COLUMNS).where(OF_ROLLOUT, _IS_ERROR).order_by(_t.pos)
_PARDON = update(ROLLOUT_TENANTS).where(OF_ROLLOUT, _IS_ERROR).values(pardoned=true())
_SKIP = (
    update(ROLLOUT_TENANTS)
    .where(OF_ROLLOUT, _t.status == TenantStatus.WAITING.value)
    .values(status=TenantStatus.SKIPPED.value)
)
_RUNNING_JOBS = select(_t.job_id).where(OF_ROLLOUT, IS_RUNNING).order_by(_t.pos)
_DUE = select(_r.seq).where(_r.callback_due <= db_now()).order_by(_r.callback_due).limit(bindparam("most"))
_TAKE_CALLBACKS = (
    update(ROLLOUTS)
    .where(_r.seq.in_(_DUE.with_for_update(skip_locked=True)))
    .values(callback_due=db_now() + _CALLBACK_LEASE, callback_attempts=_r.callback_attempts + 1)
    .returning(*ROLLOUT_COLUMNS, db_now().label("now"))
)
_CALLBACK_DONE = (
    update(ROLLOUTS).where(THIS, _r.callback_due.is_not(None)).values(callback_due=db_now() + bindparam("retry_in"))
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Locked:
    """A rollout whose row is locked, and the store's time."""

    record: RolloutRecord
    rollout: Rollout
    now: float

    @property
    def key(self) -> dict[str, int]:
        """The parameter of statements about its tenants."""
        return {"of_rollout": self.record.seq}


def add(connection: Connection, new: NewRollout) -> Rollout:
    """Adds the rollout, or returns the one that was added earlier with the same key. Raises KeyReused."""
    if new.idempotency_key is not None:
        row = connection.execute(_BY_KEY, {"key": new.idempotency_key}).one_or_none()
        if row is not None:
            return _same(row, new)
    added = connection.execute(_INSERT, new_columns(new)).one()
    rows = [{"rollout_seq": added.seq, **tenant_columns(one)} for one in new.tenants]
    if rows:
        connection.execute(_INSERT_TENANTS, rows)
    return replace(new.rollout, created=added.created)


def _same(row: AnyRow, new: NewRollout) -> Rollout:
    if row.request_digest != new.request_digest:
        raise KeyReused(messages.idempotency_key_reused(new.idempotency_key or ""))
    return rollout_from(RolloutRecord.of(row))


def lock(connection: Connection, rollout_id: str) -> Locked:
    """The rollout as it is now, for a change. Takes over first how its jobs ended. Raises NotFound."""
    row = found(connection, _LOCK, rollout_id)
    record = RolloutRecord.of(row)
    locked = Locked(record=record, rollout=rollout_from(record), now=row.now)
    _take_over_endings(connection, locked)
    return locked


def _take_over_endings(connection: Connection, locked: Locked) -> None:
    rows = list(connection.execute(_CHANGED, locked.key))
    failed = [row.seq for row in rows if row.job_status == JobStatus.ERROR.value]
    steps = steps_by_job(connection, failed)
    changed = []
    for row in rows:
        job = None if row.seq is None else _job_state(row, steps.get(row.seq, ()))
        changed.append(after_job(tenant_from(row), job, locked.now))
    if changed:
        put_tenants(connection, locked, changed)
        connection.execute(_UPDATE.values(revision=_r.revision + 1), {"at_seq": locked.record.seq})


def _job_state(row: AnyRow, steps: tuple[Step, ...]) -> JobState:
    return JobState(
        status=JobStatus(row.job_status),
        started=row.job_started,
        ended=row.job_ended,
        message=row.job_message,
        steps=steps,
    )


def put_tenants(connection: Connection, locked: Locked, tenants: Iterable[RolloutTenant]) -> None:
    """Writes the changing columns of tenants."""
    rows = [{**locked.key, "at_pos": one.pos, **tenant_changes(one)} for one in tenants]
    if rows:
        connection.execute(_UPDATE_TENANT, rows)


def put(connection: Connection, locked: Locked, rollout: Rollout) -> Rollout:
    """Writes the rollout if it has changed. A pause that no client requested, and an end, make its callback due."""
    if rollout == locked.rollout:
        return rollout
    changes = {**changing_columns(rollout), "revision": _r.revision + 1}
    if _is_news(locked.rollout, rollout):
        changes |= {"callback_due": db_now(), "callback_attempts": 0}
    connection.execute(_UPDATE.values(**changes), {"at_seq": locked.record.seq})
    return rollout


def _is_news(before: Rollout, after: Rollout) -> bool:
    if after.callback_url is None or before.status is after.status:
        return False
    return after.complete or (after.status is RolloutStatus.PAUSED and after.pause_reason is not PauseReason.REQUESTED)


def advance(connection: Connection, rollout_id: str, most: int) -> Advanced:
    """Stores what the rollout does next, and returns the tenants that may start. Raises NotFound."""
    locked = lock(connection, rollout_id)
    tally, _ = tally_of(connection, locked.record)
    decision = decide(locked.rollout, tally, locked.now)
    rollout = put(connection, locked, decision.rollout)
    room = min(decision.room, most)
    rows = connection.execute(_WAITING, {**locked.key, "most": room}) if room else ()
    return Advanced(
        before=locked.rollout,
        rollout=rollout,
        tenants=tuple(map(tenant_from, rows)),
        headers=load_headers(locked.record.headers) if room else {},
    )


def named_tenants(connection: Connection, locked: Locked, tenants: Collection[str]) -> dict[str, RolloutTenant]:
    """Those tenants of the rollout, by id."""
    rows = connection.execute(_NAMED, {**locked.key, "tenants": sorted(tenants)})
    return {one.tenant: one for one in map(tenant_from, rows)}


def pause(connection: Connection, rollout_id: str) -> Rollout:
    """Pauses a running rollout. Raises NotFound; UserError."""
    locked = lock(connection, rollout_id)
    return put(connection, locked, requests.pause(locked.rollout))


def resume(connection: Connection, rollout_id: str) -> Rollout:
    """Resumes a paused rollout. Raises NotFound; UserError."""
    locked = lock(connection, rollout_id)
    rollout = requests.resume(locked.rollout)
    if locked.rollout.pause_reason is PauseReason.FAILURES:
        connection.execute(_PARDON, locked.key)
    return put(connection, locked, rollout)


def retry(connection: Connection, rollout_id: str, tenants: Collection[str] | None) -> Rollout:
    """Makes failed tenants wait again. Raises NotFound; UserError."""
    locked = lock(connection, rollout_id)
    rollout = requests.retry(locked.rollout)
    rows = connection.execute(_FAILED, locked.key)
    put_tenants(connection, locked, requests.retried(map(tenant_from, rows), tenants))
    if locked.rollout.complete:
        connection.execute(_PARDON, locked.key)
    connection.execute(_UPDATE.values(revision=_r.revision + 1), {"at_seq": locked.record.seq})
    return put(connection, locked, rollout)


def abort(connection: Connection, rollout_id: str) -> list[str]:
    """Skips all waiting tenants. The jobs that still run. Raises NotFound; UserError."""
    locked = lock(connection, rollout_id)
    rollout = requests.abort(locked.rollout)
    connection.execute(_SKIP, locked.key)
    put(connection, locked, rollout)
    return [row.job_id for row in connection.execute(_RUNNING_JOBS, locked.key)]


def due_callbacks(connection: Connection, limit: int) -> list[RolloutView]:
    """The rollouts whose callback is due now, leased to the caller for a minute."""
    return views_of(connection, list(connection.execute(_TAKE_CALLBACKS, {"most": limit})))


def callback_done(connection: Connection, rollout_id: str, *, delivered: bool, retry_in: float | None) -> None:
    """Records the outcome of a callback; `retry_in` seconds None means it is given up."""
    connection.execute(_CALLBACK_DONE, {"rollout_id": rollout_id, "retry_in": None if delivered else retry_in})
