"""What the use cases need of a store.

Every method is one transaction, and raises StoreUnavailable when the store does not respond.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from okapi_install.domain.history import RETRIED, JobEvent
from okapi_install.domain.jobs import Job, JobStatus, Problem, Step
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.presentation.states import State
from okapi_install.service.metrics import CountKey
from okapi_install.service.ports.access import AccessStore
from okapi_install.service.ports.rollouts import RolloutStore
from okapi_install.service.ports.turns import TurnStore
from okapi_install.service.ports.values import (
    NO_PROGRESS,
    Aborted,
    Beat,
    Census,
    Claim,
    Durations,
    Ending,
    EnvEntry,
    HistoryFilter,
    HistoryPage,
    InLine,
    Instance,
    JobFilter,
    JobPage,
    JobRef,
    NewJob,
    Progress,
    RegistryDelta,
    Tenant,
    TenantOverview,
    TenantState,
    Trouble,
    WorkerAbout,
    WorkerInfo,
)


class RegistryStore(Protocol):
    """Module descriptors, tenants, discovery and environment."""

    def registry_since(self, seq: int) -> RegistryDelta:
        """What changed in the registry after `seq` (0: everything)."""

    def add_modules(self, modules: Sequence[ModuleDescriptor]) -> None:
        """Adds all modules or none. Those that exist already with the same document are skipped.

        Raises:
            UserError: one exists with another document (Okapi 10203).
        """

    def remove_module(self, module_id: str) -> bool:
        """Removes a module; whether it existed.

        Raises:
            UserError: a tenant has it enabled (Okapi 10206).
        """

    def descriptors(self, ids: Iterable[str]) -> dict[str, ModuleDescriptor]:
        """The descriptors of those ids that exist."""

    def add_tenant(self, tenant: Tenant, enabled: Sequence[str] = ()) -> None:
        """Adds a tenant. Raises UserError if its id is taken (Okapi 10400)."""

    def put_tenant(self, tenant: Tenant) -> None:
        """Adds a tenant, or replaces its name and description."""

    def tenant(self, tenant_id: str) -> Tenant:
        """One tenant. Raises NotFound, with only the id as its message."""

    def tenants(self) -> list[Tenant]:
        """All tenants, sorted by id."""

    def remove_tenant(self, tenant_id: str) -> None:
        """Removes a tenant with its enabled modules and its jobs. Raises NotFound."""

    def enabled(self, tenant_id: str) -> list[str]:
        """Sorted ids of the tenant's enabled modules. Raises NotFound if the tenant does not exist."""

    def users_of(self, module_id: str) -> list[str]:
        """Sorted ids of the tenants that have a module enabled."""

    def enabled_anywhere(self) -> dict[str, str]:
        """Every enabled module, by id, with one tenant that has it."""

    def enabled_everywhere(self) -> dict[str, list[str]]:
        """The ids of the enabled modules of each tenant that has some, in no particular order, by one statement."""

    def tenant_overviews(self, tenant_ids: Collection[str]) -> dict[str, TenantOverview]:
        """What those of the tenants that exist have and do, by one statement. Jobs that `job` does not find are left
        out.
        """

    def add_instance(self, instance: Instance) -> None:
        """Adds an instance. Raises UserError if any module has one of that id (Okapi 10809)."""

    def instances(self, srvc_id: str | None = None) -> list[Instance]:
        """The instances of a module, or all."""

    def remove_instances(self, srvc_id: str | None = None, inst_id: str | None = None) -> int:
        """Removes instances; how many."""

    def put_env(self, entry: EnvEntry) -> None:
        """Adds or replaces a variable."""

    def env(self) -> list[EnvEntry]:
        """All variables, sorted by name."""

    def remove_env(self, name: str) -> bool:
        """Removes a variable; whether it existed."""


class MirrorStore(Protocol):
    """What a store does as the copy of an Okapi: it takes over what that Okapi says, without checks."""

    def mirrored_okapi(self) -> str | None:
        """The address of the Okapi of which the store is a copy; None if it is none."""

    def mirror_okapi(self, address: str, *, moved: bool = False) -> str | None:
        """Makes an empty store the copy of that Okapi. The address of the one of which it is a copy then.

        None: it is none, because it has data of its own. With `moved`, a store that is a copy of one at another
        address is told the new address.
        """

    def mirror_modules(self, added: Sequence[ModuleDescriptor], removed: Collection[str]) -> None:
        """Adds or replaces modules, and removes others from the registry. `descriptors` still returns removed ones."""

    def mirror_tenants(self, tenants: Sequence[Tenant], gone: Collection[str] = ()) -> None:
        """Adds or replaces tenants. Those that are gone are removed with their jobs, if all these are complete."""

    def mirror_tenant(self, tenant: Tenant, enabled: Collection[str], *, unless_active: bool) -> None:
        """Adds or replaces a tenant and what it has enabled.

        With `unless_active`, what it has enabled stays as it is while one of its jobs is running or aborting.
        """


class JobStore(Protocol):
    """Jobs. Every write about a running job carries its claim. A stale claim changes nothing."""

    def tenant_state(self, tenant_id: str) -> TenantState:
        """The state on which a new job of the tenant is planned. Raises NotFound."""

    def tenant_states(self, tenants: Collection[str]) -> Mapping[str, TenantState]:
        """The same of several tenants, by their ids; one that does not exist is missing."""

    def add_job(self, job: NewJob, *, most_waiting: int) -> Job:
        """Adds a job as QUEUED with its steps.

        If the tenant has a job with the same idempotency key and request digest, that job is returned and nothing is
        written (compare the id).

        Raises:
            NotFound: the tenant does not exist.
            TooManyJobs: the tenant has `most_waiting` jobs queued already.
            KeyReused: the key was used with another digest.
        """

    def job_of_key(self, tenant_id: str, key: str, request_digest: str) -> Job | None:
        """The tenant's job that was added with that idempotency key, if any. Raises KeyReused as `add_job`."""

    def job(self, job_id: str, tenant_id: str | None = None) -> Job:
        """One job with its steps. Raises NotFound; a job being aborted is not found, unless its info is kept."""

    def revision(self, job_id: str) -> tuple[int, JobStatus] | None:
        """Revision and status, a cheap read; None where `job` raises NotFound."""

    def revisions(self, job_ids: Collection[str]) -> dict[str, tuple[int, JobStatus]]:
        """The same for many jobs in one statement, without those for which `job` raises NotFound."""

    def jobs_of(self, tenant_id: str) -> list[Job]:
        """The tenant's jobs with their steps, oldest first, without MODULE jobs and those that `job` does not find."""

    def find_jobs(self, which: JobFilter) -> JobPage:
        """Jobs of all tenants with their steps, newest first."""

    def count_jobs(self, tenant_id: str | None, most: int) -> dict[State, int]:
        """How many jobs `find_jobs` finds in each state, of one tenant or of all; at most `most` + 1.

        States without jobs are left out.
        """

    def slow_jobs(self) -> frozenset[str]:
        """The ids of running jobs with a step that takes longer than its product ever took."""

    def claim(self, job_id: str, worker: str, task_id: str | None, lease: float) -> Claim | None:
        """Claims a job for `lease` seconds and increments its epoch; None if it cannot be claimed.

        It can if it is the next QUEUED job of its tenant, or is RUNNING or ABORTING with an expired lease.
        """

    def save(self, claim: Claim, progress: Progress) -> int:
        """Commits progress of a RUNNING job; the new revision. If it raises LostJob, nothing has changed."""

    def replan(self, claim: Claim, steps: Sequence[Step], edges: Sequence[tuple[int, int]], assumed: str) -> None:
        """Replaces the steps of a claimed job, none of which has started. Raises LostJob."""

    def warn(self, claim: Claim, warnings: Sequence[Problem], events: Sequence[JobEvent] = ()) -> None:
        """Replaces the warnings about a RUNNING job as a whole. `events` are for its history. Raises LostJob."""

    def finish(self, claim: Claim, ending: Ending, progress: Progress) -> JobRef | None:
        """Ends a RUNNING job and deletes its headers; the tenant's next queued job, if any. Raises LostJob."""

    def end_abort(self, claim: Claim, leftovers: Mapping[str, str], progress: Progress = NO_PROGRESS) -> JobRef | None:
        """Removes an ABORTING job, or ends it as ERROR `aborted` if its record is kept; the tenant's next job.

        `leftovers` has a warning for each module in which the job leaves something. The next job that changes one gets
        it. `progress` are the steps that ended meanwhile. Steps that were running end as error "aborted". Raises
        LostJob.
        """

    def standing(self, claim: Claim) -> JobStatus | None:
        """The job's status while the claim is valid (RUNNING or ABORTING); else None."""

    def release(self, claim: Claim) -> None:
        """Makes a RUNNING job QUEUED again, with its steps as they are. Does nothing if the claim is stale."""

    def history(self, job_id: str, which: HistoryFilter) -> HistoryPage:
        """Events of a job. Raises NotFound as `job`. Other operations add them, and they are removed with the job."""

    def abort(self, job_id: str, *, keep: bool, tenant_id: str | None = None, by: str | None = None) -> Aborted:
        """Aborts a job; `by` says who wants it. Raises NotFound.

        A QUEUED job is removed, or ended as ERROR `aborted` if its record is kept. A RUNNING one becomes ABORTING. A
        complete one is removed, or unchanged if its record is kept.
        """

    def end_queued(self, job_id: str, ending: Ending) -> bool:
        """Ends a job that is still QUEUED; whether it was."""

    def retry(
        self,
        job_id: str,
        steps: Sequence[Step],
        headers: Mapping[str, str],
        task_id: str,
        event: JobEvent = RETRIED,
    ) -> Job:
        """Makes a job that ended as ERROR QUEUED again with those steps (all of them), and counts the retry. `event` is
        for its history.

        Raises:
            NotFound: the job does not exist.
            UserError: it has not ended as ERROR.
        """

    def beat(self, worker: str, lease: float, about: WorkerAbout | None = None) -> list[Beat]:
        """Renews the leases of all jobs of the worker in one statement. Returns the state of each job."""

    def workers(self) -> tuple[WorkerInfo, ...]:
        """The worker processes that have sent a heartbeat within the last hour, by name."""

    def lines(self, tenant_ids: Collection[str]) -> dict[str, tuple[InLine, ...]]:
        """The jobs of those tenants that are not complete, in the order in which they run."""

    def leave(self, worker: str) -> None:
        """Removes a worker that has stopped. One that crashed is removed an hour after its last heartbeat."""

    def disown(self, worker: str, beat: Beat) -> None:
        """Ends the lease of a claim that the worker does not know of, because the response to its claim was lost."""

    def sweep(self, lease: float, republish_after: float) -> list[JobRef]:
        """Jobs whose message has to be sent again, each returned to one sweeper only.

        These are jobs with an expired lease, and each tenant's next queued job if its message was sent more than
        `republish_after` seconds ago. That time doubles with each message.
        """

    def durations(self, products: Collection[str]) -> dict[tuple[str, str], Durations]:
        """Durations by (product, action) for those products that have run before."""

    def due_callbacks(self, limit: int) -> list[Job]:
        """Complete jobs whose callback is due now, each returned to one caller only (leased for a minute)."""

    def callback_done(self, job_id: str, *, delivered: bool, retry_in: float | None) -> None:
        """Records the outcome of a callback. With `retry_in` None, there is no further attempt."""

    def purge_complete(self, older_than: float) -> int:
        """Removes complete jobs that ended more than that many seconds ago; how many."""

    def census(self) -> Census:
        """The gauges for the metrics."""

    def troubles(self, failed_within: float, most: int) -> list[Trouble]:
        """Jobs that somebody should look at, at most so many of each kind, newest first.

        These are jobs that failed within that many seconds (but not those that were aborted or revoked), jobs with a
        slow step, and the job that waits longest.
        """

    def add_counts(self, deltas: Mapping[CountKey, float]) -> None:
        """Adds to counters, which start at 0. They outlive jobs and processes."""

    def counts(self) -> dict[CountKey, float]:
        """All counters."""


class Store(RegistryStore, MirrorStore, JobStore, RolloutStore, TurnStore, AccessStore, Protocol):
    """The whole store, with a health check."""

    def check(self) -> None:
        """Raises StoreUnavailable unless the store responds."""

    def dispose(self) -> None:
        """Closes its connections."""
