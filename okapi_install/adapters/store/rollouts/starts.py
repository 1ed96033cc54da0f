"""Starts tenants of a rollout: their jobs are added in the transaction that checks that they may start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, update

from okapi_install.adapters.store import jobs
from okapi_install.adapters.store.rollouts.changes import Locked, lock, named_tenants, put_tenants
from okapi_install.adapters.store.rollouts.queries import tally_of
from okapi_install.adapters.store.tables import ROLLOUTS
from okapi_install.domain.errors import NotFound, OkapiInstallError, UserError
from okapi_install.domain.history import EventKind, JobEvent
from okapi_install.domain.jobs import JobKind
from okapi_install.domain.rollouts import outcomes, words
from okapi_install.domain.rollouts.decisions import decide
from okapi_install.domain.rollouts.rollout import RolloutTenant, TenantStatus
from okapi_install.service.ports import EndTenant, JobRef, NewJob, RetryJob, Start, StartJob

_TOUCH = update(ROLLOUTS).where(ROLLOUTS.c.seq == bindparam("at_seq")).values(revision=ROLLOUTS.c.revision + 1)


class _Starting:
    """One transaction that starts tenants. It decides before each tenant, and writes what it decided at the end."""

    def __init__(self, connection: Connection, locked: Locked, refusals: Mapping[str, OkapiInstallError]) -> None:
        self._connection = connection
        self._locked = locked
        self._refusals = refusals
        self._tally, _ = tally_of(connection, locked.record)
        self._tenants: list[RolloutTenant] = []
        self._jobs: list[NewJob] = []

    def may_start(self, one: RolloutTenant) -> bool:
        """Whether the tenant may start now."""
        if one.status is not TenantStatus.WAITING or one.wave != self._tally.first_unfinished:
            return False
        return decide(self._locked.rollout, self._tally, self._locked.now).room > 0

    def begin(self, one: RolloutTenant, wanted: Start) -> JobRef | None:
        """Starts the tenant or ends it; its job, if it gets one."""
        if isinstance(wanted, EndTenant):
            self._end(one, wanted.message)
            return None
        if isinstance(wanted, RetryJob):
            return self._retry(one, wanted)
        problem = self._refusals.get(one.tenant)
        if problem is not None:
            self._end(one, words.tenant_gone(one.tenant) if isinstance(problem, NotFound) else problem.message)
            return None
        self._jobs.append(wanted.job)
        return self._runs(one, wanted.job.id, wanted.job.kind, wanted.job.task_id)

    def write(self) -> None:
        """Adds the jobs, and writes the tenants."""
        if self._jobs:
            jobs.add_all(self._connection, self._jobs)
        put_tenants(self._connection, self._locked, self._tenants)

    def _end(self, one: RolloutTenant, message: str | None) -> None:
        """Ends a tenant without a job: up to date, or an error with a message."""
        now = self._locked.now
        ended = replace(one, status=TenantStatus.UPTODATE, ended=now, job_id=None)
        self._becomes(ended if message is None else outcomes.failed(one, message, now))

    def _retry(self, one: RolloutTenant, start: RetryJob) -> JobRef | None:
        """The tenant's job is queued again. One that cannot run again is replaced by a new one later."""
        event = JobEvent(kind=EventKind.RETRIED, by=start.by)
        try:
            job = jobs.retry(self._connection, start.job_id, start.steps, start.headers, start.task_id, event)
        except (NotFound, UserError):
            self._tenants.append(replace(one, job_id=None))
            return None
        return self._runs(one, job.id, job.kind, start.task_id)

    def _runs(self, one: RolloutTenant, job_id: str, kind: JobKind, task_id: str | None) -> JobRef:
        self._becomes(replace(one, status=TenantStatus.RUNNING, job_id=job_id))
        return JobRef(id=job_id, tenant=one.tenant, kind=kind, task_id=task_id)

    def _becomes(self, one: RolloutTenant) -> None:
        self._tenants.append(one)
        self._tally = self._tally.after_waiting(one.wave, one.status)


def start(connection: Connection, rollout_id: str, starts: Sequence[Start], most_waiting: int) -> list[JobRef]:
    """Starts those tenants that may start now, and returns their jobs. Raises NotFound.

    Tenants are locked in one order, so that two rollouts do not lock each other out. However many tenants start, it is
    a fixed number of statements: the row of the rollout is locked meanwhile. A retry takes its own.
    """
    locked = lock(connection, rollout_id)
    tenants = named_tenants(connection, locked, {one.tenant for one in starts})
    new = {one.tenant for one in starts if isinstance(one, StartJob) and one.tenant in tenants}
    starting = _Starting(connection, locked, jobs.refusals(connection, new, most_waiting) if new else {})
    refs = []
    for wanted in sorted(starts, key=lambda one: one.tenant):
        one = tenants.pop(wanted.tenant, None)
        if one is not None and starting.may_start(one) and (ref := starting.begin(one, wanted)) is not None:
            refs.append(ref)
    starting.write()
    connection.execute(_TOUCH, {"at_seq": locked.record.seq})
    return refs
