"""A job, its steps, and THE table of the transitions between a job's states.

A job is one install or upgrade of one tenant. Values are frozen: a change is a new value, written to the
store under the epoch of the worker that owns the job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from okapi_install.domain import messages
from okapi_install.domain.errors import ErrorType, InvalidTransition, UserError


class JobStatus(StrEnum):
    """The states of a job. DONE and ERROR are final. ABORTING ends with the removal of the job, or with ERROR."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    ERROR = "error"
    ABORTING = "aborting"


_ARROWS: dict[JobStatus, dict[JobStatus, str]] = {
    JobStatus.QUEUED: {
        JobStatus.RUNNING: "a worker claims it",
        JobStatus.ERROR: "before it starts, it is revoked or aborted, or a new plan is impossible",
    },
    JobStatus.RUNNING: {
        JobStatus.DONE: "all steps are done",
        JobStatus.ERROR: "a step fails (also when errors are ignored), or the task is revoked",
        JobStatus.ABORTING: "a client aborts it",
        JobStatus.QUEUED: "its worker stops and releases it",
    },
    JobStatus.ABORTING: {JobStatus.ERROR: "an abort that keeps the record is cleaned up"},
    JobStatus.ERROR: {JobStatus.QUEUED: "a client retries it"},
}

TRANSITIONS: Mapping[JobStatus, Mapping[JobStatus, str]] = MappingProxyType(
    {origin: MappingProxyType(targets) for origin, targets in _ARROWS.items()}
)
"""From, to, and why. No other change is possible. A job's rows may be removed in every state."""

ACTIVE = frozenset({JobStatus.RUNNING, JobStatus.ABORTING})
"""At most one job of a tenant is in one of these states."""

COMPLETE = frozenset({JobStatus.DONE, JobStatus.ERROR})


def check_transition(origin: JobStatus, target: JobStatus) -> None:
    """Raises InvalidTransition unless the table has that change of state."""
    if target not in TRANSITIONS.get(origin, {}):
        raise InvalidTransition(f"a job that is {origin} cannot become {target}")


def check_retry(job_id: str, status: JobStatus) -> None:
    """Raises UserError unless a client may retry a job in that state."""
    if status not in COMPLETE or JobStatus.QUEUED not in TRANSITIONS.get(status, {}):
        raise UserError(messages.cannot_run_again(job_id, status))


class EndReason(StrEnum):
    """Why a job ended as ERROR."""

    FAILED = "failed"
    ABORTED = "aborted"
    REVOKED = "revoked"
    UNPLANNABLE = "unplannable"

    @property
    def stopped(self) -> bool:
        """Whether the job was aborted or revoked, so that nothing has failed."""
        return self in (EndReason.ABORTED, EndReason.REVOKED)


class JobKind(StrEnum):
    """The kind of request. MODULE is Okapi's older `POST …/tenants/{t}/modules`, which Okapi's job list leaves out."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    MODULE = "module"


class Action(StrEnum):
    """Okapi: TenantModuleDescriptor.Action."""

    ENABLE = "enable"
    DISABLE = "disable"
    UPTODATE = "uptodate"
    SUGGEST = "suggest"
    CONFLICT = "conflict"


class Stage(StrEnum):
    """Okapi: TenantModuleDescriptor.Stage, and INITIALISED."""

    PENDING = "pending"
    DEPLOY = "deploy"
    INVOKE = "invoke"
    INITIALISED = "initialised"
    """The module is initialised and is not called again; the platform is being told. Okapi's paths show INVOKE."""
    UNDEPLOY = "undeploy"
    DONE = "done"

    @property
    def of_okapi(self) -> Stage:
        """The stage that Okapi has for it."""
        return Stage.INVOKE if self is Stage.INITIALISED else self


class StepStatus(StrEnum):
    """OKAPI-874. The status of a step that has not started is None."""

    RUNNING = "running"
    DONE = "done"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One module change, requested or planned (Okapi: TenantModuleDescriptor without progress)."""

    id: str
    action: Action = Action.ENABLE
    from_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """FOLIO's parameters.schema: one key and its value."""

    key: str
    value: str


class ProblemType(StrEnum):
    """The types of our own problems. Those of modules are free text."""

    ERROR = "error"
    WARNING = "warning"
    MESSAGE = "message"
    """A text in the `messages` of a tenant job."""


class ProblemCode(StrEnum):
    """The codes of our own problems. Those of modules are free text."""

    ABORTED = "aborted"
    CUT_SHORT = "cut_short"
    NEEDS_FAILED_MODULE = "needs_failed_module"
    NEEDS_SKIPPED_MODULE = "needs_skipped_module"
    SKIPPED_ON_REQUEST = "skipped_on_request"
    PERMISSIONS_NOT_REFRESHED = "permissions_not_refreshed"
    TENANT_JOB_FAILED = "tenant_job_failed"
    TENANT_JOB_LAST_SEEN = "tenant_job_last_seen"
    TENANT_JOB_NOT_DELETED = "tenant_job_not_deleted"
    TENANT_JOB_PROBABLY_LOST = "tenant_job_probably_lost"
    LONGER_THAN_EVER = "longer_than_ever"
    CALLED_AGAIN = "called_again"
    UNFINISHED_WORK = "unfinished_work"
    NEEDS_GATEWAY = "needs_gateway"
    LEFT_OUT = "left_out"
    WAITS_FOR_PLATFORM = "waits_for_platform"
    WAITS_FOR_TURN = "waits_for_turn"
    NOT_RECORDED = "not_recorded"
    RECORDED_AGAIN = "recorded_again"
    CHANGED_BY_OTHERS = "changed_by_others"


WAITING_CODES = frozenset({ProblemCode.WAITS_FOR_PLATFORM, ProblemCode.WAITS_FOR_TURN})
"""Of warnings that last as long as something waits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """An error or a warning of a module, after FOLIO's error.schema. Only `message` is required."""

    message: str
    type: str | None = None
    code: str | None = None
    parameters: tuple[Parameter, ...] = ()

    @classmethod
    def error(cls, message: str, code: str) -> Problem:
        """An error of our own. The code is a ProblemCode, or that of an error of this package."""
        return cls(message=message, type=ProblemType.ERROR, code=code)

    @classmethod
    def warning(cls, message: str, code: ProblemCode, parameters: tuple[Parameter, ...] = ()) -> Problem:
        """A warning of our own."""
        return cls(message=message, type=ProblemType.WARNING, code=code, parameters=parameters)


@dataclass(frozen=True, kw_only=True, slots=True)
class InstallOptions:
    """The query parameters of install and upgrade (Okapi: TenantInstallOptions), checked and typed."""

    simulate: bool = False
    asynchronous: bool = False
    deploy: bool = False
    purge: bool = False
    tenant_parameters: str | None = None
    invoke: str | None = None
    dep_check: bool = True
    ignore_errors: bool = False
    reinstall: bool = False
    parallel: int = 1
    pre_release: str | None = None
    """None, "false" or "only", as sent; "true" is None."""
    npm_snapshot: str | None = None
    decisions: tuple[tuple[str, bool], ...] = ()
    """The result of the pattern in `invoke` for each module of the plan, decided once. Not a query parameter."""
    rollout: str | None = None
    """The id of the rollout that the job belongs to. Not a query parameter."""
    max_per_module: int | None = None
    """How many calls of one module that rollout may make at once. Not a query parameter."""


class TenantJobPhase(StrEnum):
    """The phase of a step that a tenant job belongs to."""

    INIT = "init"
    PURGE = "purge"
    """The purge before an enable with purge."""
    OVER = "over"
    """The tenant job has succeeded. It may have been deleted, so its module may not find it any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantJob:
    """A module's own asynchronous job, as its POST returned it.

    `base_url` is the module instance that was called. Only that instance may be polled.
    """

    id: str
    base_url: str
    phase: TenantJobPhase = TenantJobPhase.INIT


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One entry of a job's plan and its progress. Times are seconds since 1970, by the store's clock."""

    pos: int
    change: Change
    stage: Stage = Stage.PENDING
    status: StepStatus | None = None
    message: str | None = None
    """Okapi's words for the failure; None unless it failed."""
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    attempts: int = 0
    started: float | None = None
    ended: float | None = None
    tenant_job: TenantJob | None = None
    instance_url: str | None = None
    """The address of the module instance that was called last."""
    tenant_job_id: str | None = None
    """The id of the tenant job of this attempt, also when it has ended."""
    held: bool = False
    """Whether it does not run in the current run of the job, because a client retries only other modules."""
    revision: int = 0
    """The revision of the job in which this step last changed; set by the store."""

    @property
    def waiting_for(self) -> str | None:
        """What a running step with an initialised module waits for."""
        return _waiting_for(self.warnings) if self.status is StepStatus.RUNNING else None

    @property
    def recorded_again(self) -> bool:
        """Whether the platform had lost its change."""
        return any(w.code == ProblemCode.RECORDED_AGAIN for w in self.warnings)

    def aborted(self, now: float) -> Step:
        """The end of this step if it was running when its job was aborted."""
        words = messages.step_aborted()
        problem = Problem.error(words, ProblemCode.ABORTED)
        return replace(self, status=StepStatus.ERROR, message=words, errors=(*self.errors, problem), ended=now)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One install or upgrade of one tenant, as the store has it.

    Times are seconds since 1970. `epoch` counts the claims; `revision` counts the changes that a reader can
    see. `request` is what the client sent (None for an upgrade), kept so that the job can be planned again.
    """

    id: str
    tenant: str
    kind: JobKind
    status: JobStatus
    options: InstallOptions
    request: tuple[Change, ...] | None
    steps: tuple[Step, ...]
    created: float
    started: float | None = None
    """When the current run started: a retry starts another."""
    first_started: float | None = None
    ended: float | None = None
    message: str | None = None
    """Why the job ended as ERROR, in one sentence."""
    error_type: ErrorType | None = None
    """Whose error that was, for a synchronous client; None if such a client asked to ignore errors."""
    reason: EndReason | None = None
    assumed: str = ""
    """Digest of the enabled modules that the plan expects; see `digest` in plan.py."""
    requested_by: str | None = None
    owner: str | None = None
    epoch: int = 0
    revision: int = 0
    task_id: str | None = None
    lease_until: float | None = None
    keep_on_abort: bool = False
    retries: int = 0
    callback_url: str | None = None
    callback_attempts: int = 0
    """How often the callback has been tried since the job's end."""
    warnings: tuple[Problem, ...] = ()
    """Warnings about the job as a whole."""
    edges: tuple[tuple[int, int], ...] = field(default=())
    """Pairs of step positions (before, after): the later step waits for the earlier one."""

    @property
    def complete(self) -> bool:
        """Okapi's `complete`: the job has ended, and changes only if it is retried."""
        return self.status in COMPLETE

    @property
    def waiting_for(self) -> str | None:
        """What a job without a running step waits for."""
        return None if self.complete else _waiting_for(self.warnings)


def _waiting_for(warnings: Iterable[Problem]) -> str | None:
    return next((w.message for w in warnings if w.code in WAITING_CODES), None)
