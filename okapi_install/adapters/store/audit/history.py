"""The events of jobs. They are added in the commit of what they tell, and never changed.

An event is numbered within the revision that its commit gives to the job. Whoever writes that holds the job's row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Double, bindparam, func, insert, select

from okapi_install.adapters.store.expressions import VISIBLE, db_now
from okapi_install.adapters.store.queries import HERE, found
from okapi_install.adapters.store.rows import AnyRow, change_from, dump_problems, load_problems, storable
from okapi_install.adapters.store.tables import JOB_EVENTS, JOBS
from okapi_install.domain.history import EventKind, JobEvent
from okapi_install.service.ports import HistoryFilter, HistoryPage

_e = JOB_EVENTS.c
EVENT_COLUMNS = tuple(column.name for column in JOB_EVENTS.columns if column.name not in ("job_seq", "revision"))
"""The columns of an event that are parameters: those of `event_rows`."""

_ADD = insert(JOB_EVENTS).values(at=func.coalesce(bindparam("moment", type_=Double()), db_now()))
_SEQ = select(JOBS.c.seq).where(HERE, VISIBLE)


def event_rows(events: Sequence[JobEvent]) -> list[dict[str, object]]:
    """The columns of the events of one commit, in their order; `at` is None for the moment of the commit."""
    return [{"number": number, **_columns(event)} for number, event in enumerate(events)]


def _columns(event: JobEvent) -> dict[str, object]:
    change = event.change
    return {
        "at": event.at,
        "kind": event.kind.value,
        "requester": storable(event.by),
        "worker": event.worker,
        "module_id": change and change.id,
        "action": change and change.action.value,
        "from_id": change and change.from_id,
        "attempt": event.attempt,
        "message": storable(event.message),
        "errors": dump_problems(event.errors),
        "warnings": dump_problems(event.warnings),
    }


def add_events(connection: Connection, seq: int, revision: int, events: Sequence[JobEvent]) -> None:
    """Adds the events of the commit that makes that revision of the job with that `seq`."""
    if events:
        connection.execute(_ADD, _new_rows(seq, revision, events))


def add_first_events(connection: Connection, events: Mapping[int, JobEvent]) -> None:
    """Adds the event with which each of several new jobs begins, by the jobs' `seq`."""
    connection.execute(_ADD, [row for seq, event in events.items() for row in _new_rows(seq, 0, [event])])


def _new_rows(seq: int, revision: int, events: Sequence[JobEvent]) -> list[dict[str, object]]:
    return [{"job_seq": seq, "revision": revision, "moment": row.pop("at"), **row} for row in event_rows(events)]


def history(connection: Connection, job_id: str, which: HistoryFilter) -> HistoryPage:
    """Events of one job, oldest first. Raises NotFound."""
    seq = found(connection, _SEQ, job_id, None).seq
    conditions: list[ColumnElement[bool]] = [_e.job_seq == seq]
    if which.kinds is not None:
        conditions.append(_e.kind.in_(sorted(which.kinds)))
    total = connection.scalar(select(func.count()).select_from(JOB_EVENTS).where(*conditions))
    place = (_e.revision, _e.number)
    order = [column.desc() for column in place] if which.newest else place
    rows = connection.execute(
        select(JOB_EVENTS).where(*conditions).order_by(*order).limit(which.limit).offset(which.offset)
    ).all()
    events = map(_event, reversed(rows) if which.newest else rows)
    # If a connection breaks right after a commit, the same progress is committed twice.
    return HistoryPage(events=tuple(dict.fromkeys(events)), total=total or 0)


def _event(row: AnyRow) -> JobEvent:
    return JobEvent(
        kind=EventKind(row.kind),
        at=row.at,
        by=row.requester,
        worker=row.worker,
        change=None if row.module_id is None else change_from(row.module_id, row.action, row.from_id),
        attempt=row.attempt,
        message=row.message,
        errors=load_problems(row.errors),
        warnings=load_problems(row.warnings),
    )
