"""What goes through the seams: frozen values that stores and use cases hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from okapi_install.domain import messages
from okapi_install.domain.errors import ErrorType
from okapi_install.domain.jobs import Change, EndReason, InstallOptions, Job, JobKind, JobStatus, Step
from okapi_install.domain.modules.descriptors import ModuleSummary


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

    `ahead` holds the steps of the tenant's jobs that are not complete (nor aborting), oldest job first. `registry_seq`
    is the number of the newest change in the registry at that moment, None if that was not asked for.
    """

    enabled: frozenset[str]
    ahead: tuple[tuple[Step, ...], ...] = ()
    registry_seq: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A job to be written. `headers` are those of the request that modules get; they are forgotten at its end."""

    id: str
    tenant: str
    kind: JobKind
    options: InstallOptions
    request: tuple[Change, ...] | None
    steps: tuple[Step, ...]
    edges: tuple[tuple[int, int], ...] = ()
    assumed: str = ""
    requested_by: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    callback_url: str | None = None
    idempotency_key: str | None = None
    request_digest: str | None = None
    task_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The right to carry a job out: valid while the store has the same owner and epoch.

    `now` is the store's clock at the claim. `enabled` is what the tenant has enabled. `aborting` tells that
    the job is to be cleaned up, not carried on. `taken_over` tells that another worker's lease had run out,
    `takeovers` how often that was so since a step of the job has ended.
    `unfinished_work` has a text for each module of the tenant that may still be at work after an abort. `registry_seq`
    is as in TenantState.
    """

    job: Job
    worker: str
    epoch: int
    now: float
    enabled: frozenset[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    aborting: bool = False
    taken_over: bool = False
    takeovers: int = 0
    unfinished_work: Mapping[str, str] = field(default_factory=dict)
    registry_seq: int | None = None


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
    error_type: ErrorType | None = None
    reason: EndReason | None = None


ABORTED = Ending(
    status=JobStatus.ERROR, message=messages.job_aborted(), error_type=ErrorType.USER, reason=EndReason.ABORTED
)
"""How a job ends that was aborted and whose info is kept."""

REVOKED = Ending(
    status=JobStatus.ERROR,
    message=messages.job_revoked(),
    error_type=ErrorType.INTERNAL,
    reason=EndReason.REVOKED,
)
"""How a job ends whose task was revoked."""


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
