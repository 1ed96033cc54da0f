"""The operations of a worker on a job that it owns. Every write names owner, epoch and status; a stale write fails.

The races of claim, save, end and abort are decided by the row of the job: see docs/decisions/0001.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from sqlalchemy import Connection, Update, bindparam, case, delete, func, null, select, update

from okapi_install.adapters.store.audit.history import add_events
from okapi_install.adapters.store.expressions import OWNED, db_now, has_status, is_active, replacing, turn_has_come
from okapi_install.adapters.store.metrics import Timing, product_of, succeeded_since
from okapi_install.adapters.store.rows import (
    JOB_COLUMNS,
    REF_COLUMNS,
    AnyRow,
    dump_edges,
    dump_problems,
    job_of,
    load_headers,
    ref_from,
    replace_steps,
    steps_of,
    storable,
    update_steps,
)
from okapi_install.adapters.store.tables import JOBS, LEFTOVERS, STEPS
from okapi_install.adapters.store.tenants import disable, enable, enabled_of
from okapi_install.domain.errors import LostJob
from okapi_install.domain.history import EventKind, JobEvent, end_event, step_event
from okapi_install.domain.jobs import Job, JobStatus, Problem, Step, StepStatus
from okapi_install.service.ports import ABORTED, NO_PROGRESS, Claim, Ending, JobRef, Progress

Finished: TypeAlias = tuple[JobRef | None, list[Timing]]
"""The tenant's next job, and the durations of the successful steps."""

_j, _l = JOBS.c, LEFTOVERS.c

_TAKE = (
    update(JOBS)
    .where(_j.id == bindparam("job_id"))
    .values(
        owner=bindparam("worker"),
        epoch=_j.epoch + 1,
        revision=_j.revision + 1,
        lease_until=db_now() + bindparam("lease"),
        started=func.coalesce(_j.started, db_now()),
        first_started=func.coalesce(_j.first_started, db_now()),
        task_id=func.coalesce(bindparam("new_task"), _j.task_id),
        swept_at=null(),
        publish_count=0,
    )
    .returning(*JOB_COLUMNS, _j.headers, _j.takeovers)
)
TAKE_QUEUED = _TAKE.where(has_status(JobStatus.QUEUED), turn_has_come(JOBS)).values(status=JobStatus.RUNNING.value)
"""Claims a queued job whose turn has come. Its parameters come from `wanted`."""
_ENDED_STEPS = (
    select(func.count())
    .where(STEPS.c.job_seq == _j.seq, STEPS.c.status.in_([StepStatus.DONE.value, StepStatus.ERROR.value]))
    .scalar_subquery()
)
_TAKE_OVER = _TAKE.where(is_active(), _j.lease_until < db_now()).values(
    takeovers=case((_j.takeover_ended < _ENDED_STEPS, 1), else_=_j.takeovers + 1), takeover_ended=_ENDED_STEPS
)
"""It counts how often a job was taken over without a step having ended meanwhile."""

RUNNING = update(JOBS).where(OWNED, has_status(JobStatus.RUNNING))
"""Changes a running job under its claim. Its parameters come from `holding`."""
SAVE = RUNNING.values(revision=_j.revision + 1)
_SAVE = SAVE.returning(_j.seq, _j.revision)
_REPLAN = SAVE.values(edges=bindparam("new_edges"), assumed=bindparam("new_assumed")).returning(_j.seq, _j.revision)
_WARN = SAVE.values(warnings=bindparam("new_warnings")).returning(_j.seq, _j.revision)
_RELEASE = SAVE.values(
    status=JobStatus.QUEUED.value,
    owner=null(),
    lease_until=null(),
    published_at=0.0,
    publish_count=0,
).returning(_j.seq, _j.revision)
_STANDING = select(_j.status).where(OWNED, is_active())

_DELETE = delete(JOBS).where(_j.seq == bindparam("at_seq"))
_NEXT = (
    select(*REF_COLUMNS)
    .where(_j.tenant_id == bindparam("of_tenant"), has_status(JobStatus.QUEUED))
    .order_by(_j.seq)
    .limit(1)
)
_SUCCEEDED = select(STEPS.c.module_id, STEPS.c.action, STEPS.c.started, STEPS.c.ended).where(
    STEPS.c.job_seq == bindparam("at_seq"), succeeded_since(STEPS, bindparam("since"))
)

_NOTE = replacing(LEFTOVERS)
_CLEAR = delete(LEFTOVERS).where(
    _l.tenant_id == bindparam("of_tenant"), _l.product.in_(bindparam("products", expanding=True))
)
_LEFT = select(_l.module_id, _l.text).where(_l.tenant_id == bindparam("of_tenant"))


def ending(statement: Update) -> Update:
    """The statement, extended to end the job and clear its headers. Its parameters come from `ending_values`."""
    with_url = _j.callback_url.is_not(None)
    return statement.values(
        status=bindparam("end_status"),
        message=bindparam("end_message"),
        error_type=bindparam("end_error_type"),
        reason=bindparam("end_reason"),
        ended=db_now(),
        revision=_j.revision + 1,
        owner=null(),
        lease_until=null(),
        headers=null(),
        callback_attempts=0,
        callback_due=case((with_url, db_now())),
    )


FINISH = ending(RUNNING)
_FINISH = FINISH.returning(_j.seq, _j.revision, _j.started)
_END_ABORT = ending(update(JOBS).where(OWNED, has_status(JobStatus.ABORTING))).returning(
    _j.seq, _j.revision, _j.keep_on_abort, _j.ended
)


def ended(how: Ending, by: str | None = None) -> JobEvent:
    """The event of that end."""
    return end_event(how.status, how.reason, how.message, by)


def ending_values(how: Ending) -> dict[str, object]:
    """The parameters of a statement made by `ending`."""
    return {
        "end_status": how.status.value,
        "end_message": storable(how.message),
        "end_error_type": how.error_type and how.error_type.value,
        "end_reason": how.reason and how.reason.value,
    }


def wanted(job_id: str, worker: str, task_id: str | None, lease: float) -> dict[str, Any]:
    """The parameters of a statement that claims a job."""
    return {"job_id": job_id, "worker": worker, "new_task": task_id, "lease": lease}


def claim(connection: Connection, job_id: str, worker: str, task_id: str | None, lease: float) -> Claim | None:
    """The claim of a queued job, or of one whose lease has expired; None if it cannot be claimed.

    Raises IntegrityError if another job of the tenant became active between the check and the write.
    """
    values = wanted(job_id, worker, task_id, lease)
    queued = connection.execute(TAKE_QUEUED, values).one_or_none()
    if queued is None:
        return take_over(connection, values)
    add_events(connection, queued.seq, queued.revision, [JobEvent(kind=EventKind.CLAIMED, worker=worker)])
    return _claim_with_all(connection, queued, values)


def take_over(connection: Connection, values: Mapping[str, Any]) -> Claim | None:
    """The claim of a job whose lease has expired. The job is read after it was claimed, as its former worker may commit
    a step while this one waits for the row.
    """
    row = connection.execute(_TAKE_OVER, values).one_or_none()
    if row is None:
        return None
    event = JobEvent(kind=EventKind.TAKEN_OVER, worker=values["worker"])
    add_events(connection, row.seq, row.revision, [event])
    return replace(_claim_with_all(connection, row, values), taken_over=True)


def _claim_with_all(connection: Connection, row: AnyRow, values: Mapping[str, Any]) -> Claim:
    left = connection.execute(_LEFT, {"of_tenant": row.tenant_id})
    return claim_from(
        row,
        job_of(connection, row),
        values,
        enabled=enabled_of(connection, row.tenant_id),
        unfinished_work={module.module_id: module.text for module in left},
    )


def claim_from(
    row: AnyRow,
    job: Job,
    values: Mapping[str, Any],
    *,
    enabled: Iterable[str],
    unfinished_work: Mapping[str, str],
    registry_seq: int | None = None,
) -> Claim:
    """The claim for the row of a job that was just claimed with those parameters."""
    return Claim(
        job=job,
        worker=values["worker"],
        epoch=row.epoch,
        now=row.lease_until - values["lease"],
        enabled=frozenset(enabled),
        headers=load_headers(row.headers),
        takeovers=row.takeovers,
        aborting=row.status == JobStatus.ABORTING.value,
        unfinished_work=unfinished_work,
        registry_seq=registry_seq,
    )


def save(connection: Connection, claim: Claim, progress: Progress) -> int:
    """Writes progress, and returns the new revision. Raises LostJob."""
    row = guarded(connection, _SAVE, claim)
    _write_progress(connection, claim, row, progress)
    return int(row.revision)


def replan(
    connection: Connection, claim: Claim, steps: Sequence[Step], edges: Sequence[tuple[int, int]], assumed: str
) -> None:
    """Replaces all steps, stamped with the new revision. Raises LostJob."""
    row = guarded(connection, _REPLAN, claim, {"new_edges": dump_edges(edges), "new_assumed": assumed})
    replace_steps(connection, row.seq, steps, row.revision)
    add_events(connection, row.seq, row.revision, [JobEvent(kind=EventKind.REPLANNED)])


def warn(connection: Connection, claim: Claim, warnings: Sequence[Problem], events: Sequence[JobEvent] = ()) -> None:
    """Replaces the warnings about the job as a whole. Raises LostJob."""
    row = guarded(connection, _WARN, claim, {"new_warnings": dump_problems(warnings)})
    add_events(connection, row.seq, row.revision, events)


def finish(connection: Connection, claim: Claim, how: Ending, progress: Progress) -> Finished:
    """Writes progress and ends the job. Raises LostJob."""
    row = guarded(connection, _FINISH, claim, ending_values(how))
    _write_progress(connection, claim, row, with_end(progress, how))
    steps = connection.execute(_SUCCEEDED, {"at_seq": row.seq, "since": row.started})
    timings = sorted(Timing.of(step.module_id, step.action, step.started, step.ended) for step in steps)
    clear_leftovers(connection, claim.job.tenant, timings)
    return next_job(connection, claim.job.tenant), timings


def with_end(progress: Progress, how: Ending) -> Progress:
    """The last progress of a job, with the event of its end."""
    return replace(progress, events=(*progress.events, ended(how)))


def end_abort(
    connection: Connection, claim: Claim, leftovers: Mapping[str, str], progress: Progress = NO_PROGRESS
) -> JobRef | None:
    """Removes an aborted job, or ends it if its info is kept. Returns the tenant's next job. Raises LostJob."""
    tenant = claim.job.tenant
    row = guarded(connection, _END_ABORT, claim, ending_values(ABORTED))
    _write_progress(connection, claim, row, replace(progress, events=()))
    if row.keep_on_abort:
        running = [step for step in steps_of(connection, row.seq) if step.status is StepStatus.RUNNING]
        stopped = [step.aborted(row.ended) for step in running]
        update_steps(connection, row.seq, stopped, row.revision)
        events = [step_event(before, after) for before, after in zip(running, stopped, strict=True)]
        add_events(connection, row.seq, row.revision, [*progress.events, *filter(None, events), ended(ABORTED)])
    else:
        connection.execute(_DELETE, {"at_seq": row.seq})
    _note_leftovers(connection, tenant, leftovers)
    return next_job(connection, tenant)


def standing(connection: Connection, claim: Claim) -> JobStatus | None:
    """The job's status if the claim is still valid; else None."""
    status = connection.scalar(_STANDING, holding(claim))
    return None if status is None else JobStatus(status)


def release(connection: Connection, claim: Claim) -> None:
    """Releases a running job, so that another worker can claim it."""
    row = connection.execute(_RELEASE, holding(claim)).one_or_none()
    if row is not None:
        event = JobEvent(kind=EventKind.RELEASED, worker=claim.worker)
        add_events(connection, row.seq, row.revision, [event])


def holding(claim: Claim) -> dict[str, object]:
    """The parameters of OWNED."""
    return {"job_id": claim.job.id, "worker": claim.worker, "held": claim.epoch}


def guarded(connection: Connection, statement: Any, claim: Claim, values: dict[str, object] | None = None) -> AnyRow:
    """The row of a statement that changes the job under its claim. Raises LostJob if it changed nothing."""
    row: AnyRow | None = connection.execute(statement, {**holding(claim), **(values or {})}).one_or_none()
    if row is None:
        raise LostJob(claim.job.id)
    return row


def next_job(connection: Connection, tenant: str) -> JobRef | None:
    """The tenant's next queued job, if any."""
    row = connection.execute(_NEXT, {"of_tenant": tenant}).one_or_none()
    return None if row is None else ref_from(row)


def clear_leftovers(connection: Connection, tenant: str, timings: Sequence[Timing]) -> None:
    """Removes the warnings about modules for which a later job has succeeded."""
    if timings:
        connection.execute(_CLEAR, {"of_tenant": tenant, "products": sorted({one.product for one in timings})})


def _note_leftovers(connection: Connection, tenant: str, modules: Mapping[str, str]) -> None:
    """Stores in which modules an aborted job has left something, with the warning for the next job."""
    rows = [
        {"tenant_id": tenant, "module_id": module, "product": product_of(module), "text": words}
        for module, words in modules.items()
    ]
    _NOTE.run(connection, rows)


def _write_progress(connection: Connection, claim: Claim, row: AnyRow, progress: Progress) -> None:
    update_steps(connection, row.seq, progress.steps, row.revision)
    add_events(connection, row.seq, row.revision, progress.events)
    disable(connection, claim.job.tenant, progress.disable)
    enable(connection, claim.job.tenant, progress.enable)
