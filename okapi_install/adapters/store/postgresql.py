"""The store on PostgreSQL, where a single statement, and so a single round trip, can change several tables.

Under gevent each round trip is a wait. All parts of a statement see the state before it. What follows a statement must
be independent of it: a read of what only the owner of a claim changes, or a figure that may be lost. The rules are
those of the portable operations, which this module only combines; docs/decisions/0003 has the reasons.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Integer,
    ScalarSelect,
    Select,
    Table,
    TableValuedAlias,
    Text,
    Update,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from okapi_install.adapters.store import claims, jobs, registry
from okapi_install.adapters.store.audit.history import EVENT_COLUMNS, event_rows
from okapi_install.adapters.store.engine import POOL_WAIT
from okapi_install.adapters.store.expressions import VISIBLE, db_now
from okapi_install.adapters.store.metrics import Timing, succeeded_since
from okapi_install.adapters.store.mirror.binding import mirror_okapi
from okapi_install.adapters.store.mirror.modules import mirror_modules
from okapi_install.adapters.store.queries import HERE, OF_TENANT, found
from okapi_install.adapters.store.rollouts.turns import take_turn_in_order
from okapi_install.adapters.store.rows import (
    CHANGING,
    JOB_COLUMNS,
    STEP_COLUMNS,
    AnyRow,
    JobRecord,
    StepRecord,
    job_from,
    step_changes,
    step_from,
    step_rows,
)
from okapi_install.adapters.store.store import SqlStore
from okapi_install.adapters.store.tables import ENABLED, JOB_EVENTS, JOBS, LEFTOVERS, STEPS
from okapi_install.adapters.store.together.given import given_rows
from okapi_install.adapters.store.together.group import GroupCommit
from okapi_install.adapters.store.together.saves import Save, save_together
from okapi_install.adapters.store.transactions import fault, glance, write
from okapi_install.domain.history import EventKind, JobEvent
from okapi_install.domain.jobs import Job
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.metrics import Meters
from okapi_install.service.ports import Claim, Ending, NewJob, Progress

_j = JOBS.c

_ROOM = 50
"""How far a tenant must be from its limit of waiting jobs. Fewer requests than that arrive for a tenant at once."""
_GIVEN = (
    *("id", "tenant_id", "kind", "status", "options", "request", "edges", "assumed", "requested_by"),
    *("headers", "callback_url", "idempotency_key", "request_digest", "task_id"),
)
"""The columns of a new job that are parameters: those of `columns_of`."""
_DEFAULTS = {
    column.name: literal(column.default.arg, column.type)
    for column in JOBS.columns
    if isinstance(column.default, ScalarElementColumnDefault) and column.name not in _GIVEN
}
"""The columns of a new job with a default. SQLAlchemy adds defaults to only one INSERT of a statement."""
_ALL_BUT_JOB = tuple(name for name in StepRecord._fields if name != "job_seq")

_REGISTRY_LOCK = text("SELECT pg_advisory_xact_lock(874001)")
"""Serialises changes of the registry, so that the numbers of its log have the order of the commits. A reader that has
seen a number must not find a lower one later.
"""
_CREATED = select(_j.created).where(HERE)


def _given_steps(*names: str) -> TableValuedAlias:
    """The steps in the JSON parameter, as a table with those columns."""
    return _given("steps", STEPS, names)


def _given(parameter: str, table: Table, names: Sequence[str]) -> TableValuedAlias:
    """The rows in the JSON parameter, as a table with those columns."""
    return given_rows(parameter, [table.c[name] for name in names])


def _noted(job: FromClause) -> CTE:
    """Adds the events in the JSON parameter to the history of a job that the statement has changed."""
    events = _given("events", JOB_EVENTS, EVENT_COLUMNS)
    values = {name: events.c[name] for name in EVENT_COLUMNS} | {"at": func.coalesce(events.c.at, db_now())}
    rows = select(job.c.seq, job.c.revision, *values.values()).select_from(job.join(events, true()))
    return insert(JOB_EVENTS).from_select(["job_seq", "revision", *values], rows).cte("noted")


def _add_statement() -> Select[tuple[float]]:
    locked, waiting = jobs.LOCK_TENANT.cte("locked"), jobs.WAITING.cte("waiting")
    given: list[ColumnElement[Any]] = [bindparam(name, type_=_j[name].type) for name in _GIVEN]
    row = select(*given, *_DEFAULTS.values(), db_now(), db_now()).select_from(locked.join(waiting, true()))
    free = waiting.c.jobs + _ROOM <= bindparam("most", type_=Integer())
    job = insert(JOBS).from_select([*_GIVEN, *_DEFAULTS, "created", "published_at"], row.where(free))
    added = job.returning(_j.seq, _j.created, _j.revision).cte("added")
    steps = _given_steps(*_ALL_BUT_JOB)
    values = select(added.c.seq, *[steps.c[name] for name in _ALL_BUT_JOB]).select_from(added.join(steps, true()))
    written = insert(STEPS).from_select(["job_seq", *_ALL_BUT_JOB], values).cte("written")
    return select(added.c.created).add_cte(written, _noted(added))


def _steps_as_json(job: FromClause) -> ScalarSelect[str]:
    """All steps of a job, as a column. `_job_with` reads it."""
    rows = func.json_agg(func.json_build_array(*STEP_COLUMNS))
    return select(cast(rows, Text)).where(STEPS.c.job_seq == job.c.seq).scalar_subquery()


def _job_with(row: AnyRow) -> Job:
    """The job of a row that begins with JOB_COLUMNS and has its steps."""
    steps = [StepRecord._make(step) for step in orjson.loads(row.steps or "[]")]
    return job_from(JobRecord.of(row), tuple(map(step_from, sorted(steps, key=attrgetter("pos")))))


def _claim_statement() -> Select[tuple[Any, ...]]:
    """Claims a queued job and reads it with its steps. They change only together with its epoch, which must be the one
    before the statement.
    """
    before = JOBS.alias("before").c
    epoch_before = select(before.epoch).where(before.id == bindparam("job_id")).scalar_subquery()
    taken = claims.TAKE_QUEUED.where(_j.epoch == epoch_before).cte("taken")

    def text_of(aggregate: Any, condition: Any) -> ScalarSelect[str]:
        return select(cast(aggregate, Text)).where(condition).scalar_subquery()

    enabled = text_of(func.json_agg(ENABLED.c.module_id), ENABLED.c.tenant_id == taken.c.tenant_id)
    left = func.json_object_agg(LEFTOVERS.c.module_id, LEFTOVERS.c.text)
    return select(
        *taken.c,
        _steps_as_json(taken).label("steps"),
        enabled.label("enabled"),
        text_of(left, LEFTOVERS.c.tenant_id == taken.c.tenant_id).label("unfinished_work"),
        registry.HEAD.scalar_subquery().label("registry_seq"),
    ).add_cte(_noted(taken))


def _with_progress(change: Update) -> tuple[CTE, TableValuedAlias, tuple[CTE, ...]]:
    """The job that is held and changed, the steps that are given, and the changes of steps and of enabled modules.

    A module must not be in `enable` and in `disable` at once, and is not.
    """
    held = change.returning(_j.seq, _j.tenant_id, _j.revision, _j.started).cte("held")
    steps = _given_steps("pos", *CHANGING)
    changed = (
        update(STEPS)
        .where(STEPS.c.job_seq == held.c.seq, STEPS.c.pos == steps.c.pos)
        .values({name: steps.c[name] for name in CHANGING} | {"revision": held.c.revision})
    )
    names = cast(bindparam("disable"), ARRAY(Text))
    gone = delete(ENABLED).where(ENABLED.c.tenant_id == held.c.tenant_id, ENABLED.c.module_id == any_(names))
    enabled = select(held.c.tenant_id, func.unnest(cast(bindparam("enable"), ARRAY(Text))))
    came = postgresql.insert(ENABLED).from_select(["tenant_id", "module_id"], enabled).on_conflict_do_nothing()
    return held, steps, (changed.cte("changed"), gone.cte("gone"), came.cte("came"), _noted(held))


def _save_statement() -> Select[tuple[int]]:
    held, _, changes = _with_progress(claims.SAVE)
    return select(held.c.revision).add_cte(*changes)


def _finish_statement() -> Select[tuple[Any, ...]]:
    """Like the statement of `save`, but ends the job. Returns the successful steps, and whether there are warnings."""
    held, given, changes = _with_progress(claims.FINISH)
    stored = STEPS.alias("stored")
    newest = [func.coalesce(given.c[name], stored.c[name]).label(name) for name in ("status", "started", "ended")]
    steps = (
        select(stored.c.module_id, stored.c.action, *newest)
        .select_from(stored.outerjoin(given, given.c.pos == stored.c.pos))
        .where(stored.c.job_seq == held.c.seq)
        .correlate(held)
        .subquery("steps_now")
    )
    rows = func.json_agg(func.json_build_array(steps.c.module_id, steps.c.action, steps.c.started, steps.c.ended))
    succeeded = select(cast(rows, Text)).where(succeeded_since(steps, held.c.started)).correlate(held).scalar_subquery()
    warned = exists().where(LEFTOVERS.c.tenant_id == held.c.tenant_id).correlate(held)
    return select(held.c.revision, succeeded.label("succeeded"), warned.label("warned")).add_cte(*changes)


_ADD, _CLAIM, _SAVE, _FINISH = _add_statement(), _claim_statement(), _save_statement(), _finish_statement()
_JOB = select(*JOB_COLUMNS, _steps_as_json(JOBS).label("steps")).where(VISIBLE, HERE)
_JOB_OF_TENANT = _JOB.where(OF_TENANT)


def _progress_values(progress: Progress) -> dict[str, object]:
    steps = [{"pos": step.pos, **step_changes(step)} for step in progress.steps]
    return {
        "steps": orjson.dumps(steps).decode(),
        "enable": list(progress.enable),
        "disable": list(progress.disable),
        "events": _events_as_json(progress.events),
    }


def _events_as_json(events: Sequence[JobEvent]) -> str:
    return orjson.dumps(event_rows(events)).decode()


def add_in_one(connection: Connection, job: NewJob, most_waiting: int) -> float | None:
    """Adds the job and returns when. None if nothing was added: the tenant does not exist or is near its limit.

    Jobs that are added at once do not see each other. Raises IntegrityError if there is a job of that id.
    """
    given = {"of_tenant": job.tenant, "most": most_waiting, "steps": orjson.dumps(step_rows(job.steps)).decode()}
    given["events"] = _events_as_json([jobs.requested(job)])
    row = connection.execute(_ADD, {**jobs.columns_of(job), **given}).one_or_none()
    return None if row is None else row.created


def created_at(connection: Connection, job_id: str) -> float | None:
    """When the job was added, if it is there."""
    created: float | None = connection.scalar(_CREATED, {"job_id": job_id})
    return created


def job_in_one(connection: Connection, job_id: str, tenant_id: str | None = None) -> Job:
    """One job with its steps. Raises NotFound."""
    return _job_with(found(connection, _JOB if tenant_id is None else _JOB_OF_TENANT, job_id, tenant_id))


def claim_in_one(connection: Connection, job_id: str, worker: str, task_id: str | None, lease: float) -> Claim | None:
    """As `claims.claim`, in one statement if the job is queued."""
    values = claims.wanted(job_id, worker, task_id, lease)
    events = _events_as_json([JobEvent(kind=EventKind.CLAIMED, worker=worker)])
    row = connection.execute(_CLAIM, {**values, "events": events}).one_or_none()
    if row is None:
        return claims.take_over(connection, values)
    return claims.claim_from(
        row,
        _job_with(row),
        values,
        enabled=orjson.loads(row.enabled or "[]"),
        unfinished_work=orjson.loads(row.unfinished_work or "{}"),
        registry_seq=row.registry_seq,
    )


def save_in_one(connection: Connection, claim: Claim, progress: Progress) -> int:
    """As `claims.save`, in one statement."""
    return int(claims.guarded(connection, _SAVE, claim, _progress_values(progress)).revision)


def finish_in_one(connection: Connection, claim: Claim, how: Ending, progress: Progress) -> claims.Finished:
    """As `claims.finish`, in one statement. What follows it may be lost: a warning is then shown once too often, and
    a sweeper sends the message about the next job.

    The next job is read after the statement: one that is added between the statement's first moment and its commit
    would be seen by nobody before the next sweep.
    """
    values = {**claims.ending_values(how), **_progress_values(claims.with_end(progress, how))}
    row = claims.guarded(connection, _FINISH, claim, values)
    timings = sorted(Timing.of(*step) for step in orjson.loads(row.succeeded or "[]"))
    if row.warned:
        claims.clear_leftovers(connection, claim.job.tenant, timings)
    return claims.next_job(connection, claim.job.tenant), timings


def add_modules_in_order(connection: Connection, modules: Sequence[ModuleDescriptor]) -> None:
    """As `registry.add_modules`, one after the other."""
    connection.execute(_REGISTRY_LOCK)
    registry.add_modules(connection, modules)


def remove_module_in_order(connection: Connection, module_id: str) -> bool:
    """As `registry.remove_module`, one after the other."""
    connection.execute(_REGISTRY_LOCK)
    return registry.remove_module(connection, module_id)


def mirror_modules_in_order(
    connection: Connection, added: Sequence[ModuleDescriptor], removed: Collection[str]
) -> None:
    """As `mirror_modules`, one after the other."""
    connection.execute(_REGISTRY_LOCK)
    mirror_modules(connection, added, removed)


def mirror_okapi_in_order(connection: Connection, address: str, *, moved: bool = False) -> str | None:
    """As `mirror_okapi`, one after the other."""
    connection.execute(_REGISTRY_LOCK)
    return mirror_okapi(connection, address, moved=moved)


class PostgresStore(SqlStore):
    """The SqlStore, with the operations that PostgreSQL does in one statement."""

    add_modules = write(add_modules_in_order)
    remove_module = write(remove_module_in_order)
    take_turn = write(take_turn_in_order)
    mirror_modules = write(mirror_modules_in_order)
    mirror_okapi = write(mirror_okapi_in_order)
    job = glance(job_in_one)
    _add_in_one = glance(add_in_one)
    _created_at = glance(created_at)
    _claim = glance(claim_in_one)
    _save_together = glance(save_together)
    _save_alone = glance(save_in_one)
    _finish = glance(finish_in_one)

    def __init__(self, engine: Engine, meters: Meters | None = None) -> None:
        super().__init__(engine, meters)
        self._saves: GroupCommit[Save, int] = GroupCommit(
            self._save_together, lambda save: self._save_alone(*save), spoiled=IntegrityError, patience=POOL_WAIT
        )

    def _save(self, claim: Claim, progress: Progress) -> int:
        """Together with what other jobs save at this moment. Raises IntegrityError if the tenant was removed."""
        try:
            return self._saves.write((claim, progress))
        except TimeoutError as late:
            raise fault(late) from late

    def add_job(self, job: NewJob, *, most_waiting: int) -> Job:
        """Adds it as queued. With an idempotency key, or near the limit, several statements are needed."""
        created = self._add_quickly(job, most_waiting) if job.idempotency_key is None else None
        if created is not None:
            return jobs.as_queued(job, created)
        return super().add_job(job, most_waiting=most_waiting)

    def _add_quickly(self, job: NewJob, most_waiting: int) -> float | None:
        """When it was added; None if it was not."""
        try:
            return self._add_in_one(job, most_waiting)
        except IntegrityError:  # the connection broke after the commit, and the statement was tried again
            return self._created_at(job.id)

    def check(self) -> None:
        """Raises StoreUnavailable unless it answers."""
        self._look()
