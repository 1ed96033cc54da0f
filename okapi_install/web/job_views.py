"""Jobs as JSON: Okapi's InstallJob with what OKAPI-874 adds, and our own fuller view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from okapi_install.domain.foreign_text import one_line
from okapi_install.domain.jobs import Change, InstallOptions, Job, JobStatus, Problem, Step, StepStatus
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.problems import to_json
from okapi_install.domain.timestamps import iso
from okapi_install.domain.workers import worker_name
from okapi_install.service.ports import Durations

Document = dict[str, object]

_MOST_LISTED = 5
"""Errors, and warnings, of a module in a list of jobs."""


def change_view(change: Change) -> Document:
    """Okapi: TenantModuleDescriptor without progress."""
    document: Document = {"id": change.id}
    if change.from_id is not None:
        document["from"] = change.from_id
    return document | {"action": change.action.value}


def step_result_view(step: Step) -> Document:
    """An entry of a synchronous answer: with a message if it failed (Okapi: cloneWithoutStage)."""
    document = change_view(step.change)
    return document if step.message is None else document | {"message": step.message}


def okapi_step_view(step: Step) -> Document:
    """An entry of Okapi's InstallJob, and `status`, `errors` and `warnings` after OKAPI-874."""
    document = change_view(step.change) | {"stage": step.stage.value}
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
    """Okapi: InstallJob, and `status`."""
    document: Document = {"id": job.id, "complete": job.complete, "startDate": iso(job.created)}
    if job.complete:
        document["endDate"] = iso(job.ended)
    modules = [okapi_step_view(step) for step in job.steps]
    return document | {"modules": modules, "status": okapi_status(job)}


def okapi_listed_view(job: Job) -> Document:
    """The same in a list: of what modules said, the first line."""
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
    }
    plain = InstallOptions()
    fields = InstallOptions.__dataclass_fields__
    return {
        names.get(name, name): getattr(options, name)
        for name in fields
        if getattr(options, name) != getattr(plain, name)
    }


def job_view(job: Job, seen: Mapping[tuple[str, str], Durations], now: float) -> Document:
    """All there is to know of a job: see docs/api.md."""
    expected = {step.pos: _expected(step, seen) for step in job.steps}
    after: dict[int, list[int]] = {}
    for before, later in job.edges:
        after.setdefault(later, []).append(before)
    modules = [step_view(step, expected[step.pos], after.get(step.pos, []), seen, now) for step in job.steps]
    return summary_view(job, now) | {
        "options": options_view(job.options),
        "attempts": job.epoch,
        "expectedSeconds": _sum(expected.values()),
        "remainingSeconds": None if job.complete else _remaining(job, expected, now),
        "modules": modules,
    }


def listed_view(job: Job, now: float) -> Document:
    """A job in a list: its summary, with one line of its message."""
    return summary_view(job, now) | {"message": None if job.message is None else one_line(job.message)}


def summary_view(job: Job, now: float) -> Document:
    """A job with counts instead of modules."""
    path = f"/_/install/jobs/{job.id}"
    return {
        "id": job.id,
        "tenant": job.tenant,
        "kind": job.kind.value,
        "status": job.status.value,
        "complete": job.complete,
        "created": iso(job.created),
        "startDate": iso(job.started),
        "endDate": iso(job.ended),
        "seconds": _between(job.started, job.ended, now),
        "message": job.message,
        "reason": job.reason,
        "requestedBy": job.requested_by,
        "worker": job.owner and worker_name(job.owner),
        "retries": job.retries,
        "revision": job.revision,
        "modules": job.step_counts,
        "links": {
            "self": path,
            "events": f"{path}/events",
            "abort": f"{path}/abort",
            "retry": f"{path}/retry",
            "okapi": f"/_/proxy/tenants/{job.tenant}/install/{job.id}",
        },
    }


def step_view(
    step: Step, expected: float | None, after: Sequence[int], seen: Mapping[tuple[str, str], Durations], now: float
) -> Document:
    """One module of our fuller view. `slow` marks a module that runs longer than it ever did."""
    seconds = _between(step.started, step.ended, now)
    return {
        "pos": step.pos,
        **change_view(step.change),
        "stage": step.stage.value,
        "status": step.status.value if step.status else None,
        "message": step.message,
        "errors": [to_json(item) for item in step.errors],
        "warnings": [to_json(item) for item in step.warnings],
        "attempts": step.attempts,
        "startDate": iso(step.started),
        "endDate": iso(step.ended),
        "seconds": seconds,
        "expectedSeconds": expected,
        "slow": is_slow(step, seen, seconds),
        "tenantJob": step.tenant_job.id if step.tenant_job else None,
        "after": sorted(after),
    }


def is_slow(step: Step, seen: Mapping[tuple[str, str], Durations], seconds: float | None) -> bool:
    """Whether a running step takes longer than its module ever did."""
    known = seen.get(step_key(step))
    if known is None or seconds is None or step.status is not StepStatus.RUNNING:
        return False
    return seconds > known.slow_after


def step_key(step: Step) -> tuple[str, str]:
    """How durations are kept: by product and action."""
    return ModuleId.parse(step.change.id).product, step.change.action.value


def _expected(step: Step, seen: Mapping[tuple[str, str], Durations]) -> float | None:
    known = seen.get(step_key(step))
    return None if known is None else round(known.mean, 3)


def _sum(values: object) -> float | None:
    known = [v for v in values if v is not None]  # type: ignore[attr-defined]
    return round(sum(known), 3) if known else None


def _remaining(job: Job, expected: Mapping[int, float | None], now: float) -> float | None:
    """The longest chain that is left, or the sum shared by those that run side by side; None if nothing is known."""
    if not any(expected.values()):
        return None
    left = {step.pos: _left(step, expected[step.pos], now) for step in job.steps}
    shared = sum(left.values()) / min(job.options.parallel, max(len(left), 1))
    chains = dict(left)
    for before, after in sorted(job.edges, key=lambda edge: edge[1]):
        chains[after] = max(chains[after], chains[before] + left[after])
    return round(max(shared, *chains.values()), 3)


def _left(step: Step, expected: float | None, now: float) -> float:
    if expected is None or step.status in (StepStatus.DONE, StepStatus.ERROR):
        return 0.0
    return max(expected - (_between(step.started, None, now) or 0.0), 0.0)


def _between(start: float | None, end: float | None, now: float) -> float | None:
    if start is None:
        return None
    return round(max((end if end is not None else now) - start, 0.0), 3)
