"""Saves the progress of many jobs with one statement, on PostgreSQL.

It never waits for a job's row that is locked, by an abort or a heartbeat: such a job is left out. So its locks cannot
be part of a deadlock, and one job does not hold up the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    CTE,
    Column,
    Connection,
    Integer,
    Select,
    Table,
    TableValuedAlias,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from okapi_install.adapters.store.audit.history import EVENT_COLUMNS, event_rows
from okapi_install.adapters.store.expressions import db_now, has_status
from okapi_install.adapters.store.rows import CHANGING, step_changes
from okapi_install.adapters.store.tables import ENABLED, JOB_EVENTS, JOBS, STEPS
from okapi_install.adapters.store.together.given import given_rows
from okapi_install.domain.jobs import JobStatus
from okapi_install.service.ports import Claim, Progress

Save = tuple[Claim, Progress]

_j = JOBS.c
_POSITION: Column[int] = Column("n", Integer)
"""Which of the saves a row belongs to."""


def _rows(parameter: str, table: Table, names: Sequence[str]) -> TableValuedAlias:
    """The rows in a JSON parameter, as a table with those columns of `table`, and their position."""
    return given_rows(parameter, (_POSITION, *(table.c[name] for name in names)))


def _held() -> CTE:
    """The jobs that are held under the given claims and whose rows are free, with a new revision."""
    claim = _rows("claims", JOBS, ("id", "owner", "epoch")).c
    same = and_(_j.id == claim.id, _j.owner == claim.owner, _j.epoch == claim.epoch)
    locked = (
        select(_j.seq, claim.n)
        .where(same, has_status(JobStatus.RUNNING))
        .with_for_update(key_share=True, skip_locked=True, of=JOBS)
        .cte("locked")
    )
    return (
        update(JOBS)
        .where(_j.seq == locked.c.seq)
        .values(revision=_j.revision + 1)
        .returning(_j.seq, _j.tenant_id, _j.revision, locked.c.n)
        .cte("held")
    )


def _statement() -> Select[tuple[int, int]]:
    """A module must not be in `enable` and in `disable` of a job at once, and is not."""
    held = _held()
    step, event = _rows("steps", STEPS, ("pos", *CHANGING)).c, _rows("events", JOB_EVENTS, EVENT_COLUMNS).c
    gone, came = _rows("disable", ENABLED, ("module_id",)).c, _rows("enable", ENABLED, ("module_id",)).c
    changed = (
        update(STEPS)
        .where(STEPS.c.job_seq == held.c.seq, held.c.n == step.n, STEPS.c.pos == step.pos)
        .values({name: step[name] for name in CHANGING} | {"revision": held.c.revision})
    )
    noted = {name: event[name] for name in EVENT_COLUMNS} | {"at": func.coalesce(event.at, db_now())}
    events = select(held.c.seq, held.c.revision, *noted.values()).where(held.c.n == event.n)
    removed = delete(ENABLED).where(
        held.c.n == gone.n, ENABLED.c.tenant_id == held.c.tenant_id, ENABLED.c.module_id == gone.module_id
    )
    added = select(held.c.tenant_id, came.module_id).where(held.c.n == came.n)
    return select(held.c.n, held.c.revision).add_cte(
        changed.cte("changed"),
        removed.cte("gone"),
        postgresql.insert(ENABLED).from_select(["tenant_id", "module_id"], added).on_conflict_do_nothing().cte("came"),
        insert(JOB_EVENTS).from_select(["job_seq", "revision", *noted], events).cte("noted"),
    )


_SAVE = _statement()


def save_together(connection: Connection, saves: Sequence[Save]) -> Mapping[int, int]:
    """Writes what it can, and returns the new revisions by position.

    A save is left out whose claim is no longer valid, or whose job is locked.
    """
    return {row.n: int(row.revision) for row in connection.execute(_SAVE, _parameters(saves))}


def _parameters(saves: Sequence[Save]) -> dict[str, str]:
    claims: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    enable: list[dict[str, Any]] = []
    disable: list[dict[str, Any]] = []
    for n, (claim, progress) in enumerate(saves):
        claims.append({"n": n, "id": claim.job.id, "owner": claim.worker, "epoch": claim.epoch})
        steps += [{"n": n, "pos": step.pos, **step_changes(step)} for step in progress.steps]
        events += [{"n": n, **row} for row in event_rows(progress.events)]
        enable += [{"n": n, "module_id": module} for module in progress.enable]
        disable += [{"n": n, "module_id": module} for module in progress.disable]
    given = {"claims": claims, "steps": steps, "events": events, "enable": enable, "disable": disable}
    return {name: orjson.dumps(rows).decode() for name, rows in given.items()}
