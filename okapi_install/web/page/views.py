"""What the templates show, worked out from jobs: no HTML here, and no Jinja knows of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from okapi_install.domain.jobs import Job, JobStatus, Problem, Step, StepStatus
from okapi_install.domain.workers import worker_name
from okapi_install.service.ports import Durations
from okapi_install.web.job_views import job_view, options_view, step_key
from okapi_install.web.states import State, job_state, step_state
from okapi_install.web.words import counted, rough

Seen = Mapping[tuple[str, str], Durations]

REASONS = {
    "failed": "a module failed",
    "aborted": "it was aborted",
    "revoked": "its task was revoked",
    "unplannable": "it could not be planned any more",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLine:
    """A job in a list."""

    id: str
    tenant: str
    state: State
    what: str
    total: int
    done: int
    failed: int
    created: float
    started: float | None
    seconds: float | None
    ticking: bool
    """Whether its time goes on."""
    requested_by: str | None
    message: str | None
    revision: int

    @classmethod
    def of(cls, job: Job, now: float) -> JobLine:
        """From a job, at a moment."""
        states = [step_state(step, job).key for step in job.steps]
        return cls(
            id=job.id,
            tenant=job.tenant,
            state=job_state(job),
            what=what(job),
            total=len(job.steps),
            done=states.count("done"),
            failed=states.count("error"),
            created=job.created,
            started=job.started,
            seconds=_seconds(job.started, job.ended, now),
            ticking=_ticking(job),
            requested_by=job.requested_by,
            message=job.message,
            revision=job.revision,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleRow:
    """A module of a job."""

    pos: int
    id: str
    action: str
    from_id: str | None
    state: State
    stage: str
    seconds: float | None
    started: float | None
    ticking: bool
    expected: float | None
    slow: bool
    slow_after: float | None
    """Seconds from which it is slower than it ever was; None if nothing is known."""
    attempts: int
    message: str | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    revision: int

    @property
    def has_problems(self) -> bool:
        """Whether there is more to say about it than fits a line."""
        return bool(self.message or self.errors or self.warnings)

    @property
    def message_alone(self) -> bool:
        """Whether Okapi's message says what no error says."""
        return bool(self.message) and all(error.message != self.message for error in self.errors)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPageView:
    """All of a job's page but its pictures."""

    line: JobLine
    ended: float | None
    reason: str | None
    attempts: int
    retries: int
    worker: str | None
    options: Mapping[str, object]
    remaining: str | None
    complete: bool
    may_abort: bool
    may_retry: bool
    rows: tuple[ModuleRow, ...]
    announcement: str

    @property
    def failed(self) -> tuple[ModuleRow, ...]:
        """The modules that failed."""
        return tuple(row for row in self.rows if row.state.key == "error")

    @property
    def running(self) -> int:
        """How many modules run now."""
        return sum(row.state.key == "running" for row in self.rows)


def what(job: Job) -> str:
    """What a job is, in some words: its kind, and its module if it has one only."""
    if len(job.steps) == 1:
        change = job.steps[0].change
        return f"{change.action.value} {change.id}"
    return f"{job.kind.value}: {counted(len(job.steps), 'module')}"


def job_page_view(job: Job, seen: Seen, now: float) -> JobPageView:
    """The view of a job at a moment, with the durations known of its modules."""
    document = job_view(job, seen, now)
    modules: Any = document["modules"]
    rows = tuple(_row(step, shown, job, seen) for step, shown in zip(job.steps, modules, strict=True))
    remaining: Any = document["remainingSeconds"]
    return JobPageView(
        line=JobLine.of(job, now),
        ended=job.ended,
        reason=None if job.reason is None else REASONS.get(job.reason, job.reason),
        attempts=job.epoch,
        retries=job.retries,
        worker=job.owner and worker_name(job.owner),
        options=options_view(job.options),
        remaining=rough(remaining) if remaining is not None and job.status is JobStatus.RUNNING else None,
        complete=job.complete,
        may_abort=not job.complete and job.status is not JobStatus.ABORTING,
        may_retry=job.status is JobStatus.ERROR and any(step.status is not StepStatus.DONE for step in job.steps),
        rows=rows,
        announcement=_announcement(job),
    )


def _row(step: Step, shown: Mapping[str, Any], job: Job, seen: Seen) -> ModuleRow:
    known = seen.get(step_key(step))
    return ModuleRow(
        pos=step.pos,
        id=step.change.id,
        action=step.change.action.value,
        from_id=step.change.from_id,
        state=step_state(step, job),
        stage=step.stage.value,
        seconds=shown["seconds"],
        started=step.started,
        ticking=step.status is StepStatus.RUNNING,
        expected=shown["expectedSeconds"],
        slow=shown["slow"],
        slow_after=None if known is None else known.slow_after,
        attempts=step.attempts,
        message=step.message,
        errors=step.errors,
        warnings=step.warnings,
        revision=step.revision,
    )


def dependencies(job: Job) -> list[tuple[str, list[str]]]:
    """The graph as text: each module that waits for others, and those."""
    names = {step.pos: step.change.id for step in job.steps}
    waits: dict[int, list[str]] = {step.pos: [] for step in job.steps}
    for before, later in job.edges:
        if before in names and later in waits:
            waits[later].append(names[before])
    return [(names[pos], before) for pos, before in waits.items() if before]


def _announcement(job: Job) -> str:
    """What a screen reader is told when it changes: the state, and failures, but not every module."""
    failed = sum(step_state(step, job).key == "error" for step in job.steps)
    words = f"Job {job_state(job).word.lower()}"
    return f"{words}, {counted(failed, 'module')} failed" if failed else words


def _ticking(job: Job) -> bool:
    return job.started is not None and not job.complete


def _seconds(start: float | None, end: float | None, now: float) -> float | None:
    return None if start is None else max((end if end is not None else now) - start, 0.0)
