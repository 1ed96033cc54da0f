"""Converts rollouts and their tenants to and from rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from okapi_install.adapters.store.rows import (
    AnyRow,
    dump_headers,
    dump_options,
    dump_request,
    load_options,
    load_request,
    storable,
)
from okapi_install.adapters.store.tables import ROLLOUT_TENANTS, ROLLOUTS
from okapi_install.domain.jobs import JobKind
from okapi_install.domain.rollouts.estimate import Pace
from okapi_install.domain.rollouts.rollout import (
    PauseReason,
    PauseRule,
    Rollout,
    RolloutStatus,
    RolloutTenant,
    Tally,
    TenantStatus,
)
from okapi_install.domain.rollouts.windows import Window
from okapi_install.service.ports import NewRollout


class RolloutRecord(NamedTuple):
    """The columns that are read of a rollout, one for each field."""

    seq: int
    id: str
    name: str
    kind: str
    status: str
    created: float
    ended: float | None
    wave: int
    wave_count: int
    max_concurrent: int
    max_failures: int
    max_per_module: int | None
    pause_after_wave: bool
    pause_seconds: float | None
    hold_until: float | None
    pause_reason: str | None
    requested_by: str | None
    callback_url: str | None
    callback_attempts: int
    tenant_seconds: float | None
    revision: int
    options: str
    request: str | None
    windows: str | None
    headers: str | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> RolloutRecord:
        """The record of a row that begins with ROLLOUT_COLUMNS."""
        return cls._make(row[: len(ROLLOUT_COLUMNS)])


ROLLOUT_COLUMNS = tuple(ROLLOUTS.c[name] for name in RolloutRecord._fields)
_t = ROLLOUT_TENANTS.c
TENANT_COLUMNS = (
    *(_t.pos, _t.tenant_id, _t.wave, _t.status, _t.job_id, _t.started, _t.ended, _t.module_id, _t.message),
    *(_t.pardoned, _t.attempts),
)


def rollout_from(row: RolloutRecord) -> Rollout:
    """The rollout of a record."""
    return Rollout(
        id=row.id,
        name=row.name,
        kind=JobKind(row.kind),
        status=RolloutStatus(row.status),
        options=load_options(row.options),
        request=load_request(row.request),
        wave_count=row.wave_count,
        max_concurrent=row.max_concurrent,
        max_failures=row.max_failures,
        created=row.created,
        max_per_module=row.max_per_module,
        pause_after_wave=PauseRule(seconds=row.pause_seconds) if row.pause_after_wave else None,
        windows=_load_windows(row.windows),
        wave=row.wave,
        hold_until=row.hold_until,
        pause_reason=None if row.pause_reason is None else PauseReason(row.pause_reason),
        ended=row.ended,
        requested_by=row.requested_by,
        callback_url=row.callback_url,
        callback_attempts=row.callback_attempts,
        revision=row.revision,
    )


def tenant_from(row: AnyRow) -> RolloutTenant:
    """The tenant of a row that begins with TENANT_COLUMNS."""
    return RolloutTenant(
        pos=row.pos,
        tenant=row.tenant_id,
        wave=row.wave,
        status=TenantStatus(row.status),
        job_id=row.job_id,
        started=row.started,
        ended=row.ended,
        module=row.module_id,
        message=row.message,
        pardoned=row.pardoned,
        attempts=row.attempts,
    )


def new_columns(new: NewRollout) -> dict[str, object]:
    """The columns of a new rollout that are parameters; the others have defaults."""
    rollout, rule = new.rollout, new.rollout.pause_after_wave
    return {
        "id": rollout.id,
        "name": storable(rollout.name),
        "kind": rollout.kind.value,
        "wave_count": rollout.wave_count,
        "max_concurrent": rollout.max_concurrent,
        "max_failures": rollout.max_failures,
        "max_per_module": rollout.max_per_module,
        "pause_after_wave": rule is not None,
        "pause_seconds": rule and rule.seconds,
        "requested_by": rollout.requested_by,
        "callback_url": rollout.callback_url,
        "idempotency_key": new.idempotency_key,
        "request_digest": new.request_digest,
        "tenant_seconds": new.tenant_seconds,
        "options": dump_options(rollout.options),
        "request": dump_request(rollout.request),
        "windows": _dump_windows(rollout.windows),
        "headers": dump_headers(new.headers),
        **changing_columns(rollout),
    }


def changing_columns(rollout: Rollout) -> dict[str, object]:
    """The columns of a rollout that change."""
    return {
        "status": rollout.status.value,
        "ended": rollout.ended,
        "wave": rollout.wave,
        "hold_until": rollout.hold_until,
        "pause_reason": rollout.pause_reason and rollout.pause_reason.value,
    }


def tenant_columns(one: RolloutTenant) -> dict[str, object]:
    """The columns of a tenant."""
    return {"pos": one.pos, "tenant_id": one.tenant, "wave": one.wave, **tenant_changes(one)}


def tenant_changes(one: RolloutTenant) -> dict[str, object]:
    """The columns of a tenant that change."""
    return {
        "status": one.status.value,
        "job_id": one.job_id,
        "started": one.started,
        "ended": one.ended,
        "pardoned": one.pardoned,
        "attempts": one.attempts,
        "module_id": one.module,
        "message": storable(one.message),
    }


def tally_from(rows: Iterable[AnyRow], planned: float | None) -> tuple[Tally, Pace]:
    """The counts, and the pace of the tenants that are done, of rows by wave, status and pardon."""
    waves: dict[int, dict[TenantStatus, int]] = {}
    failures, measured, count = 0, 0.0, 0
    for row in rows:
        status = TenantStatus(row.status)
        counts = waves.setdefault(row.wave, {})
        counts[status] = counts.get(status, 0) + row.tenants
        if status is TenantStatus.ERROR and not row.pardoned:
            failures += row.tenants
        if status is TenantStatus.DONE:
            measured, count = measured + float(row.seconds or 0.0), count + row.tenants
    return Tally(waves=waves, failures=failures), Pace(planned=planned, measured=measured, count=count)


def _dump_windows(windows: Sequence[Window]) -> str | None:
    return orjson.dumps(tuple(windows)).decode() if windows else None


def _load_windows(text: str | None) -> tuple[Window, ...]:
    entries = orjson.loads(text) if text else ()
    return tuple(Window(**{**entry, "days": tuple(entry["days"])}) for entry in entries)
