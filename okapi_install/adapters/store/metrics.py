"""Measurements: how long modules took, counters shared by all processes, and a census of the current state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import orjson
from sqlalchemy import ColumnElement, Connection, FromClause, and_, bindparam, case, func, select

from okapi_install.adapters.store.expressions import db_now, has_status, upserting
from okapi_install.adapters.store.rows import AnyRow
from okapi_install.adapters.store.tables import COUNTERS, DURATIONS, JOBS, STEPS, WORKERS
from okapi_install.domain.jobs import EndReason, JobStatus, StepStatus
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.workers import worker_name
from okapi_install.service.metrics import CountKey
from okapi_install.service.ports import Census, Durations, Trouble, TroubleKind, WorkerInfo

Key: TypeAlias = tuple[str, str]
"""A product and an action."""

_d = DURATIONS.c
_RECORD = upserting(
    DURATIONS,
    lambda new: {
        "count": _d.count + new["count"],
        "mean": _d.mean + (new["mean"] - _d.mean) * new["count"] / (_d.count + new["count"]),
        "longest": case((new["longest"] > _d.longest, new["longest"]), else_=_d.longest),
    },
    ["product", "action"],
)
_SEEN = select(DURATIONS).where(_d.product.in_(bindparam("products", expanding=True)))

_COUNT = upserting(COUNTERS, lambda new: {"value": COUNTERS.c.value + new["value"]}, ["name", "labels"])
_COUNTS = select(COUNTERS.c.name, COUNTERS.c.labels, COUNTERS.c.value)

_JOBS = select(JOBS.c.status, func.count().label("jobs")).group_by(JOBS.c.status)
_OLDEST = select(db_now() - func.min(JOBS.c.created)).where(has_status(JobStatus.QUEUED))
_RUNNING_STEPS = (
    select(
        JOBS.c.id,
        JOBS.c.tenant_id,
        STEPS.c.module_id,
        STEPS.c.action,
        STEPS.c.started,
        (func.coalesce(STEPS.c.ended, db_now()) - STEPS.c.started).label("age"),
    )
    .join(JOBS, JOBS.c.seq == STEPS.c.job_seq)
    .where(has_status(JobStatus.RUNNING), STEPS.c.status == StepStatus.RUNNING.value)
)
_FAILED = (
    select(JOBS.c.id, JOBS.c.tenant_id, JOBS.c.ended)
    .where(
        has_status(JobStatus.ERROR),
        JOBS.c.reason.in_([reason.value for reason in EndReason if not reason.stopped]),
        JOBS.c.ended > db_now() - bindparam("within"),
    )
    .order_by(JOBS.c.ended.desc())
    .limit(bindparam("most"))
)
_WAITING = (
    select(JOBS.c.id, JOBS.c.tenant_id, JOBS.c.created)
    .where(has_status(JobStatus.QUEUED))
    .order_by(JOBS.c.created, JOBS.c.seq)
    .limit(1)
)
_w = WORKERS.c
_WORKERS = select(_w.name, (db_now() - _w.beat_at).label("age"), _w.jobs, _w.concurrency, _w.version).order_by(_w.name)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Timing:
    """The duration of a successful step: the product of its module, its action, and the seconds that it took."""

    product: str
    action: str
    seconds: float

    @classmethod
    def of(cls, module_id: str, action: str, started: float, ended: float) -> Timing:
        """The timing of a step with those columns."""
        return cls(product=product_of(module_id), action=action, seconds=max(0.0, ended - started))


def product_of(module_id: str) -> str:
    """The module's name without its version."""
    return ModuleId.parse(module_id).product


def succeeded_since(steps: FromClause, since: ColumnElement[float]) -> ColumnElement[bool]:
    """The condition on steps of which timings are taken: those that succeeded in this run, not before a retry."""
    c = steps.c
    return and_(c.status == StepStatus.DONE.value, c.started.is_not(None), c.ended >= since)


class UnwrittenTimings:
    """Timings that are not yet in the database, kept in memory between heartbeats. Safe for threads and greenlets.

    Otherwise three hundred jobs that end at once would wait for each other on the row of a module. A killed process
    loses its timings; they only serve for estimates.
    """

    def __init__(self) -> None:
        self._known: dict[Key, Durations] = {}
        self._written = 0.0

    def add(self, timings: Iterable[Timing]) -> None:
        """Adds the timings of single steps."""
        self.merge(
            ((one.product, one.action), Durations(count=1, mean=one.seconds, longest=one.seconds)) for one in timings
        )

    def merge(self, more: Iterable[tuple[Key, Durations]]) -> None:
        """Adds the combined timings of several steps."""
        for key, one in more:
            known = self._known.get(key)
            self._known[key] = one if known is None else _together(known, one)

    def due(self, now: float) -> bool:
        """Whether more than a second has passed since this was last true. `now` is in seconds of a monotonic clock."""
        if now - self._written < 1.0:
            return False
        self._written = now
        return True

    def take(self) -> Mapping[Key, Durations]:
        """Removes and returns all timings."""
        known, self._known = self._known, {}
        return known


def _together(one: Durations, other: Durations) -> Durations:
    count = one.count + other.count
    mean = one.mean + (other.mean - one.mean) * other.count / count
    return Durations(count=count, mean=mean, longest=max(one.longest, other.longest))


def record_timings(connection: Connection, timings: Mapping[Key, Durations]) -> None:
    """Adds timings to the stored ones, in the order of the keys, so that concurrent processes do not deadlock."""
    rows = [
        {"product": product, "action": action, "count": one.count, "mean": one.mean, "longest": one.longest}
        for (product, action), one in sorted(timings.items())
    ]
    _RECORD.run(connection, rows)


def durations(connection: Connection, products: Collection[str]) -> dict[Key, Durations]:
    """How long steps took before, by product and action."""
    return {
        (row["product"], row["action"]): Durations(count=row["count"], mean=row["mean"], longest=row["longest"])
        for row in connection.execute(_SEEN, {"products": sorted(products)}).mappings()
    }


def add_counts(connection: Connection, deltas: Mapping[CountKey, float]) -> None:
    """Adds to the counters. Rows are locked in a fixed order, so that concurrent processes do not deadlock."""
    rows = [
        {"name": name, "labels": orjson.dumps(labels).decode(), "value": value}
        for (name, labels), value in sorted(deltas.items())
    ]
    _COUNT.run(connection, rows)


def counts(connection: Connection) -> dict[CountKey, float]:
    """All counters. They only grow, and do not depend on which jobs still exist."""
    return {
        (row.name, tuple((key, text) for key, text in orjson.loads(row.labels))): row.value
        for row in connection.execute(_COUNTS)
    }


def census(connection: Connection) -> Census:
    """The current numbers of jobs, steps and workers."""
    jobs = dict.fromkeys(JobStatus, 0)
    jobs.update((JobStatus(row.status), row.jobs) for row in connection.execute(_JOBS))
    oldest = connection.scalar(_OLDEST)
    running = connection.execute(_RUNNING_STEPS).all()
    return Census(
        jobs=jobs,
        waiting=jobs[JobStatus.QUEUED],
        oldest_waiting=None if oldest is None else max(0.0, oldest),
        running_steps=len(running),
        slow_steps=len(_slow(connection, running)),
        workers=workers(connection),
    )


def workers(connection: Connection) -> tuple[WorkerInfo, ...]:
    """The worker processes by name."""
    return tuple(
        WorkerInfo(
            name=worker_name(row.name),
            age=max(0.0, row.age),
            jobs=row.jobs,
            concurrency=row.concurrency,
            version=row.version,
        )
        for row in connection.execute(_WORKERS)
    )


def slow_jobs(connection: Connection) -> frozenset[str]:
    """The jobs with a step that takes longer than its product ever took."""
    return frozenset(step.id for step in _slow(connection, connection.execute(_RUNNING_STEPS).all()))


def troubles(connection: Connection, failed_within: float, most: int) -> list[Trouble]:
    """Jobs that somebody should look at."""
    failed = connection.execute(_FAILED, {"within": failed_within, "most": most})
    slow = _slow(connection, connection.execute(_RUNNING_STEPS).all())
    slow.sort(key=lambda step: -float(step.started))
    return [
        *(Trouble(kind=TroubleKind.FAILED, tenant=j.tenant_id, job_id=j.id, since=j.ended) for j in failed),
        *(
            Trouble(kind=TroubleKind.SLOW, tenant=s.tenant_id, job_id=s.id, since=s.started, module=s.module_id)
            for s in slow[:most]
        ),
        *(
            Trouble(kind=TroubleKind.WAITING, tenant=j.tenant_id, job_id=j.id, since=j.created)
            for j in connection.execute(_WAITING)
        ),
    ]


def _slow(connection: Connection, running: Sequence[AnyRow]) -> list[AnyRow]:
    """Those of the running steps that have been running longer than their product ever took."""
    known = durations(connection, {product_of(step.module_id) for step in running})
    seen = [(step, known.get((product_of(step.module_id), step.action))) for step in running]
    return [step for step, one in seen if one is not None and step.age is not None and step.age > one.slow_after]
