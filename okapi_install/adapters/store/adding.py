"""A new job and its steps in one statement of PostgreSQL, and so in one round trip; jobs.py has the longer way.

All parts of a statement see the moment before it, so that jobs which are added at once do not see each other. Where
the tenant's limit is near, or an idempotency key could be there already, the longer way has to be taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from okapi_install.adapters.store.clock import db_now
from okapi_install.adapters.store.steps import step_rows
from okapi_install.adapters.store.tables import JOBS, STEPS, TENANTS
from okapi_install.adapters.store.turns import has_status
from okapi_install.domain.jobs import JobStatus
from okapi_install.service.ports import NewJob

_ROOM = 50
"""So far from its limit of waiting jobs a tenant must be: fewer requests than that come for one tenant at once."""

_GIVEN = (
    *("id", "tenant_id", "kind", "status", "options", "request", "edges", "assumed", "requested_by"),
    *("headers", "callback_url", "idempotency_key", "request_digest", "task_id"),
)
"""The columns of a new job that are parameters. The others have defaults."""


def _statement() -> Select[tuple[Any, ...]]:
    tenant = select(TENANTS.c.id).where(TENANTS.c.id == bindparam("tenant_id")).with_for_update(key_share=True)
    locked = tenant.cte("locked")
    queued = select(func.count().label("jobs")).where(
        JOBS.c.tenant_id == bindparam("tenant_id"), has_status(JobStatus.QUEUED)
    )
    waiting = queued.cte("waiting")
    given: list[ColumnElement[Any]] = [bindparam(name, type_=JOBS.c[name].type) for name in _GIVEN]
    row = select(*given, db_now(), db_now()).select_from(locked.join(waiting, true()))
    free = waiting.c.jobs + _ROOM <= bindparam("most", type_=Integer())
    job = insert(JOBS).from_select([*_GIVEN, "created", "published_at"], row.where(free))
    added = job.returning(JOBS.c.seq, JOBS.c.created).cte("added")
    names = [one.name for one in STEPS.columns if one.name != "job_seq"]
    columns = [column(name, STEPS.c[name].type) for name in names]
    rows = func.jsonb_to_recordset(cast(bindparam("steps", type_=Text()), JSONB)).table_valued(*columns)
    steps = rows.render_derived(name="v", with_types=True)
    values = select(added.c.seq, *[steps.c[name] for name in names]).select_from(added.join(steps, true()))
    written = insert(STEPS).from_select(["job_seq", *names], values).cte("written")
    return select(added.c.created).add_cte(written)


_ADD = _statement()


def add_at_once(connection: Connection, job: NewJob, columns: Mapping[str, object], most_waiting: int) -> float | None:
    """Adds the job; when. None if nothing was done, because there is no such tenant or its limit is near.

    Raises:
        IntegrityError: there is a job of that id.
    """
    steps = orjson.dumps(step_rows(job.steps)).decode()
    created: float | None = connection.scalar(_ADD, {**columns, "most": most_waiting, "steps": steps})
    return created
