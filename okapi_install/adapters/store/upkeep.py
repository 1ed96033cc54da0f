"""The maintenance that workers do for all jobs: heartbeats, the sweep for lost jobs, callbacks, removal of old jobs.

There is no leader: the statement that finds work also marks it, so that only one caller gets it.
"""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    null,
    or_,
    select,
    update,
)

from okapi_install.adapters.store.expressions import (
    OWNED,
    db_now,
    has_status,
    is_active,
    is_complete,
    turn_has_come,
    upserting,
)
from okapi_install.adapters.store.rows import JOB_COLUMNS, REF_COLUMNS, jobs_of_rows, ref_from
from okapi_install.adapters.store.tables import JOBS, ROLLOUT_TENANTS, WORKERS
from okapi_install.domain.jobs import Job, JobStatus
from okapi_install.domain.rollouts.rollout import TenantStatus
from okapi_install.service.ports import Beat, JobRef, WorkerAbout

_j = JOBS.c
_found = JOBS.alias("found")
_f = _found.c
_MOST_DOUBLINGS = 3
"""A queued job is published again at least every 8 times `republish_after`."""
_WORKER_FORGOTTEN = 3600.0
_CALLBACK_LEASE = 60.0

_BEAT = (
    update(JOBS)
    .where(_j.owner == bindparam("worker"), is_active())
    .values(lease_until=db_now() + bindparam("lease"))
    .returning(_j.id, _j.epoch, _j.status)
)
_WORKER = upserting(
    WORKERS,
    lambda new: {"beat_at": db_now()} | {name: new[name] for name in ("jobs", "concurrency", "version")},
    ["name"],
    fixed={"beat_at": db_now()},
)
_FORGET_WORKERS = delete(WORKERS).where(WORKERS.c.beat_at < db_now() - _WORKER_FORGOTTEN)
_LEAVE = delete(WORKERS).where(WORKERS.c.name == bindparam("worker"))
_DISOWN = update(JOBS).where(OWNED, is_active()).values(lease_until=0.0)


def _skipping_locked(statement: Select[tuple[int]]) -> Select[tuple[int]]:
    """The statement with row locks that skip rows which another sweeper has locked."""
    return statement.with_for_update(skip_locked=True)


_NOT_SWEPT = or_(_f.swept_at.is_(None), _f.swept_at <= db_now() - bindparam("lease"))
_EXPIRED = select(_f.seq).where(is_active(_found), _f.lease_until < db_now(), _NOT_SWEPT)
_SWEEP_EXPIRED = (
    update(JOBS).where(_j.seq.in_(_skipping_locked(_EXPIRED))).values(swept_at=db_now()).returning(*REF_COLUMNS)
)
_WAIT: ColumnElement[float] = bindparam("republish_after") * (select(1).scalar_subquery().op("<<")(_f.publish_count))
_UNHEARD = select(_f.seq).where(
    has_status(JobStatus.QUEUED, _found), _f.published_at + _WAIT <= db_now(), turn_has_come(_found)
)
_REPUBLISH = (
    update(JOBS)
    .where(_j.seq.in_(_skipping_locked(_UNHEARD)))
    .values(
        published_at=db_now(),
        publish_count=case((_j.publish_count < _MOST_DOUBLINGS, _j.publish_count + 1), else_=_j.publish_count),
    )
    .returning(*REF_COLUMNS)
)
_DUE = select(_f.seq).where(_f.callback_due <= db_now()).order_by(_f.callback_due).limit(bindparam("most"))
_TAKE_CALLBACKS = (
    update(JOBS)
    .where(_j.seq.in_(_skipping_locked(_DUE)))
    .values(callback_due=db_now() + _CALLBACK_LEASE, callback_attempts=_j.callback_attempts + 1)
    .returning(*JOB_COLUMNS)
)
_CALLBACK_DONE = (
    update(JOBS)
    .where(_j.id == bindparam("job_id"), is_complete())
    .values(callback_due=db_now() + bindparam("retry_in"))
)
_AWAITED = exists(
    select(ROLLOUT_TENANTS.c.pos).where(
        ROLLOUT_TENANTS.c.job_id == _j.id, ROLLOUT_TENANTS.c.status == TenantStatus.RUNNING.value
    )
)
"""Whether a rollout has not seen the end of the job yet."""
_OLD = and_(is_complete(), _j.ended < db_now() - bindparam("older_than"), _j.callback_due.is_(null()), ~_AWAITED)
_PURGE = delete(JOBS).where(_OLD)


def beat(connection: Connection, worker: str, lease: float, about: WorkerAbout | None = None) -> list[Beat]:
    """Renews the leases of the worker's jobs, and records its heartbeat."""
    jobs = connection.execute(_BEAT, {"worker": worker, "lease": lease}).all()
    known = about or WorkerAbout()
    seen = {"name": worker, "jobs": len(jobs), "concurrency": known.concurrency, "version": known.version}
    _WORKER.run(connection, [seen])
    connection.execute(_FORGET_WORKERS)
    return [Beat(job_id=job.id, epoch=job.epoch, status=JobStatus(job.status)) for job in jobs]


def leave(connection: Connection, worker: str) -> None:
    """Removes a worker that ends. One that was killed is removed after an hour."""
    connection.execute(_LEAVE, {"worker": worker})


def disown(connection: Connection, worker: str, beat: Beat) -> None:
    """Expires the lease of a job that the worker owns but does not run: its claim was interrupted between the commit
    and the response. The next sweep hands the job out.
    """
    connection.execute(_DISOWN, {"job_id": beat.job_id, "worker": worker, "held": beat.epoch})


def sweep(connection: Connection, lease: float, republish_after: float) -> list[JobRef]:
    """The jobs to publish again: those of lost workers, and queued ones whose message seems to be lost."""
    expired = connection.execute(_SWEEP_EXPIRED, {"lease": lease}).all()
    unheard = connection.execute(_REPUBLISH, {"republish_after": republish_after}).all()
    return [ref_from(row) for row in (*expired, *unheard)]


def due_callbacks(connection: Connection, limit: int) -> list[Job]:
    """The complete jobs whose callback is due now, leased to the caller for a minute."""
    return jobs_of_rows(connection, connection.execute(_TAKE_CALLBACKS, {"most": limit}))


def callback_done(connection: Connection, job_id: str, *, delivered: bool, retry_in: float | None) -> None:
    """Records the outcome of a callback; `retry_in` seconds None means it is given up."""
    connection.execute(_CALLBACK_DONE, {"job_id": job_id, "retry_in": None if delivered else retry_in})


def purge_complete(connection: Connection, older_than: float) -> int:
    """Removes old jobs, and returns how many. A job with a pending callback is kept until that is settled."""
    return connection.execute(_PURGE, {"older_than": older_than}).rowcount
