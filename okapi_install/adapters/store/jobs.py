"""Jobs as clients change them: submitted, aborted, retried. The operations of workers are in claims.py."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, null, select, update

from okapi_install.adapters.store.audit.history import add_events, add_first_events
from okapi_install.adapters.store.claims import ended, ending, ending_values
from okapi_install.adapters.store.expressions import VISIBLE, db_now, has_status
from okapi_install.adapters.store.queries import HERE, OF_TENANT, found, job_of_key
from okapi_install.adapters.store.rows import (
    JOB_COLUMNS,
    dump_edges,
    dump_headers,
    dump_options,
    dump_request,
    insert_steps,
    insert_steps_of,
    job_of,
    replace_steps,
)
from okapi_install.adapters.store.tables import JOBS, TENANTS
from okapi_install.domain import messages
from okapi_install.domain.errors import NotFound, OkapiInstallError, TooManyJobs
from okapi_install.domain.history import RETRIED, EventKind, JobEvent
from okapi_install.domain.jobs import ACTIVE, COMPLETE, Job, JobKind, JobStatus, Step, check_retry
from okapi_install.service.ports import ABORTED, Aborted, Ending, JobRef, NewJob

_j = JOBS.c

LOCK_TENANT = select(TENANTS.c.id).where(TENANTS.c.id == bindparam("of_tenant")).with_for_update(key_share=True)
"""Serialises adding jobs of a tenant, so that `seq` has the order of the commits."""

WAITING = select(func.count().label("jobs")).where(OF_TENANT, has_status(JobStatus.QUEUED))
_INSERT = insert(JOBS).values(created=db_now(), published_at=db_now()).returning(_j.seq, _j.created)
_LOCK_TENANTS = (
    select(TENANTS.c.id)
    .where(TENANTS.c.id.in_(bindparam("tenants", expanding=True)))
    .order_by(TENANTS.c.id)
    .with_for_update(key_share=True)
)
_WAITING_OF = (
    select(_j.tenant_id, func.count().label("jobs"))
    .where(_j.tenant_id.in_(bindparam("tenants", expanding=True)), has_status(JobStatus.QUEUED))
    .group_by(_j.tenant_id)
)
_INSERT_ALL = insert(JOBS).values(created=db_now(), published_at=db_now()).returning(_j.seq, _j.id)

_LOCK = select(_j.seq, _j.tenant_id, _j.kind, _j.status, _j.task_id).where(HERE, VISIBLE).with_for_update()
_LOCK_OF_TENANT = _LOCK.where(OF_TENANT)
_AT = _j.seq == bindparam("at_seq")
_HIDE = (
    update(JOBS)
    .where(_AT)
    .values(status=JobStatus.ABORTING.value, keep_on_abort=bindparam("keep"), revision=_j.revision + 1)
    .returning(_j.revision)
)
_REMOVE = delete(JOBS).where(_AT)
_END_QUEUED = ending(update(JOBS).where(HERE, has_status(JobStatus.QUEUED))).returning(_j.seq, _j.revision)
_RETRY = (
    update(JOBS)
    .where(_AT)
    .values(
        status=JobStatus.QUEUED.value,
        retries=_j.retries + 1,
        revision=_j.revision + 1,
        headers=bindparam("new_headers"),
        task_id=bindparam("new_task"),
        published_at=db_now(),
        publish_count=0,
        takeovers=0,
        takeover_ended=0,
        keep_on_abort=False,
        **dict.fromkeys(("started", "ended", "message", "error_type", "reason", "warnings", "swept_at"), null()),
        callback_due=null(),
    )
    .returning(*JOB_COLUMNS)
)


def add(connection: Connection, job: NewJob, most_waiting: int) -> Job:
    """Adds the job as queued, or returns the one that was added earlier with the same key.

    Raises:
        NotFound: there is no such tenant.
        TooManyJobs: the tenant has `most_waiting` jobs queued already.
        KeyReused: the key was used with another digest.
    """
    if connection.scalar(LOCK_TENANT, {"of_tenant": job.tenant}) is None:
        raise NotFound(job.tenant)
    known = job_of_key(connection, job.tenant, job.idempotency_key, job.request_digest)
    if known is not None:
        return known
    if connection.execute(WAITING, {"of_tenant": job.tenant}).scalar_one() >= most_waiting:
        raise TooManyJobs(messages.tenant_queue_full(job.tenant, most_waiting))
    added = connection.execute(_INSERT, columns_of(job)).one()
    insert_steps(connection, added.seq, job.steps)
    add_events(connection, added.seq, 0, [requested(job)])
    return as_queued(job, added.created)


def refusals(connection: Connection, tenants: Collection[str], most_waiting: int) -> dict[str, OkapiInstallError]:
    """Why some of the tenants can have no further job, as `add` says it. The tenants stay locked for `add_all`."""
    given = {"tenants": sorted(tenants)}
    known = set(connection.scalars(_LOCK_TENANTS, given))
    found: dict[str, OkapiInstallError] = {name: NotFound(name) for name in tenants if name not in known}
    for row in connection.execute(_WAITING_OF, given):
        if row.jobs >= most_waiting:
            found.setdefault(row.tenant_id, TooManyJobs(messages.tenant_queue_full(row.tenant_id, most_waiting)))
    return found


def add_all(connection: Connection, added: Sequence[NewJob]) -> None:
    """Adds jobs without idempotency keys, one for a tenant, that `refusals` did not name: a few statements in all."""
    rows = connection.execute(_INSERT_ALL, [columns_of(job) for job in added])
    seqs = {row.id: row.seq for row in rows}
    insert_steps_of(connection, {seqs[job.id]: job.steps for job in added})
    add_first_events(connection, {seqs[job.id]: requested(job) for job in added})


def requested(job: NewJob) -> JobEvent:
    """The first event of a job."""
    return JobEvent(kind=EventKind.REQUESTED, by=job.requested_by)


def abort(
    connection: Connection, job_id: str, *, keep: bool, tenant_id: str | None = None, by: str | None = None
) -> Aborted:
    """Removes or ends the job, or hides it until its worker has cleaned up. Raises NotFound.

    The lock on the job's row decides a race with a claim or with the job's end.
    """
    row = found(connection, _LOCK if tenant_id is None else _LOCK_OF_TENANT, job_id, tenant_id)
    was = JobStatus(row.status)
    active = was in ACTIVE
    if active:
        revision = connection.execute(_HIDE, {"at_seq": row.seq, "keep": keep}).scalar_one()
        add_events(connection, row.seq, revision, [JobEvent(kind=EventKind.ABORT_REQUESTED, by=by)])
    elif not keep:
        connection.execute(_REMOVE, {"at_seq": row.seq})
    elif was is JobStatus.QUEUED:
        end_queued(connection, job_id, ABORTED, by)
    task = None if was in COMPLETE else row.task_id
    ref = JobRef(id=job_id, tenant=row.tenant_id, kind=JobKind(row.kind), task_id=task)
    return Aborted(job=ref, was=was)


def end_queued(connection: Connection, job_id: str, ending: Ending, by: str | None = None) -> bool:
    """Ends a job if it is still queued. Returns whether it was."""
    row = connection.execute(_END_QUEUED, {"job_id": job_id, **ending_values(ending)}).one_or_none()
    if row is None:
        return False
    add_events(connection, row.seq, row.revision, [ended(ending, by)])
    return True


def retry(
    connection: Connection,
    job_id: str,
    steps: Sequence[Step],
    headers: Mapping[str, str],
    task_id: str,
    event: JobEvent = RETRIED,
) -> Job:
    """Queues a failed job again. It keeps its place: it runs before jobs that were submitted after it.

    Raises:
        NotFound: there is no such job.
        UserError: it is not at an end that can be retried.
    """
    row = found(connection, _LOCK, job_id, None)
    check_retry(job_id, JobStatus(row.status))
    values = {"at_seq": row.seq, "new_headers": dump_headers(headers), "new_task": task_id}
    changed = connection.execute(_RETRY, values).one()
    replace_steps(connection, row.seq, steps, changed.revision)
    add_events(connection, row.seq, changed.revision, [event])
    return job_of(connection, changed)


def columns_of(job: NewJob) -> dict[str, Any]:
    """The columns of a new job that are parameters; the others have defaults."""
    return {
        "id": job.id,
        "tenant_id": job.tenant,
        "kind": job.kind.value,
        "status": JobStatus.QUEUED.value,
        "options": dump_options(job.options),
        "request": dump_request(job.request),
        "edges": dump_edges(job.edges),
        "assumed": job.assumed,
        "requested_by": job.requested_by,
        "headers": dump_headers(job.headers),
        "callback_url": job.callback_url,
        "idempotency_key": job.idempotency_key,
        "request_digest": job.request_digest,
        "task_id": job.task_id,
    }


def as_queued(job: NewJob, created: float) -> Job:
    """The job as it is after it was added."""
    return Job(
        id=job.id,
        tenant=job.tenant,
        kind=job.kind,
        status=JobStatus.QUEUED,
        options=job.options,
        request=job.request,
        steps=job.steps,
        edges=job.edges,
        created=created,
        assumed=job.assumed,
        requested_by=job.requested_by,
        task_id=job.task_id,
        callback_url=job.callback_url,
    )
