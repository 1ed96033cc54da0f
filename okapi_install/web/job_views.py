"""Jobs as JSON: Okapi's InstallJob with what OKAPI-874 adds, and our own fuller view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from okapi_install.domain.foreign_text import one_line
from okapi_install.domain.history import JobEvent, words
from okapi_install.domain.jobs import Change, InstallOptions, Job, JobStatus, Problem, Step
from okapi_install.domain.presentation.naming import job_name
from okapi_install.domain.problems import to_json
from okapi_install.domain.timestamps import iso
from okapi_install.domain.workers import worker_name
from okapi_install.service.jobs.gateway_warnings import all_warnings
from okapi_install.service.jobs.snapshots import JobSnapshot, JobSummary, StepSnapshot
from okapi_install.service.jobs.waiting import Waiting, WorkerView
from okapi_install.web.standing import estimate_text, waiting_text

Document = dict[str, object]

_MOST_LISTED = 5
"""Most errors, and most warnings, of a module in a list of jobs."""


def change_view(change: Change) -> Document:
    """Okapi: TenantModuleDescriptor without progress."""
    document: Document = {"id": change.id}
    if change.from_id is not None:
        document["from"] = change.from_id
    return document | {"action": change.action.value}


def step_result_view(step: Step) -> Document:
    """An entry of a synchronous response, with a message if it failed (Okapi: cloneWithoutStage)."""
    document = change_view(step.change)
    return document if step.message is None else document | {"message": step.message}


def okapi_step_view(step: Step) -> Document:
    """An entry of Okapi's InstallJob, and `status`, `errors` and `warnings` after OKAPI-874."""
    document = change_view(step.change) | {"stage": step.stage.of_okapi.value}
    if step.message is not None:
        document["message"] = step.message
    if step.status is not None:
        document["status"] = step.status.value
    return document | _problems(step)


def _problems(step: Step) -> Document:
    document: Document = {}
    if step.errors:
        document["errors"] = [to_json(item) for item in step.errors]
    if step.warnings:
        document["warnings"] = [to_json(item) for item in step.warnings]
    return document


def okapi_status(job: Job) -> str:
    """OKAPI-874: `running` until the job is complete, then `done` or `error`."""
    return job.status.value if job.complete else JobStatus.RUNNING.value


def okapi_job_view(job: Job) -> Document:
    """Okapi: InstallJob, and `status`; `warnings` if there are some about the job as a whole."""
    document: Document = {"id": job.id, "complete": job.complete, "startDate": iso(job.created)}
    if job.complete:
        document["endDate"] = iso(job.ended)
    modules = [okapi_step_view(step) for step in job.steps]
    warnings = [to_json(item) for item in all_warnings(job)]
    document |= {"modules": modules, "status": okapi_status(job)}
    return document | {"warnings": warnings} if warnings else document


def okapi_listed_view(job: Job) -> Document:
    """The same in a list, with only the first line of messages of modules."""
    return okapi_job_view(replace(job, steps=tuple(map(_brief, job.steps))))


def _brief(step: Step) -> Step:
    if step.message is None and not step.errors and not step.warnings:
        return step
    said = None if step.message is None else one_line(step.message)
    return replace(step, message=said, errors=_brief_problems(step.errors), warnings=_brief_problems(step.warnings))


def _brief_problems(found: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(replace(one, message=one_line(one.message), parameters=()) for one in found[:_MOST_LISTED])


def options_view(options: InstallOptions) -> Document:
    """The query parameters that differ from their defaults."""
    names = {
        "asynchronous": "async",
        "tenant_parameters": "tenantParameters",
        "dep_check": "depCheck",
        "ignore_errors": "ignoreErrors",
        "pre_release": "preRelease",
        "npm_snapshot": "npmSnapshot",
        "max_per_module": "maxPerModule",
    }
    plain = InstallOptions()
    fields = InstallOptions.__dataclass_fields__
    return {
        names.get(name, name): getattr(options, name)
        for name in fields
        if name != "decisions" and getattr(options, name) != getattr(plain, name)
    }


def job_view(snapshot: JobSnapshot, since: int = -1) -> Document:
    """Everything about a job (see docs/api.md), with the modules that have changed since that revision."""
    job = snapshot.job
    return summary_view(snapshot.summary) | {
        "options": options_view(job.options),
        "attempts": job.epoch,
        "expectedSeconds": _rounded(snapshot.expected),
        "warnings": [to_json(item) for item in all_warnings(job)],
        "waitingFor": job.waiting_for,
        "modules": [step_view(it) for it in snapshot.steps if it.step.revision > since],
    }


def listed_view(summary: JobSummary) -> Document:
    """A job in a list: its summary, with one line of its message."""
    message = summary.job.message
    return summary_view(summary) | {"message": None if message is None else one_line(message)}


def summary_view(summary: JobSummary) -> Document:
    """A job with counts instead of modules."""
    job = summary.job
    path = f"/_/install/jobs/{job.id}"
    return {
        "id": job.id,
        "tenant": job.tenant,
        "kind": job.kind.value,
        "name": job_name(job),
        "status": job.status.value,
        "state": summary.state.value,
        "complete": job.complete,
        "created": iso(job.created),
        "firstStartDate": iso(job.first_started),
        "startDate": iso(job.started),
        "endDate": iso(job.ended),
        "seconds": _rounded(summary.elapsed),
        "totalSeconds": _rounded(summary.total_elapsed),
        "remainingSeconds": _rounded(summary.remaining),
        "estimate": _estimate_view(summary),
        "waiting": _waiting_view(summary.waiting),
        "message": job.message,
        "reason": job.reason and job.reason.value,
        "requestedBy": job.requested_by,
        "worker": summary.worker,
        "retries": job.retries,
        "revision": job.revision,
        "modules": summary.counts.by_status,
        "counts": summary.counts.document,
        "links": {
            "self": path,
            "events": f"{path}/events",
            "history": f"{path}/history",
            "abort": f"{path}/abort",
            "retry": f"{path}/retry",
            "okapi": f"/_/proxy/tenants/{job.tenant}/install/{job.id}",
        },
    }


def _waiting_view(waiting: Waiting | None) -> Document | None:
    if waiting is None:
        return None
    return {
        "cause": waiting.cause.value,
        "place": waiting.place,
        "behind": waiting.behind,
        "seconds": _rounded(waiting.seconds),
        "text": waiting_text(waiting),
    }


def worker_view(worker: WorkerView, now: float) -> Document:
    """A worker process."""
    info = worker.info
    return {
        "name": info.name,
        "alive": worker.alive,
        "jobs": info.jobs,
        "concurrency": info.concurrency,
        "heartbeat": iso(now - info.age),
        "secondsAgo": _rounded(info.age),
        "version": info.version,
    }


def _estimate_view(summary: JobSummary) -> Document | None:
    found = summary.estimate
    if found is None:
        return None
    names = {step.pos: step.change.id for step in summary.job.steps}
    return {
        "kind": found.kind.value,
        "seconds": _rounded(found.seconds),
        "overdue": [names[pos] for pos in found.overdue],
        "text": estimate_text(summary),
    }


def step_view(it: StepSnapshot) -> Document:
    """One module of `job_view`."""
    step = it.step
    return {
        "pos": step.pos,
        **change_view(step.change),
        "stage": step.stage.value,
        "status": step.status.value if step.status else None,
        "state": it.state.value,
        "message": step.message,
        "errors": [to_json(item) for item in step.errors],
        "warnings": [to_json(item) for item in step.warnings],
        "waitingFor": step.waiting_for,
        "attempts": step.attempts,
        "startDate": iso(step.started),
        "endDate": iso(step.ended),
        "seconds": _rounded(it.elapsed),
        "expectedSeconds": _rounded(it.expected),
        "slow": it.slow,
        "instance": step.instance_url,
        "tenantJob": step.tenant_job_id,
        "log": it.log_url,
        "after": list(it.after),
    }


def event_view(event: JobEvent) -> Document:
    """One event of a job's history, with its words."""
    change = event.change
    return {
        "date": iso(event.at),
        "kind": event.kind.value,
        "text": words(event),
        "by": event.by,
        "worker": None if event.worker is None else worker_name(event.worker),
        "module": None if change is None else change_view(change),
        "attempt": event.attempt,
        "message": event.message,
        "errors": [to_json(item) for item in event.errors],
        "warnings": [to_json(item) for item in event.warnings],
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
