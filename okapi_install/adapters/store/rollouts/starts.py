"""Starts tenants of a rollout: their jobs are added in the transaction that checks that they may start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, update

from okapi_install.adapters.store import jobs
from okapi_install.adapters.store.rollouts.changes import Locked, lock, named_tenants, put_tenants
from okapi_install.adapters.store.rollouts.queries import tally_of
from okapi_install.adapters.store.tables import ROLLOUTS
from okapi_install.domain.errors import NotFound, OkapiInstallError, UserError
from okapi_install.domain.history import EventKind, JobEvent
from okapi_install.domain.rollouts import outcomes, words
from okapi_install.domain.rollouts.decisions import decide
from okapi_install.domain.rollouts.rollout import RolloutTenant, TenantStatus
from okapi_install.service.ports import EndTenant, JobRef, RetryJob, Start, StartJob

_TOUCH = update(ROLLOUTS).where(ROLLOUTS.c.seq == bindparam("at_seq")).values(revision=ROLLOUTS.c.revision + 1)


class _Starting:
    """One transaction that starts tenants."""

    def __init__(self, connection: Connection, locked: Locked, most_waiting: int) -> None:
        self._connection = connection
        self._locked = locked
        self._most_waiting = most_waiting
        self._room, self._wave = 0, 0
        self.look()

    def look(self) -> None:
        """Decides again, after a tenant has ended."""
        tally, _ = tally_of(self._connection, self._locked.record)
        self._room = decide(self._locked.rollout, tally, self._locked.now).room
        self._wave = tally.first_unfinished or 0

    def may_start(self, one: RolloutTenant | None) -> bool:
        """Whether the tenant may start now."""
        waits = one is not None and one.status is TenantStatus.WAITING and one.wave == self._wave
        return waits and self._room > 0

    def end(self, one: RolloutTenant, message: str | None) -> None:
        """Ends a tenant without a job: up to date, or an error with a message."""
        now = self._locked.now
        ended = replace(one, status=TenantStatus.UPTODATE, ended=now, job_id=None)
        put_tenants(self._connection, self._locked, [ended if message is None else outcomes.failed(one, message, now)])
        self.look()

    def job(self, one: RolloutTenant, start: StartJob | RetryJob) -> JobRef | None:
        """The job of a tenant, which is added or queued again; None if that is impossible."""
        try:
            ref = self._add(start) if isinstance(start, StartJob) else self._retry(start)
        except (NotFound, UserError) as problem:
            self._refused(one, start, problem)
            return None
        started = replace(one, status=TenantStatus.RUNNING, job_id=ref.id)
        put_tenants(self._connection, self._locked, [started])
        self._room -= 1
        return ref

    def _add(self, start: StartJob) -> JobRef:
        job = jobs.add(self._connection, start.job, self._most_waiting)
        return JobRef(id=job.id, tenant=job.tenant, kind=job.kind, task_id=job.task_id)

    def _retry(self, start: RetryJob) -> JobRef:
        event = JobEvent(kind=EventKind.RETRIED, by=start.by)
        job = jobs.retry(self._connection, start.job_id, start.steps, start.headers, start.task_id, event)
        return JobRef(id=job.id, tenant=job.tenant, kind=job.kind, task_id=start.task_id)

    def _refused(self, one: RolloutTenant, start: StartJob | RetryJob, problem: OkapiInstallError) -> None:
        """A job that cannot be retried any more is replaced by a new one; a tenant that can have none has failed."""
        if isinstance(start, RetryJob):
            put_tenants(self._connection, self._locked, [replace(one, job_id=None)])
            return
        gone = isinstance(problem, NotFound)
        self.end(one, words.tenant_gone(one.tenant) if gone else problem.message)


def start(connection: Connection, rollout_id: str, starts: Sequence[Start], most_waiting: int) -> list[JobRef]:
    """Starts those tenants that may start now, and returns their jobs. Raises NotFound.

    Tenants are locked in the order of their ids, so that two rollouts do not lock each other out.
    """
    locked = lock(connection, rollout_id)
    starting, refs = _Starting(connection, locked, most_waiting), []
    tenants = named_tenants(connection, locked, {one.tenant for one in starts})
    for wanted in sorted(starts, key=lambda one: one.tenant):
        one = tenants.get(wanted.tenant)
        if one is None or not starting.may_start(one):
            continue
        if isinstance(wanted, EndTenant):
            starting.end(one, wanted.message)
        elif (ref := starting.job(one, wanted)) is not None:
            refs.append(ref)
    connection.execute(_TOUCH, {"at_seq": locked.record.seq})
    return refs
