"""The seams: what the use cases need from the world, as Protocols. Adapters and test fakes fulfil them.

Every store method is one transaction, and raises StoreUnavailable when the store does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from okapi_install.domain.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.domain.errors import OkapiInstallError
from okapi_install.domain.jobs import Change, InstallOptions, Job, JobKind, JobStatus, Step
from okapi_install.service.meters import CountKey


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    """A tenant as a client declares it (Okapi: TenantDescriptor)."""

    id: str
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """Where a module runs (Okapi: DeploymentDescriptor). `document` is all of it, as sent."""

    inst_id: str
    srvc_id: str
    url: str | None
    document: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvEntry:
    """An environment variable for deployed modules (Okapi: EnvEntry)."""

    name: str
    value: str
    description: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryChange:
    """A module was added (with its summary) or removed (None)."""

    module_id: str
    summary: ModuleSummary | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryDelta:
    """What changed after a sequence number, oldest first, and the number to ask from next time."""

    seq: int
    changes: tuple[RegistryChange, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantState:
    """What a plan is made against: what the tenant has enabled now, and the plans that will run before.

    `ahead` holds the steps of the tenant's jobs that are not complete (nor aborting), oldest job first.
    """

    enabled: frozenset[str]
    ahead: tuple[tuple[Step, ...], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A job to be written. `sealed_headers` is the encrypted request context, opaque to the store."""

    id: str
    tenant: str
    kind: JobKind
    options: InstallOptions
    request: tuple[Change, ...] | None
    steps: tuple[Step, ...]
    edges: tuple[tuple[int, int], ...] = ()
    assumed: str = ""
    requested_by: str | None = None
    sealed_headers: bytes | None = None
    callback_url: str | None = None
    idempotency_key: str | None = None
    request_digest: str | None = None
    task_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The right to carry a job out: valid while the store has the same owner and epoch.

    `now` is the store's clock at the claim. `enabled` is what the tenant has enabled. `aborting` tells that
    the job is to be cleaned up, not carried on. `taken_over` tells that another worker's lease had run out.
    """

    job: Job
    worker: str
    epoch: int
    now: float
    enabled: frozenset[str]
    sealed_headers: bytes | None
    aborting: bool = False
    taken_over: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What changes in one commit: whole new values of the steps that changed, and of the tenant's modules."""

    steps: tuple[Step, ...] = ()
    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a job ends: DONE or ERROR, with the reason and the words of an error."""

    status: JobStatus
    message: str | None = None
    error_status: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRef:
    """Enough of a job to send a message about it."""

    id: str
    tenant: str
    kind: JobKind
    task_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """What a heartbeat found of one of the worker's jobs."""

    job_id: str
    epoch: int
    status: JobStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Aborted:
    """What an abort did. `was` is the job's state before; `task_id` is the task to revoke, if it was running."""

    job: JobRef
    was: JobStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Durations:
    """How long a module took before, in seconds, over successful steps of its product with that action."""

    count: int
    mean: float
    longest: float

    @property
    def slow_after(self) -> float:
        """Seconds after which a step counts as slow: longer than it ever took, by a tenth and a second."""
        return self.longest * 1.1 + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerInfo:
    """A worker process that has sent a heartbeat, and how many seconds ago."""

    name: str
    age: float
    jobs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Which jobs of all tenants: newest first, `limit` from `offset`. None means any."""

    tenant: str | None = None
    status: JobStatus | None = None
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPage:
    """A page of jobs and how many match in all."""

    jobs: tuple[Job, ...]
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Census:
    """Numbers for the metrics, all from one moment."""

    jobs: Mapping[JobStatus, int]
    waiting: int
    oldest_waiting: float | None
    """Age in seconds of the oldest queued job, None if there is none."""
    running_steps: int = 0
    slow_steps: int = 0
    """Those of the running steps that take longer than their product ever did."""
    workers: tuple[WorkerInfo, ...] = field(default=())


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

    def jobs_of(self, tenant_id: str) -> list[Job]:
        """The tenant's jobs with their steps, oldest first, as `job` would show them; no MODULE jobs."""

    def find_jobs(self, which: JobFilter) -> JobPage:
        """Jobs of all tenants with their steps, newest first."""

    def published(self, job_id: str, task_id: str) -> None:
        """A message about the job has been sent under that task id."""

    def claim(self, job_id: str, worker: str, task_id: str | None, lease: float) -> Claim | None:
        """Takes a job, for `lease` seconds: a QUEUED one whose turn it is in its tenant, or one that is RUNNING or
        ABORTING under a lease that has run out. None if it cannot be had. Increments the epoch."""

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
        removed (kept: left as it is). Raises NotFound."""

    def end_queued(self, job_id: str, ending: Ending) -> bool:
        """Ends a job that is still QUEUED; whether it was."""

    def retry(self, job_id: str, steps: Sequence[Step], sealed_headers: bytes | None, task_id: str) -> Job:
        """Makes a job that ended as ERROR QUEUED again with those steps (all of them), and counts the retry.

        Raises:
            NotFound: there is no such job.
            UserError: it is not at an end that can be retried.
        """

    def beat(self, worker: str, lease: float) -> list[Beat]:
        """Renews the leases of all the worker's jobs in one statement, and tells of each."""

    def disown(self, worker: str, beat: Beat) -> None:
        """Ends the lease of a claim that the worker does not know of: the answer to its claim was lost on the way."""

    def sweep(self, lease: float, republish_after: float) -> list[JobRef]:
        """Jobs to publish again, each told to one sweeper only: expired leases, and queued jobs whose turn it is
        and whose message was sent more than `republish_after` seconds ago (doubled with every time)."""

    def unfinished_work(self, tenant_id: str) -> dict[str, str]:
        """Module ids whose own tenant job may go on after an abort, and what to warn with."""

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


class Seal(Protocol):
    """Encrypts the context of a request, so that no token is to be read in the store."""

    def close(self, headers: Mapping[str, str]) -> bytes:
        """The headers, encrypted."""

    def open(self, sealed: bytes | None) -> dict[str, str]:
        """The headers again; empty for None, or when the key is another than the one they were closed with."""


class Queue(Protocol):
    """The broker: hints that there is work, and the carrying of aborts."""

    def publish(self, job: JobRef) -> None:
        """Sends the task of the job under its `task_id`. Raises OkapiInstallError if the broker does not answer."""

    def revoke(self, task_id: str) -> None:
        """Tells all workers to terminate that task. Does not raise: the store knows."""


class Listener(Protocol):
    """One who waits for changes of one job."""

    def wait(self, timeout: float) -> bool:
        """Waits until a change is told that came after the last call, `timeout` seconds at most; whether one came."""


class Notifier(Protocol):
    """Wakes those who wait for a change of a job. It may lose a call: those who wait look anyway."""

    def changed(self, job_id: str, *, now: bool = False) -> None:
        """The job has changed. Calls may be put together for some ms, unless `now`."""

    def listen(self, job_id: str) -> AbstractContextManager[Listener]:
        """Changes from here on wake the listener. Look into the store after this, so that none is missed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a module answered: any status; header names in lower case; the body as text."""

    status: int
    headers: Mapping[str, str]
    body: str


class ModuleUnreachable(OkapiInstallError):
    """No answer came: the connection broke or the time was up. `retry` tells whether trying again makes sense."""

    code = "module_unreachable"

    def __init__(self, message: str, *, retry: bool = True) -> None:
        super().__init__(message)
        self.retry = retry


class ConnectionRefused(ModuleUnreachable):
    """The module was not reached at all, so it has not seen the call."""

    code = "connection_refused"


class TenantApi(Protocol):
    """One HTTP call of a module."""

    def call(self, method: str, url: str, headers: Mapping[str, str], body: str, timeout: float | None) -> Answer:
        """Raises ConnectionRefused, or ModuleUnreachable. `timeout` is in seconds, None for ever."""


class Crew(Protocol):
    """Runs the steps of one job side by side."""

    def start(self, pos: int, work: Callable[[], None]) -> None:
        """Begins the work of the step at that position."""

    def finished(self) -> list[tuple[int, BaseException | None]]:
        """Waits until something has ended; all that has, with what it raised."""

    def kill(self) -> None:
        """Ends all that runs, at whatever point it waits, and returns when it has ended."""


class Tasks(Protocol):
    """The concurrency of a worker process."""

    def crew(self) -> Crew:
        """A new crew for one job."""

    def current(self) -> Callable[[], None]:
        """What, when called from elsewhere, interrupts the caller's task with a BaseException."""

    def background(self, work: Callable[[], None]) -> None:
        """Runs work on its own, so that an interruption of the caller does not reach it."""


class Clock(Protocol):
    """Time for waiting; never for deciding who owns what."""

    def monotonic(self) -> float:
        """Seconds from some fixed moment."""

    def sleep(self, seconds: float) -> None:
        """Waits; on gevent only the calling greenlet."""
