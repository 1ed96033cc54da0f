"""What page, API and command say about a job that is not complete: why it waits, and how long it still takes."""

from __future__ import annotations

from okapi_install.domain.jobs import JobStatus
from okapi_install.service.jobs.estimates import Estimate, EstimateKind
from okapi_install.service.jobs.snapshots import JobSummary
from okapi_install.service.jobs.waiting import WaitCause, Waiting
from okapi_install.web.words import counted, rough


def estimate_text(summary: JobSummary) -> str | None:
    """The estimate of a job as a phrase; None if it has none."""
    found = summary.estimate
    if found is None:
        return None
    if found.seconds is not None:
        started = summary.job.status is not JobStatus.QUEUED
        return f"{rough(found.seconds)} left" if started else f"takes {rough(found.seconds)} once it starts"
    if found.kind is EstimateKind.OVERDUE:
        return _overdue_text(found, summary)
    if found.kind is EstimateKind.UNKNOWN:
        return f"no estimate: {counted(found.unknown, 'module')} without earlier runs"
    return "no estimate: earlier runs differ too much"


def waiting_text(waiting: Waiting) -> str:
    """Why a job waits, as a phrase."""
    if waiting.cause is WaitCause.NO_WORKER:
        return "no worker is running, so no job continues"
    if waiting.cause is WaitCause.OKAPI:
        why = waiting.why or ""
        return why[:1].lower() + why[1:]
    if waiting.cause is WaitCause.WORKERS_FULL:
        return f"all workers are full: they run {counted(waiting.full, 'job')}"
    if waiting.cause is WaitCause.STARTING:
        return "a worker is about to take it"
    start = "" if waiting.seconds is None else f", starts in {rough(waiting.seconds)}"
    return f"behind job {waiting.behind} of the same tenant, place {waiting.place} in line{start}"


def _overdue_text(found: Estimate, summary: JobSummary) -> str:
    first, *rest = found.overdue
    names = {step.pos: step.change.id for step in summary.job.steps}
    more = f" and {counted(len(rest), 'other')}" if rest else ""
    return f"overdue: {names[first]}{more} {'run' if rest else 'runs'} longer than ever"
