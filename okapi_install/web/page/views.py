"""The values that templates show of a snapshot, in the words of the page. There is no HTML here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from okapi_install.domain import messages
from okapi_install.domain.foreign_text import one_line
from okapi_install.domain.jobs import EndReason, Job, Problem, Step
from okapi_install.domain.presentation.naming import action_word, job_name
from okapi_install.domain.presentation.states import OF_MODULES, ModuleCounts, State
from okapi_install.service.jobs.gateway_warnings import all_warnings
from okapi_install.service.jobs.snapshots import JobSnapshot, JobSummary, StepSnapshot
from okapi_install.web.job_views import options_view
from okapi_install.web.standing import estimate_text, waiting_text
from okapi_install.web.states import STYLES, StateStyle
from okapi_install.web.words import counted

REASONS = {
    EndReason.FAILED: "a module failed",
    EndReason.ABORTED: "it was aborted",
    EndReason.REVOKED: "its task was revoked",
    EndReason.UNPLANNABLE: "it could not be planned any more",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLine:
    """A job in a list."""

    id: str
    tenant: str
    state: StateStyle
    what: str
    total: int
    done: int
    failed: int
    skipped: int
    warnings: int
    running: int
    created: float
    started: float | None
    first_started: float | None
    total_seconds: float | None
    """The time since its first start; None if it was not retried."""
    seconds: float | None
    ticking: bool
    """Whether its time is still running."""
    requested_by: str | None
    message: str | None
    revision: int
    estimate: str | None
    """How long it still takes, or why nobody knows."""
    waiting: str | None
    """Why nothing happens to it, if nothing does."""
    behind: str | None
    """The id of the job of its tenant directly ahead."""

    @classmethod
    def of(cls, summary: JobSummary) -> JobLine:
        """The summary of a job as a line."""
        job, counts = summary.job, summary.counts
        return cls(
            id=job.id,
            tenant=job.tenant,
            state=STYLES[summary.state],
            what=job_name(job),
            total=counts.total,
            done=counts.count(State.DONE),
            failed=counts.count(State.FAILED),
            skipped=counts.count(State.SKIPPED),
            warnings=counts.warnings,
            running=counts.count(State.RUNNING),
            created=job.created,
            started=job.started,
            first_started=job.first_started,
            total_seconds=summary.total_elapsed if job.retries else None,
            seconds=summary.elapsed,
            ticking=summary.ticking,
            requested_by=job.requested_by,
            message=job.message,
            revision=job.revision,
            estimate=estimate_text(summary),
            waiting=None if summary.waiting is None else waiting_text(summary.waiting),
            behind=None if summary.waiting is None else summary.waiting.behind,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleRow:
    """A module of a job."""

    pos: int
    id: str
    action: str
    from_id: str | None
    state: StateStyle
    stage: str
    seconds: float | None
    started: float | None
    ticking: bool
    expected: float | None
    slow: bool
    slow_after: float | None
    """Seconds after which it is slower than ever before; None if nothing is known."""
    attempts: int
    message: str | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    instance: str | None
    tenant_job: str | None
    log_url: str | None
    revision: int

    @classmethod
    def of(cls, it: StepSnapshot) -> ModuleRow:
        """The snapshot of a module as a row."""
        step = it.step
        return cls(
            pos=step.pos,
            id=step.change.id,
            action=action_word(step.change.action, step.change.id, step.change.from_id),
            from_id=step.change.from_id,
            state=STYLES[it.state],
            stage=step.stage.value,
            seconds=it.elapsed,
            started=step.started,
            ticking=it.state is State.RUNNING,
            expected=it.expected,
            slow=it.slow,
            slow_after=None if it.usual is None else it.usual.slow_after,
            attempts=step.attempts,
            message=step.message,
            errors=step.errors,
            warnings=step.warnings,
            instance=step.instance_url,
            tenant_job=step.tenant_job_id,
            log_url=it.log_url,
            revision=step.revision,
        )

    @property
    def shows_place(self) -> bool:
        """Whether somebody may want to look where it runs: it is running, or has gone wrong."""
        return self.instance is not None and (self.ticking or self.has_problems)

    @property
    def has_problems(self) -> bool:
        """Whether it needs a second row for messages, errors and warnings."""
        return bool(self.warnings) or (bool(self.message or self.errors) and not self.skipped)

    @property
    def skipped(self) -> bool:
        """Whether it was not called. Its message, which says why, is beside its name."""
        return self.state is STYLES[State.SKIPPED]

    @property
    def message_alone(self) -> bool:
        """Whether Okapi's message is not among the errors."""
        return bool(self.message) and all(error.message != self.message for error in self.errors)

    @property
    def rank(self) -> int:
        """Its place in the table: what needs attention first, then in the order of the plan."""
        return _RANKS[self.state.key] * 10_000 + self.pos

    @property
    def has_warnings(self) -> bool:
        """Whether it has warnings."""
        return bool(self.warnings)


_REQUEST = re.compile(r"^(GET|POST|DELETE) request for \S+ \S+ failed with ")
_RANKS = {STYLES[state].key: rank for rank, state in enumerate(OF_MODULES)}
_MOST_FAILURES = 6
"""So many failures fit the first screen with their causes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A module that failed, and the first line of why, without what Okapi writes before the module's own words."""

    pos: int
    id: str
    why: str

    @classmethod
    def of(cls, step: Step) -> Failure:
        """The failure of a step."""
        errors = (error.message for error in step.errors)
        why = one_line(next(errors, None) or step.message or "")
        return cls(pos=step.pos, id=step.change.id, why=_REQUEST.sub("", why, count=1) or why)


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter of the table of modules: how many modules it shows. `key` is empty for all."""

    name: str
    key: str
    number: int
    word: str
    style: StateStyle | None = None


def chips(job: Job, counts: ModuleCounts) -> tuple[Chip, ...]:
    """The filters for the modules of a job, without those that would show nothing."""
    states = [Chip(it.value, STYLES[it].key, counts.count(it), it.word, STYLES[it]) for it in OF_MODULES]
    warned = Chip("warnings", "warnings", sum(bool(step.warnings) for step in job.steps), "with warnings")
    return (Chip("", "", counts.total, "in all"), *(chip for chip in (*states, warned) if chip.number))


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPageView:
    """The page of a job, without its pictures."""

    line: JobLine
    ended: float | None
    reason: str | None
    attempts: int
    retries: int
    worker: str | None
    options: Mapping[str, object]
    complete: bool
    may_abort: bool
    may_retry: bool
    warnings: tuple[Problem, ...]
    """About the job as a whole."""
    rows: tuple[ModuleRow, ...]
    failures: tuple[Failure, ...]
    """The first modules that failed."""
    unlisted: int
    """How many more failed."""
    chips: tuple[Chip, ...]
    aftermath: str | None
    """How many modules were skipped, stopped or not run because of these."""
    announcement: str

    @property
    def message_alone(self) -> str | None:
        """The message of the job, unless it repeats why a module failed."""
        said, line = self.line.message, self.line
        if said is None or said == messages.some_modules_failed(line.failed, line.skipped, line.total):
            return None
        return None if any(it.why and it.why in one_line(said) for it in self.failures) else said

    @classmethod
    def of(cls, snapshot: JobSnapshot) -> JobPageView:
        """The snapshot of a job as a page."""
        summary, job = snapshot.summary, snapshot.job
        failed = [it.step for it in snapshot.steps if it.state is State.FAILED]
        return cls(
            line=JobLine.of(summary),
            ended=job.ended,
            reason=None if job.reason is None else REASONS[job.reason],
            attempts=job.epoch,
            retries=job.retries,
            worker=summary.worker,
            options=options_view(job.options),
            complete=job.complete,
            may_abort=summary.can_abort,
            may_retry=summary.can_retry,
            warnings=all_warnings(job),
            rows=tuple(sorted((ModuleRow.of(it) for it in snapshot.steps), key=lambda row: row.rank)),
            failures=tuple(map(Failure.of, failed[:_MOST_FAILURES])),
            unlisted=max(len(failed) - _MOST_FAILURES, 0),
            chips=chips(job, summary.counts),
            aftermath=_aftermath(summary),
            announcement=_announcement(summary),
        )


def dependencies(job: Job) -> list[tuple[str, list[str]]]:
    """The graph as text: each module that waits for others, with the modules that it waits for."""
    names = {step.pos: step.change.id for step in job.steps}
    waits: dict[int, list[str]] = {step.pos: [] for step in job.steps}
    for before, later in job.edges:
        if before in names and later in waits:
            waits[later].append(names[before])
    return [(names[pos], before) for pos, before in waits.items() if before]


def _aftermath(summary: JobSummary) -> str | None:
    counts = summary.counts
    parts = [
        f"{counts.count(state)} {state.word}{reason}"
        for state, reason in (
            (State.SKIPPED, " because of these" if counts.count(State.FAILED) else ""),
            (State.STOPPED, ""),
            (State.NOT_RUN, ""),
        )
        if counts.count(state)
    ]
    return ", ".join(parts) or None


def _announcement(summary: JobSummary) -> str:
    """What a screen reader reads out after a change: the state and the number of failures, not every module."""
    failed = summary.counts.count(State.FAILED)
    words = f"Job {STYLES[summary.state].word.lower()}"
    return f"{words}, {counted(failed, 'module')} failed" if failed else words
