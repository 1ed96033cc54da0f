"""What the use cases need of a store.

Every method is one transaction, and raises StoreUnavailable when the store does not answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from okapi_install.domain.jobs import Job, JobStatus, Step
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.metrics import CountKey
from okapi_install.service.ports.values import (
    Aborted,
    Beat,
    Census,
    Claim,
    Durations,
    Ending,
    EnvEntry,
    Instance,
    JobFilter,
    JobPage,
    JobRef,
    NewJob,
    Progress,
    RegistryDelta,
    Tenant,
    TenantState,
)


class RegistryStore(Protocol):
    """Module descriptors, tenants, discovery and environment."""

    def registry_since(self, seq: int) -> RegistryDelta:
        """What changed in the registry after `seq` (0: everything)."""

    def add_modules(self, modules: Sequence[ModuleDescriptor]) -> None:
        """Adds all or none. Those that are there already with the same document are passed over.

        Raises:
            UserError: one is there with another document (Okapi 10203).
        """

    def remove_module(self, module_id: str) -> bool:
        """Whether it was there.

        Raises:
            UserError: a tenant has it enabled (Okapi 10206).
        """

    def descriptors(self, ids: Iterable[str]) -> dict[str, ModuleDescriptor]:
        """The descriptors of those ids that exist."""

    def add_tenant(self, tenant: Tenant, enabled: Sequence[str] = ()) -> None:
        """Raises UserError if there is one of that id (Okapi 10400)."""

    def put_tenant(self, tenant: Tenant) -> None:
        """Adds or replaces name and description."""

    def tenant(self, tenant_id: str) -> Tenant:
        """Raises NotFound, with the bare id as message."""

    def tenants(self) -> list[Tenant]:
        """All, by id."""

    def remove_tenant(self, tenant_id: str) -> None:
        """Removes it with its enabled modules and its jobs. Raises NotFound."""

    def enabled(self, tenant_id: str) -> list[str]:
        """Ids of the tenant's enabled modules, sorted. Raises NotFound if there is no such tenant."""

    def users_of(self, module_id: str) -> list[str]:
        """Ids of the tenants that have it enabled, sorted."""

    def enabled_anywhere(self) -> dict[str, str]:
        """Every enabled module id and one tenant that has it."""

    def add_instance(self, instance: Instance) -> None:
        """Raises UserError if there is an instance of that id, of whatever module (Okapi 10809)."""

    def instances(self, srvc_id: str | None = None) -> list[Instance]:
        """Those of a module, or all."""

    def remove_instances(self, srvc_id: str | None = None, inst_id: str | None = None) -> int:
        """How many were removed."""

    def put_env(self, entry: EnvEntry) -> None:
        """Adds or replaces it."""

    def env(self) -> list[EnvEntry]:
        """All, by name."""

    def remove_env(self, name: str) -> bool:
        """Whether it was there."""


class JobStore(Protocol):
    """Jobs. What is written about a running job carries its claim; a stale claim changes nothing."""

    def tenant_state(self, tenant_id: str) -> TenantState:
        """What a new job of that tenant is planned against. Raises NotFound."""

    def add_job(self, job: NewJob, *, most_waiting: int) -> Job:
        """Writes it as QUEUED with its steps.

        The same idempotency key of the same tenant with the same request digest returns the job of that key
        and writes nothing (compare the id).

        Raises:
            NotFound: there is no such tenant.
            TooManyJobs: the tenant has `most_waiting` jobs queued already.
            KeyReused: the key was used with another digest.
        """

    def job_of_key(self, tenant_id: str, key: str, request_digest: str) -> Job | None:
        """The tenant's job that was added with that idempotency key, if any. Raises KeyReused as `add_job`."""

    def job(self, job_id: str, tenant_id: str | None = None) -> Job:
        """One job with its steps. Raises NotFound; a job being aborted is not found, unless its info is kept."""

    def revision(self, job_id: str) -> tuple[int, JobStatus] | None:
        """Revision and status, cheaply; None where `job` raises NotFound."""

    def revisions(self, job_ids: Collection[str]) -> dict[str, tuple[int, JobStatus]]:
        """The same of many jobs in one look; those of which `job` raises NotFound are left out."""

    def jobs_of(self, tenant_id: str) -> list[Job]:
        """The tenant's jobs with their steps, oldest first, as `job` would show them; no MODULE jobs."""

    def find_jobs(self, which: JobFilter) -> JobPage:
        """Jobs of all tenants with their steps, newest first."""

    def claim(self, job_id: str, worker: str, task_id: str | None, lease: float) -> Claim | None:
        """Takes a job, for `lease` seconds: a QUEUED one whose turn it is in its tenant, or one that is RUNNING or
        ABORTING under a lease that has run out. None if it cannot be had. Increments the epoch.
        """

    def save(self, claim: Claim, progress: Progress) -> int:
        """Commits progress of a RUNNING job; the new revision. Raises LostJob, and then nothing is changed."""

    def replan(self, claim: Claim, steps: Sequence[Step], edges: Sequence[tuple[int, int]], assumed: str) -> None:
        """Replaces the steps of a claimed job of which none has begun. Raises LostJob."""

    def finish(self, claim: Claim, ending: Ending, progress: Progress) -> JobRef | None:
        """Ends a RUNNING job and forgets its headers; the tenant's next queued job, if any. Raises LostJob."""

    def end_abort(self, claim: Claim, warning_modules: Sequence[str]) -> JobRef | None:
        """Removes an ABORTING job, or ends it as ERROR `aborted` if its info is kept; the tenant's next job.

        `warning_modules` are modules whose own tenant job may go on; the next job that touches one is told.
        Steps that were running become error "aborted". Raises LostJob.
        """

    def standing(self, claim: Claim) -> JobStatus | None:
        """The job's status while the claim holds (RUNNING or ABORTING); None when it is no longer ours."""

    def release(self, claim: Claim) -> None:
        """Gives a RUNNING job back as QUEUED, for another worker, with its steps as they are. LostJob is ignored."""

    def abort(self, job_id: str, *, keep: bool, tenant_id: str | None = None) -> Aborted:
        """A QUEUED job is removed (kept: ended as ERROR `aborted`), a RUNNING one becomes ABORTING, a complete one is
        removed (kept: left as it is). Raises NotFound.
        """

    def end_queued(self, job_id: str, ending: Ending) -> bool:
        """Ends a job that is still QUEUED; whether it was."""

    def retry(self, job_id: str, steps: Sequence[Step], headers: Mapping[str, str], task_id: str) -> Job:
        """Makes a job that ended as ERROR QUEUED again with those steps (all of them), and counts the retry.

        Raises:
            NotFound: there is no such job.
            UserError: it is not at an end that can be retried.
        """

    def beat(self, worker: str, lease: float) -> list[Beat]:
        """Renews the leases of all the worker's jobs in one statement, and tells of each."""

    def leave(self, worker: str) -> None:
        """Forgets a worker that ends. One that ends without a word is forgotten after an hour."""

    def disown(self, worker: str, beat: Beat) -> None:
        """Ends the lease of a claim that the worker does not know of: the answer to its claim was lost on the way."""

    def sweep(self, lease: float, republish_after: float) -> list[JobRef]:
        """Jobs to publish again, each told to one sweeper only: expired leases, and queued jobs whose turn it is
        and whose message was sent more than `republish_after` seconds ago (doubled with every time).
        """

    def durations(self, products: Collection[str]) -> dict[tuple[str, str], Durations]:
        """By (product, action) for those products that have been seen."""

    def due_callbacks(self, limit: int) -> list[Job]:
        """Complete jobs whose callback is due now, each told to one caller only (leased for a minute)."""

    def callback_done(self, job_id: str, *, delivered: bool, retry_in: float | None) -> None:
        """Records the outcome of a callback; `retry_in` seconds None means it is given up."""

    def purge_complete(self, older_than: float) -> int:
        """Removes complete jobs that ended more than that many seconds ago; how many."""

    def census(self) -> Census:
        """Numbers for the metrics."""

    def add_counts(self, deltas: Mapping[CountKey, float]) -> None:
        """Adds to counters; those that are not there begin at 0. They outlive jobs and processes."""

    def counts(self) -> dict[CountKey, float]:
        """All counters."""


class Store(RegistryStore, JobStore, Protocol):
    """All of it, and its own health."""

    def check(self) -> None:
        """Raises StoreUnavailable unless it answers."""

    def dispose(self) -> None:
        """Closes its connections."""
