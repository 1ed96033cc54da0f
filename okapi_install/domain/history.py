"""The history of a job: events, which are only ever added, and their words.

The steps of a job show its newest state. Its history keeps what that state replaces: earlier attempts with their
errors, earlier workers, and who aborted or retried the job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from okapi_install.domain import recording_messages
from okapi_install.domain.foreign_text import one_line
from okapi_install.domain.jobs import Change, EndReason, JobStatus, Problem, ProblemCode, Stage, Step, StepStatus
from okapi_install.domain.workers import worker_name


class EventKind(StrEnum):
    """What happened to a job, or to one of its modules (`step_…`)."""

    REQUESTED = "requested"
    CLAIMED = "claimed"
    TAKEN_OVER = "taken_over"
    RELEASED = "released"
    REPLANNED = "replanned"
    STEP_STARTED = "step_started"
    STEP_RESUMED = "step_resumed"
    """A worker waits for the tenant job that the module runs for a lost worker."""
    STEP_TENANT_JOB = "step_tenant_job"
    STEP_INITIALISED = "step_initialised"
    """The module is initialised, and is recorded next. Only beside an Okapi."""
    STEP_WAITS = "step_waits"
    """The module is initialised, and Okapi cannot record that at the moment."""
    STEP_RECORDED_AGAIN = "step_recorded_again"
    STEP_DONE = "step_done"
    STEP_FAILED = "step_failed"
    STEP_SKIPPED = "step_skipped"
    STEP_STOPPED = "step_stopped"
    WAITS = "waits"
    """The job waits for Okapi, or for a job of Okapi's own."""
    CHANGED_BY_OTHERS = "changed_by_others"
    ABORT_REQUESTED = "abort_requested"
    RETRIED = "retried"
    DONE = "done"
    FAILED = "failed"
    ABORTED = "aborted"
    REVOKED = "revoked"
    UNPLANNABLE = "unplannable"


_MOST_OF_WORDS = 600

USUAL = frozenset((EventKind.STEP_STARTED, EventKind.STEP_TENANT_JOB, EventKind.STEP_INITIALISED, EventKind.STEP_DONE))
"""The kinds of events that every module of a smooth job has."""

NOTABLE = frozenset(EventKind) - USUAL
"""All other kinds: what happened to the job as a whole, and what went wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEvent:
    """One event. `at` is in seconds since 1970; None means the moment of the commit, which the store fills in."""

    kind: EventKind
    at: float | None = None
    by: str | None = None
    """Who requested it, for requests, aborts and retries."""
    worker: str | None = None
    """The identity of the worker, for claims and releases."""
    change: Change | None = None
    """The module and its action, for events of a step."""
    attempt: int | None = None
    message: str | None = None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


RETRIED = JobEvent(kind=EventKind.RETRIED)
"""A retry by nobody in particular."""


def step_event(known: Step, step: Step, *, inherited: bool = False) -> JobEvent | None:
    """The event between two committed values of a step, if any.

    `inherited` tells that `known` is of another worker, whose work on the running step is continued.
    """
    if step.status is StepStatus.RUNNING:
        return _while_running(known, step, inherited=inherited)
    if step.status is StepStatus.DONE and known.status is StepStatus.DONE:
        again = step.recorded_again and not known.recorded_again
        return JobEvent(kind=EventKind.STEP_RECORDED_AGAIN, change=step.change) if again else None
    if step.status is None or step.status is known.status:
        return None
    return JobEvent(
        kind=_end_of(step),
        at=None if known.stage is Stage.INITIALISED else step.ended,
        change=step.change,
        attempt=step.attempts or None,
        message=step.message,
        errors=step.errors,
        warnings=step.warnings,
    )


def _while_running(known: Step, step: Step, *, inherited: bool) -> JobEvent | None:
    attempt, job = step.attempts, step.tenant_job
    if step.stage is Stage.INITIALISED:
        return _while_recorded(known, step, inherited=inherited)
    if known.status is not StepStatus.RUNNING or known.attempts != attempt:
        return JobEvent(kind=EventKind.STEP_STARTED, at=step.started, change=step.change, attempt=attempt)
    if job is not None and (known.tenant_job is None or known.tenant_job.id != job.id):
        place = f"{job.id} at {job.base_url}"
        return JobEvent(kind=EventKind.STEP_TENANT_JOB, change=step.change, attempt=attempt, message=place)
    return _waiting(known, step) or (
        JobEvent(kind=EventKind.STEP_RESUMED, change=step.change, attempt=attempt) if inherited else None
    )


def _waiting(known: Step, step: Step) -> JobEvent | None:
    why = step.waiting_for
    if why is None or why == known.waiting_for:
        return None
    return JobEvent(kind=EventKind.STEP_WAITS, change=step.change, attempt=step.attempts, message=why)


def _while_recorded(known: Step, step: Step, *, inherited: bool) -> JobEvent | None:
    """The event of a step whose module is initialised."""
    change, attempt = step.change, step.attempts
    if known.stage is not Stage.INITIALISED:
        return JobEvent(kind=EventKind.STEP_INITIALISED, at=step.ended, change=change, attempt=attempt)
    waiting = _waiting(known, step)
    if waiting is not None:
        return waiting
    if inherited or known.status is not StepStatus.RUNNING:
        why = recording_messages.only_recorded()
        return JobEvent(kind=EventKind.STEP_RESUMED, change=change, attempt=attempt, message=why)
    return None


_CODES = {
    ProblemCode.NEEDS_FAILED_MODULE: EventKind.STEP_SKIPPED,
    ProblemCode.NEEDS_SKIPPED_MODULE: EventKind.STEP_SKIPPED,
    ProblemCode.SKIPPED_ON_REQUEST: EventKind.STEP_SKIPPED,
    ProblemCode.ABORTED: EventKind.STEP_STOPPED,
    ProblemCode.CUT_SHORT: EventKind.STEP_STOPPED,
}


def _end_of(step: Step) -> EventKind:
    if step.status is StepStatus.DONE:
        return EventKind.STEP_DONE
    kinds = [kind for code, kind in _CODES.items() if any(error.code == code for error in step.errors)]
    return kinds[0] if kinds else EventKind.STEP_FAILED


def end_event(status: JobStatus, reason: EndReason | None, message: str | None, by: str | None = None) -> JobEvent:
    """The event of a job's end."""
    kind = EventKind.DONE if status is JobStatus.DONE else EventKind(reason or EndReason.FAILED)
    return JobEvent(kind=kind, message=message, by=by)


def words(event: JobEvent) -> str:
    """The event as a sentence in one line, without its time. Errors are in it only as the message of the module."""
    return one_line(_WORDS[event.kind](event), _MOST_OF_WORDS)


def _by(verb: str) -> Callable[[JobEvent], str]:
    return lambda event: verb if event.by is None else f"{verb} by {event.by}"


def _of_worker(sentence: str) -> Callable[[JobEvent], str]:
    return lambda event: sentence.format(worker_name(event.worker or ""))


def _of_module(sentence: str) -> Callable[[JobEvent], str]:
    return lambda event: sentence.format(module=_module(event), why=one_line(event.message or ""))


def _module(event: JobEvent) -> str:
    return event.change.id if event.change is not None else ""


def _started(event: JobEvent) -> str:
    action = event.change.action.value if event.change is not None else ""
    return f"{_module(event)}: {action} started" + (f", attempt {event.attempt}" if (event.attempt or 0) > 1 else "")


def _resumed(event: JobEvent) -> str:
    return f"{_module(event)}: {event.message or 'waiting again for its tenant job'}"


def _step_failed(event: JobEvent) -> str:
    """In the module's own words, if it has sent some: Okapi's message has the body of its response."""
    why = event.errors[0].message if event.errors else event.message or ""
    return f"{_module(event)}: failed: {one_line(why)}"


def _retried(event: JobEvent) -> str:
    return _by("Retry requested")(event) + (f": {event.message}" if event.message else "")


def _ended(verb: str) -> Callable[[JobEvent], str]:
    def sentence(event: JobEvent) -> str:
        text = _by(verb)(event)
        return text if event.message is None else f"{text}: {one_line(event.message)}"

    return sentence


_WORDS: Mapping[EventKind, Callable[[JobEvent], str]] = MappingProxyType(
    {
        EventKind.REQUESTED: _by("Requested"),
        EventKind.CLAIMED: _of_worker("Claimed by worker {}"),
        EventKind.TAKEN_OVER: _of_worker("Taken over by worker {}, because the lease of its worker had expired"),
        EventKind.RELEASED: _of_worker("Released by worker {}, which stops"),
        EventKind.REPLANNED: lambda _event: "Planned again, because the tenant's modules had changed",
        EventKind.STEP_STARTED: _started,
        EventKind.STEP_RESUMED: _resumed,
        EventKind.STEP_TENANT_JOB: _of_module("{module}: runs tenant job {why}"),
        EventKind.STEP_INITIALISED: _of_module("{module}: initialised"),
        EventKind.STEP_WAITS: _of_module("{module}: {why}"),
        EventKind.STEP_RECORDED_AGAIN: _of_module("{module}: recorded again, because Okapi had lost the change"),
        EventKind.STEP_DONE: _of_module("{module}: done"),
        EventKind.STEP_FAILED: _step_failed,
        EventKind.STEP_SKIPPED: _of_module("{module}: {why}"),
        EventKind.STEP_STOPPED: _of_module("{module}: stopped: {why}"),
        EventKind.WAITS: lambda event: event.message or "Waits for Okapi",
        EventKind.CHANGED_BY_OTHERS: lambda event: event.message or "Others changed the tenant's modules",
        EventKind.ABORT_REQUESTED: _by("Abort requested"),
        EventKind.RETRIED: _retried,
        EventKind.DONE: _ended("Done"),
        EventKind.FAILED: _ended("Failed"),
        EventKind.ABORTED: _ended("Aborted"),
        EventKind.REVOKED: _ended("Revoked"),
        EventKind.UNPLANNABLE: _ended("Cannot be planned any more"),
    }
)
