"""Jobs as clients see to them: submitted, aborted, retried. What a worker does with them is in claims.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError

from okapi_install.adapters.store.adding import add_at_once
from okapi_install.adapters.store.claims import ending, ending_values
from okapi_install.adapters.store.clock import db_now
from okapi_install.adapters.store.documents import dump_edges, dump_headers, dump_options, dump_request
from okapi_install.adapters.store.endings import ABORTED, check_retry
from okapi_install.adapters.store.registry import HEAD
from okapi_install.adapters.store.rows import JOB_COLUMNS, AnyRow, job_of, steps_by_job
from okapi_install.adapters.store.steps import insert_steps, replace_steps
from okapi_install.adapters.store.tables import ENABLED, JOBS, TENANTS
from okapi_install.adapters.store.transactions import StorePart, glance, snapshot, write
from okapi_install.adapters.store.turns import VISIBLE, has_status
from okapi_install.domain.errors import KeyReused, NotFound, TooManyJobs
from okapi_install.domain.jobs import ACTIVE, Job, JobKind, JobStatus, Step
from okapi_install.domain.messages import message
from okapi_install.service.ports import Aborted, Ending, JobRef, NewJob, TenantState

_j = JOBS.c
_HERE = _j.id == bindparam("job_id")
_OF_TENANT = _j.tenant_id == bindparam("of_tenant")

_TENANT = select(TENANTS.c.id).where(TENANTS.c.id == bindparam("of_tenant"))
_LOCK_TENANT = _TENANT.with_for_update(key_share=True)
"""Jobs of a tenant are added one after the other, so that the order of `seq` is that of the commits."""

_STATE = union_all(
    select(literal("tenant").label("kind"), TENANTS.c.id.label("value")).where(TENANTS.c.id == bindparam("of_tenant")),
    select(literal("enabled"), ENABLED.c.module_id).where(ENABLED.c.tenant_id == bindparam("of_tenant")),
    select(literal("ahead"), cast(_j.seq, Text)).where(
        _OF_TENANT, or_(has_status(JobStatus.QUEUED), has_status(JobStatus.RUNNING))
    ),
    select(literal("registry"), cast(HEAD.scalar_subquery(), Text)),
)
"""All that a plan needs, in one round trip."""

_WAITING = select(func.count()).where(_OF_TENANT, has_status(JobStatus.QUEUED))
_BY_KEY = select(*JOB_COLUMNS, _j.request_digest).where(_OF_TENANT, _j.idempotency_key == bindparam("key"))
_INSERT = insert(JOBS).values(created=db_now(), published_at=db_now()).returning(_j.seq, _j.created)
_CREATED = select(_j.created).where(_HERE)
_PUBLISHED = update(JOBS).where(_HERE).values(task_id=bindparam("new_task"), published_at=db_now())

_LOCK = select(_j.seq, _j.tenant_id, _j.kind, _j.status, _j.task_id).where(_HERE, VISIBLE).with_for_update()
_LOCK_OF_TENANT = _LOCK.where(_OF_TENANT)
_AT = _j.seq == bindparam("at_seq")
_HIDE = (
    update(JOBS)
    .where(_AT)
    .values(status=JobStatus.ABORTING.value, keep_on_abort=bindparam("keep"), revision=_j.revision + 1)
)
_REMOVE = delete(JOBS).where(_AT)
_END_QUEUED = ending(update(JOBS).where(_HERE, has_status(JobStatus.QUEUED)))
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
        keep_on_abort=False,
        **dict.fromkeys(("started", "ended", "message", "error_status", "reason", "swept_at"), null()),
        callback_state=null(),
        callback_due=null(),
    )
    .returning(*JOB_COLUMNS)
)


class JobPart(StorePart):
    """Submitting, aborting and retrying."""

    def tenant_state(self, tenant_id: str) -> TenantState:
        """See JobStore.tenant_state. The jobs ahead may move on between the statements: a plan is only a guess, and
        is checked when the job is claimed.
        """
        found = self._tenant_state(tenant_id)
        if not found["tenant"]:
            raise NotFound(tenant_id)
        ahead = sorted(map(int, found["ahead"]))
        steps = self._steps_of(ahead) if ahead else {}
        return TenantState(
            enabled=frozenset(found["enabled"]),
            ahead=tuple(steps.get(seq, ()) for seq in ahead),
            registry_seq=int(found["registry"][0]),
        )

    @glance
    def _tenant_state(self, connection: Connection, tenant_id: str) -> dict[str, list[str]]:
        """The values of _STATE by their kind."""
        found = defaultdict(list)
        for kind, value in connection.execute(_STATE, {"of_tenant": tenant_id}):
            found[kind].append(value)
        return found

    @glance
    def _steps_of(self, connection: Connection, seqs: Sequence[int]) -> dict[int, tuple[Step, ...]]:
        return steps_by_job(connection, seqs)

    def add_job(self, job: NewJob, *, most_waiting: int) -> Job:
        """See JobStore.add_job."""
        created = self._add_quickly(job, most_waiting)
        if created is not None:
            return _as_queued(job, created)
        return self._add_job(job, most_waiting=most_waiting)

    def _add_quickly(self, job: NewJob, most_waiting: int) -> float | None:
        """When it was added; None if it was not."""
        if job.idempotency_key is not None or not self.database.at_once:
            return None
        try:
            return self._add_at_once(job, most_waiting)
        except IntegrityError:  # the connection broke after the commit, and the statement was tried again
            return self._created(job.id)

    @glance
    def _add_at_once(self, connection: Connection, job: NewJob, most_waiting: int) -> float | None:
        return add_at_once(connection, job, _columns(job), most_waiting)

    @glance
    def _created(self, connection: Connection, job_id: str) -> float | None:
        return connection.scalar(_CREATED, {"job_id": job_id})

    @write
    def _add_job(self, connection: Connection, job: NewJob, *, most_waiting: int) -> Job:
        _require_tenant(connection, _LOCK_TENANT, job.tenant)
        known = _job_of_key(connection, job.tenant, job.idempotency_key, job.request_digest)
        if known is not None:
            return known
        if connection.execute(_WAITING, {"of_tenant": job.tenant}).scalar_one() >= most_waiting:
            raise TooManyJobs(message(20500, job.tenant, most_waiting))
        seq, created = connection.execute(_INSERT, _columns(job)).one()
        insert_steps(connection, seq, job.steps)
        return _as_queued(job, created)

    @snapshot
    def job_of_key(self, connection: Connection, tenant_id: str, key: str, request_digest: str) -> Job | None:
        """See JobStore.job_of_key."""
        return _job_of_key(connection, tenant_id, key, request_digest)

    @write
    def published(self, connection: Connection, job_id: str, task_id: str) -> None:
        """See JobStore.published."""
        connection.execute(_PUBLISHED, {"job_id": job_id, "new_task": task_id})

    @write
    def abort(self, connection: Connection, job_id: str, *, keep: bool, tenant_id: str | None = None) -> Aborted:
        """See JobStore.abort. The lock on the job's row decides a race with a claim or with the job's end."""
        row = _locked(connection, job_id, tenant_id)
        was = JobStatus(row.status)
        active = was in ACTIVE
        if active:
            connection.execute(_HIDE, {"at_seq": row.seq, "keep": keep})
        elif not keep:
            connection.execute(_REMOVE, {"at_seq": row.seq})
        elif was is JobStatus.QUEUED:
            connection.execute(_END_QUEUED, {"job_id": job_id, **ending_values(ABORTED)})
        ref = JobRef(id=job_id, tenant=row.tenant_id, kind=JobKind(row.kind), task_id=row.task_id if active else None)
        return Aborted(job=ref, was=was)

    @write
    def end_queued(self, connection: Connection, job_id: str, ending: Ending) -> bool:
        """See JobStore.end_queued."""
        return connection.execute(_END_QUEUED, {"job_id": job_id, **ending_values(ending)}).rowcount > 0

    @write
    def retry(
        self, connection: Connection, job_id: str, steps: Sequence[Step], headers: Mapping[str, str], task_id: str
    ) -> Job:
        """See JobStore.retry. The job keeps its place: it runs before jobs that were submitted after it."""
        row = _locked(connection, job_id, None)
        check_retry(job_id, JobStatus(row.status))
        wanted = {"at_seq": row.seq, "new_headers": dump_headers(headers), "new_task": task_id}
        changed = connection.execute(_RETRY, wanted).one()
        replace_steps(connection, row.seq, steps, changed.revision)
        return job_of(connection, changed)


def _require_tenant(connection: Connection, statement: Any, tenant_id: str) -> None:
    if connection.scalar(statement, {"of_tenant": tenant_id}) is None:
        raise NotFound(tenant_id)


def _job_of_key(connection: Connection, tenant: str, key: str | None, digest: str | None) -> Job | None:
    """The job that came before with the same key, if any. Raises KeyReused."""
    if key is None:
        return None
    row = connection.execute(_BY_KEY, {"of_tenant": tenant, "key": key}).one_or_none()
    if row is None:
        return None
    if row.request_digest != digest:
        raise KeyReused(message(20501, key))
    return job_of(connection, row)


def _locked(connection: Connection, job_id: str, tenant_id: str | None) -> AnyRow:
    statement = _LOCK if tenant_id is None else _LOCK_OF_TENANT
    row = connection.execute(statement, {"job_id": job_id, "of_tenant": tenant_id}).one_or_none()
    if row is None:
        raise NotFound(job_id)
    return row


def _columns(job: NewJob) -> dict[str, object]:
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


def _as_queued(job: NewJob, created: float) -> Job:
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
