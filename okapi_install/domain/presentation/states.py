"""The states of jobs and their modules for readers, and the one word that page, command and API have for each.

The store distinguishes less: a job that was aborted and a module that was skipped are stored as errors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from okapi_install.domain.jobs import EndReason, Job, JobStatus, ProblemCode, Step, StepStatus


class State(StrEnum):
    """The state of a job or of one of its modules."""

    WAITING = "waiting"
    """Of a job: no worker has claimed it yet."""
    NOT_STARTED = "not_started"
    """Of a module of a job that is not complete."""
    RUNNING = "running"
    ABORTING = "aborting"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    """It ended because the job was aborted or revoked. Nothing has failed."""
    SKIPPED = "skipped"
    """A module was not called, because one that it requires has failed, or because a client wanted that."""
    NOT_RUN = "not_run"
    """The job ended before the module was started."""

    @property
    def word(self) -> str:
        """The word for people."""
        return self.value.replace("_", " ")


OF_JOBS = (State.WAITING, State.RUNNING, State.ABORTING, State.DONE, State.FAILED, State.STOPPED)
"""The states of jobs, in the order of a job's life."""
OF_MODULES = (
    *(State.FAILED, State.RUNNING, State.STOPPED, State.SKIPPED),
    *(State.NOT_STARTED, State.NOT_RUN, State.DONE),
)
"""The states of modules, those first that a reader wants to see first."""
STORED_AS: Mapping[State, JobStatus] = MappingProxyType(
    {
        State.WAITING: JobStatus.QUEUED,
        State.RUNNING: JobStatus.RUNNING,
        State.ABORTING: JobStatus.ABORTING,
        State.DONE: JobStatus.DONE,
        State.FAILED: JobStatus.ERROR,
        State.STOPPED: JobStatus.ERROR,
    }
)
"""The stored status of a job in each state. A reason that `stopped` distinguishes the two errors."""
_OF_JOB = {status: state for state, status in STORED_AS.items() if state is not State.STOPPED}
_OF_STEP = {StepStatus.RUNNING: State.RUNNING, StepStatus.DONE: State.DONE, StepStatus.ERROR: State.FAILED}
_CUT_SHORT = frozenset({ProblemCode.ABORTED, ProblemCode.CUT_SHORT})
"""Codes of the last error of a step that was running when its job was aborted or revoked."""
_SKIPPED = frozenset(
    {ProblemCode.NEEDS_FAILED_MODULE, ProblemCode.NEEDS_SKIPPED_MODULE, ProblemCode.SKIPPED_ON_REQUEST}
)
"""Codes of the last error of a step that was not run."""
_BY_NAME: Mapping[str, frozenset[State]] = MappingProxyType(
    {state.value: frozenset((state,)) for state in OF_JOBS}
    | {
        "queued": frozenset((State.WAITING,)),
        "error": frozenset((State.FAILED, State.STOPPED)),
        "aborted": frozenset((State.STOPPED,)),
    }
)
FILTER_NAMES = tuple(_BY_NAME)
"""The names that a filter for jobs accepts: the states, and the stored statuses that differ from them."""


def states_named(name: str) -> frozenset[State] | None:
    """The states of jobs that a filter of that name selects; None if there is no such name."""
    return _BY_NAME.get(name)


def job_state(job: Job) -> State:
    """The state of a job."""
    return state_of(job.status, job.reason)


def state_of(status: JobStatus, reason: EndReason | None) -> State:
    """The state of a job with that status, which has ended for that reason."""
    return State.STOPPED if _was_stopped(status, reason) else _OF_JOB[status]


def step_state(step: Step, job: Job) -> State:
    """The state of one of the job's modules."""
    if step.status is None:
        return State.NOT_RUN if job.complete or step.held else State.NOT_STARTED
    if step.status is not StepStatus.ERROR or not step.errors:
        return _OF_STEP[step.status]
    if step.started is None and step.errors[-1].code in _SKIPPED:
        return State.SKIPPED
    if _was_stopped(job.status, job.reason) and step.errors[-1].code in _CUT_SHORT:
        return State.STOPPED
    return State.FAILED


def _was_stopped(status: JobStatus, reason: EndReason | None) -> bool:
    return status is JobStatus.ERROR and reason is not None and reason.stopped


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleCounts:
    """How many modules a job has, how many are in each state, and how many warnings they have together."""

    total: int
    by_state: Mapping[State, int]
    """A state without modules may be missing."""
    warnings: int = 0

    @classmethod
    def of(cls, steps: Collection[Step], states: Collection[State]) -> ModuleCounts:
        """The counts of modules in these states."""
        by_state: dict[State, int] = {}
        for state in states:
            by_state[state] = by_state.get(state, 0) + 1
        return cls(total=len(states), by_state=by_state, warnings=sum(len(step.warnings) for step in steps))

    @classmethod
    def of_job(cls, job: Job) -> ModuleCounts:
        """The counts of a job."""
        return cls.of(job.steps, [step_state(step, job) for step in job.steps])

    def count(self, *states: State) -> int:
        """How many are in one of these states."""
        return sum(self.by_state.get(state, 0) for state in states)

    @property
    def document(self) -> dict[str, object]:
        """For a document: `total`, the states in which there are modules, and `warnings`."""
        by_state = {state.value: self.count(state) for state in OF_MODULES if self.count(state)}
        return {"total": self.total, "byState": by_state, "warnings": self.warnings}

    @property
    def by_status(self) -> dict[str, int]:
        """For a document: `total`, and how many have each status of OKAPI-874."""
        return {
            "total": self.total,
            StepStatus.RUNNING.value: self.count(State.RUNNING),
            StepStatus.DONE.value: self.count(State.DONE),
            StepStatus.ERROR.value: self.count(State.FAILED, State.STOPPED, State.SKIPPED),
        }
