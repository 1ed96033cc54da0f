"""The store on any SQL database: which operation each method of the port is, and which kind of transaction it takes."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import suppress

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import IntegrityError

from okapi_install.adapters.store import claims, jobs, metrics, queries, registry, upkeep
from okapi_install.adapters.store import tenants as tenancy
from okapi_install.adapters.store.audit import history as histories
from okapi_install.adapters.store.audit import keys as access
from okapi_install.adapters.store.engine import check_file
from okapi_install.adapters.store.metrics import UnwrittenTimings
from okapi_install.adapters.store.mirror import binding
from okapi_install.adapters.store.mirror import modules as mirrored_modules
from okapi_install.adapters.store.mirror import tenants as mirrored_tenants
from okapi_install.adapters.store.rollouts import changes as rollout_changes
from okapi_install.adapters.store.rollouts import queries as rollout_queries
from okapi_install.adapters.store.rollouts import removal as rollout_removal
from okapi_install.adapters.store.rollouts import starts as rollout_starts
from okapi_install.adapters.store.rollouts import turns as module_turns
from okapi_install.adapters.store.tables import TENANTS
from okapi_install.adapters.store.transactions import Database, OnDatabase, glance, snapshot, write
from okapi_install.domain import okapi_messages
from okapi_install.domain.access import key_name_taken
from okapi_install.domain.errors import LostJob, StoreUnavailable, UserError
from okapi_install.domain.jobs import Job, JobStatus, check_transition
from okapi_install.domain.rollouts.rollout import Rollout
from okapi_install.service.metrics import Meters
from okapi_install.service.ports import (
    Beat,
    Census,
    Claim,
    Durations,
    Ending,
    Instance,
    JobRef,
    NewJob,
    NewRollout,
    Progress,
    RegistryDelta,
    Start,
    StoredKey,
    Tenant,
    WorkerAbout,
)

_ANY_TENANT = select(TENANTS.c.id).limit(1)


def _look(connection: Connection) -> None:
    connection.execute(_ANY_TENANT)


class SqlStore(OnDatabase):
    """A Store (see service/ports) on a database whose tables are there, by what SQLite and PostgreSQL both can do."""

    def __init__(self, engine: Engine, meters: Meters | None = None) -> None:
        super().__init__(Database(engine, meters))
        self.engine = engine
        self._timings = UnwrittenTimings()

    add_modules = write(registry.add_modules)
    remove_module = write(registry.remove_module)
    descriptors = snapshot(registry.descriptors)
    instances = glance(registry.instances)
    remove_instances = write(registry.remove_instances)
    put_env = write(registry.put_env)
    env = glance(registry.env)
    remove_env = write(registry.remove_env)
    _head = glance(registry.head)
    _changes_since = snapshot(registry.changes_since)
    _add_instance = write(registry.add_instance)

    put_tenant = write(tenancy.put_tenant)
    tenant = glance(tenancy.one_tenant)
    tenants = glance(tenancy.all_tenants)
    remove_tenant = write(tenancy.remove_tenant)
    enabled = snapshot(tenancy.enabled)
    users_of = glance(tenancy.users_of)
    enabled_anywhere = glance(tenancy.enabled_anywhere)
    enabled_everywhere = glance(tenancy.enabled_everywhere)
    tenant_overviews = glance(tenancy.tenant_overviews)
    _add_tenant = write(tenancy.add_tenant)

    mirrored_okapi = glance(binding.mirrored_okapi)
    mirror_okapi = write(binding.mirror_okapi)
    mirror_modules = write(mirrored_modules.mirror_modules)
    _mirror_tenants = write(mirrored_tenants.mirror_tenants)
    _same_tenant = snapshot(mirrored_tenants.same_tenant)
    _mirror_tenant = write(mirrored_tenants.mirror_tenant)

    tenant_state = glance(queries.tenant_state)
    tenant_states = glance(queries.tenant_states)
    job_of_key = snapshot(queries.job_of_key)
    revision = glance(queries.revision)
    revisions = glance(queries.revisions)
    jobs_of = snapshot(queries.jobs_of)
    find_jobs = snapshot(queries.find_jobs)
    history = snapshot(histories.history)
    abort = write(jobs.abort)
    end_queued = write(jobs.end_queued)
    retry = write(jobs.retry)
    _add_job = write(jobs.add)
    _glimpse = glance(queries.job)
    _job = snapshot(queries.job)

    replan = write(claims.replan)
    warn = write(claims.warn)
    end_abort = write(claims.end_abort)
    standing = glance(claims.standing)
    release = write(claims.release)
    _claim = write(claims.claim)
    _save = write(claims.save)
    _finish = write(claims.finish)

    access_keys = glance(access.keys)
    remove_key = write(access.remove_key)
    add_session = write(access.add_session)
    session = glance(access.session)
    end_session = write(access.end_session)
    _add_key = write(access.add_key)

    leave = write(upkeep.leave)
    disown = write(upkeep.disown)
    sweep = write(upkeep.sweep)
    due_callbacks = write(upkeep.due_callbacks)
    callback_done = write(upkeep.callback_done)
    purge_complete = write(upkeep.purge_complete)
    add_counts = write(metrics.add_counts)
    counts = glance(metrics.counts)
    workers = glance(metrics.workers)
    lines = glance(queries.lines)
    count_jobs = glance(queries.count_jobs)
    slow_jobs = glance(metrics.slow_jobs)
    _beat = write(upkeep.beat)
    _census = snapshot(metrics.census)
    troubles = snapshot(metrics.troubles)
    _durations = glance(metrics.durations)
    _record_timings = write(metrics.record_timings)
    _look = glance(_look)

    rollout = snapshot(rollout_queries.one_rollout)
    rollout_revision = glance(rollout_queries.revision)
    rollout_tenants = snapshot(rollout_queries.tenants_of)
    find_rollouts = snapshot(rollout_queries.page)
    open_rollouts = glance(rollout_queries.open_ids)
    rollout_census = glance(rollout_queries.census)
    advance_rollout = write(rollout_changes.advance)
    pause_rollout = write(rollout_changes.pause)
    resume_rollout = write(rollout_changes.resume)
    retry_rollout = write(rollout_changes.retry)
    abort_rollout = write(rollout_changes.abort)
    due_rollout_callbacks = write(rollout_changes.due_callbacks)
    rollout_callback_done = write(rollout_changes.callback_done)
    remove_rollout = write(rollout_removal.remove)
    purge_rollouts = write(rollout_removal.purge_complete)
    take_turn = write(module_turns.take_turn)
    end_turn = write(module_turns.end_turn)
    _add_rollout = write(rollout_changes.add)
    _start_in_rollout = write(rollout_starts.start)

    def registry_since(self, seq: int) -> RegistryDelta:
        """The changes of the registry after that number. Usually there are none, which takes one statement."""
        if seq > 0 and self._head() == seq:
            return RegistryDelta(seq=seq, changes=())
        return self._changes_since(seq)

    def add_instance(self, instance: Instance) -> None:
        """Adds an instance. Raises UserError if there is one with that id."""
        try:
            self._add_instance(instance)
        except IntegrityError:
            raise UserError(okapi_messages.instance_exists(instance.inst_id)) from None

    def add_tenant(self, tenant: Tenant, enabled: Sequence[str] = ()) -> None:
        """Adds a tenant. Raises UserError if there is one with that id."""
        try:
            self._add_tenant(tenant, enabled)
        except IntegrityError:
            raise UserError(okapi_messages.tenant_exists(tenant.id)) from None

    def mirror_tenants(self, tenants: Sequence[Tenant], gone: Collection[str] = ()) -> None:
        """Adds or replaces tenants, and removes others. Usually they are so already: that is only read."""
        if gone or not set(tenants).issubset(self.tenants()):
            self._mirror_tenants(tenants, gone)

    def mirror_tenant(self, tenant: Tenant, enabled: Collection[str], *, unless_active: bool) -> None:
        """Adds or replaces a tenant and what it has enabled. Usually it is so already: that is only read."""
        if not self._same_tenant(tenant, enabled):
            self._mirror_tenant(tenant, enabled, unless_active=unless_active)

    def add_key(self, key: StoredKey) -> None:
        """Adds an API key. Raises UserError if its name is taken."""
        try:
            self._add_key(key)
        except IntegrityError:
            raise UserError(key_name_taken(key.name)) from None

    def add_job(self, job: NewJob, *, most_waiting: int) -> Job:
        """Adds the job as queued, or returns the earlier one with the same key. Raises as `jobs.add`."""
        return self._add_job(job, most_waiting)

    def job(self, job_id: str, tenant_id: str | None = None) -> Job:
        """One job with its steps, read by two statements, and in a transaction only if it changed between them."""
        seen = self._glimpse(job_id, tenant_id)
        if seen.steps and all(step.revision <= seen.revision for step in seen.steps):
            return seen
        return self._job(job_id, tenant_id)

    def claim(self, job_id: str, worker: str, task_id: str | None, lease: float) -> Claim | None:
        """The claim of a queued job, or of one whose lease has expired; None if it cannot be claimed."""
        try:
            return self._claim(job_id, worker, task_id, lease)
        except IntegrityError:  # another job of the tenant became active between the check and the write
            return None

    def add_rollout(self, new: NewRollout) -> Rollout:
        """Adds a rollout, or returns the earlier one with the same key. Raises KeyReused."""
        try:
            return self._add_rollout(new)
        except IntegrityError:  # the other of two requests with the same key was faster
            return self._add_rollout(new)

    def start_in_rollout(self, rollout_id: str, starts: Sequence[Start], *, most_waiting: int) -> list[JobRef]:
        """Starts those tenants of the rollout that may start now, and returns their jobs. Raises NotFound."""
        return self._start_in_rollout(rollout_id, starts, most_waiting)

    def save(self, claim: Claim, progress: Progress) -> int:
        """Writes progress of a running job, and returns the new revision. Raises LostJob."""
        try:
            return self._save(claim, progress)
        except IntegrityError:
            raise LostJob(claim.job.id) from None  # the tenant was removed meanwhile

    def finish(self, claim: Claim, ending: Ending, progress: Progress) -> JobRef | None:
        """Ends a running job; the tenant's next one. Timings are written at once, unless that was done a moment ago.
        Raises LostJob.
        """
        check_transition(JobStatus.RUNNING, ending.status)
        try:
            following, timings = self._finish(claim, ending, progress)
        except IntegrityError:
            raise LostJob(claim.job.id) from None  # the tenant was removed meanwhile
        self._timings.add(timings)
        if self._timings.due(time.monotonic()):
            with suppress(StoreUnavailable):
                self._write_timings()
        return following

    def beat(self, worker: str, lease: float, about: WorkerAbout | None = None) -> list[Beat]:
        """Renews the leases of the worker's jobs, and writes the timings since the last heartbeat."""
        beats = self._beat(worker, lease, about)
        self._write_timings()
        return beats

    def durations(self, products: Collection[str]) -> dict[tuple[str, str], Durations]:
        """How long steps took before, those of this process included."""
        self._write_timings()
        return self._durations(products)

    def census(self) -> Census:
        """Numbers for the metrics."""
        self._write_timings()
        return self._census()

    def check(self) -> None:
        """Raises StoreUnavailable unless the database responds. Reads a table, so a database without ours fails too."""
        self._look()
        check_file(self.engine)

    def dispose(self) -> None:
        """Writes the remaining timings, and closes the connections."""
        with suppress(StoreUnavailable):
            self._write_timings()
        self.engine.dispose()

    def _write_timings(self) -> None:
        timings = self._timings.take()
        if not timings:
            return
        try:
            self._record_timings(timings)
        except StoreUnavailable:
            self._timings.merge(timings.items())
            raise
