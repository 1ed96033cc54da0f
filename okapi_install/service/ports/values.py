"""Immutable values that stores and use cases exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from okapi_install.domain import messages
from okapi_install.domain.errors import ErrorType
from okapi_install.domain.history import EventKind, JobEvent
from okapi_install.domain.jobs import Change, EndReason, InstallOptions, Job, JobKind, JobStatus, Step
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.presentation.states import State


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    """A tenant as a client declares it (Okapi: TenantDescriptor)."""

    id: str
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """Where a module runs (Okapi: DeploymentDescriptor). `document` is the whole JSON as sent."""

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
    """The changes after a sequence number, oldest first, and the number to start from next time."""

    seq: int
    changes: tuple[RegistryChange, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantState:
    """The input of a plan: what the tenant has enabled now, and the plans that will run before it.

    `ahead` holds the steps of the tenant's jobs that are not complete (nor aborting), oldest job first. `registry_seq`
    is the number of the newest change in the registry at that moment, None if that was not requested.
    """

    enabled: frozenset[str]
    ahead: tuple[tuple[Step, ...], ...] = ()
    registry_seq: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A job to be added. `headers` are those of the request that modules get; they are deleted when the job ends."""

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
    """The right to run a job. It is valid while the store has the same owner and epoch.

    `now` is the store's clock at the claim. `enabled` is what the tenant has enabled. With
    `aborting`, the job is to be cleaned up, not continued. With `taken_over`, the lease of another worker had expired;
    `takeovers` is how often that happened since a step of the job last ended.
    `unfinished_work` has a text for each module of the tenant that may still be running after an abort. `registry_seq`
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
    """The changes of one commit: new values of the changed steps, and changes of the tenant's enabled modules."""

    steps: tuple[Step, ...] = ()
    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    events: tuple[JobEvent, ...] = ()
    """What is added to the job's history."""


NO_PROGRESS = Progress()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a job ends: DONE or ERROR, with the reason and the message of an error."""

    status: JobStatus
    message: str | None = None
    error_type: ErrorType | None = None
    reason: EndReason | None = None


ABORTED = Ending(
    status=JobStatus.ERROR, message=messages.job_aborted(), error_type=ErrorType.USER, reason=EndReason.ABORTED
)
"""The end of an aborted job whose record is kept."""

REVOKED = Ending(
    status=JobStatus.ERROR,
    message=messages.job_revoked(),
    error_type=ErrorType.INTERNAL,
    reason=EndReason.REVOKED,
)
"""The end of a job whose task was revoked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRef:
    """What a message about a job needs."""

    id: str
    tenant: str
    kind: JobKind
    task_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """The state of one of the worker's jobs at a heartbeat."""

    job_id: str
    epoch: int
    status: JobStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Aborted:
    """The result of an abort. `was` is the job's state before. The job has the `task_id` unless it was complete."""

    job: JobRef
    was: JobStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Durations:
    """Durations, in seconds, of earlier successful steps of a product with one action."""

    count: int
    mean: float
    longest: float

    @property
    def slow_after(self) -> float:
        """Seconds after which a step counts as slow: a tenth and a second more than the longest so far."""
        return self.longest * 1.1 + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerInfo:
    """A worker process that has sent a heartbeat, and how many seconds ago."""

    name: str
    age: float
    jobs: int
    concurrency: int | None = None
    """How many jobs it runs at once at the most; None if it did not report that."""
    version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerAbout:
    """What a worker process reports about itself with its heartbeats."""

    concurrency: int | None = None
    version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class InLine:
    """A job that is not complete, in the order in which the jobs of its tenant run."""

    id: str
    status: JobStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Selects jobs of all tenants, newest first: `limit` of them from `offset`. None, or no states, means any."""

    tenant: str | None = None
    states: frozenset[State] = frozenset()
    ids: frozenset[str] | None = None
    limit: int = 50
    offset: int = 0
    most_counted: int = 2000
    """How many matches are counted. Counting all takes the longer, the more complete jobs there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPage:
    """A page of jobs, and the number of matches. With `more` there are more of them than were counted."""

    jobs: tuple[Job, ...]
    total: int
    more: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryFilter:
    """Selects events of a job: `limit` of them from `offset`, oldest first, or the newest of them. None means any kind.

    The result is always in order of time.
    """

    kinds: frozenset[EventKind] | None = None
    limit: int = 1000
    offset: int = 0
    newest: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryPage:
    """A page of events, and the total number of matches."""

    events: tuple[JobEvent, ...]
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LastJob:
    """How a tenant's newest complete job ended."""

    id: str
    kind: JobKind
    status: JobStatus
    reason: EndReason | None
    ended: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantOverview:
    """A tenant in a list. `active` is the id of the job that runs or is being aborted, `waiting` counts queued ones."""

    tenant: str
    modules: int
    """How many are enabled."""
    active: str | None
    waiting: int
    last: LastJob | None


class TroubleKind(StrEnum):
    """Why somebody should look at a job."""

    FAILED = "failed"
    SLOW = "slow"
    """One of its steps takes longer than its module ever took."""
    WAITING = "waiting"
    """Of all queued jobs it has waited longest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A job that somebody should look at. `since` is in seconds since 1970; `module` is the slow one."""

    kind: TroubleKind
    tenant: str
    job_id: str
    since: float
    module: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Census:
    """The gauges for the metrics, all from one moment."""

    jobs: Mapping[JobStatus, int]
    waiting: int
    oldest_waiting: float | None
    """Age in seconds of the oldest queued job, None if there is none."""
    running_steps: int = 0
    slow_steps: int = 0
    """Running steps that take longer than their product ever took."""
    workers: tuple[WorkerInfo, ...] = field(default=())
