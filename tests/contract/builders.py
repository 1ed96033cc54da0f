"""Makes jobs, plans and descriptors for the contract tests."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from okapi_install.domain.errors import ErrorType
from okapi_install.domain.jobs import (
    Change,
    EndReason,
    InstallOptions,
    Job,
    JobKind,
    JobStatus,
    Stage,
    Step,
    StepStatus,
)
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.ports import Claim, Ending, NewJob, Progress, Store, Tenant

DONE = Ending(status=JobStatus.DONE)
FAILED = Ending(status=JobStatus.ERROR, message="mod-a failed", error_type=ErrorType.USER, reason=EndReason.FAILED)
LEASE = 15.0

_numbers = count(1)


def module(module_id: str, **rest: Any) -> ModuleDescriptor:
    """A descriptor with little in it."""
    return ModuleDescriptor.parse({"id": module_id, **rest})


def plan(*modules: str) -> tuple[Step, ...]:
    """Steps that enable those modules, in that order."""
    return tuple(Step(pos=pos, change=Change(id=name)) for pos, name in enumerate(modules))


def new_job(tenant: str = "diku", *modules: str, **rest: Any) -> NewJob:
    """A job that enables those modules, by default mod-a and mod-b."""
    steps = plan(*(modules or ("mod-a-1.0.0", "mod-b-1.0.0")))
    known: dict[str, Any] = {
        "id": f"job-{next(_numbers)}",
        "kind": JobKind.INSTALL,
        "options": InstallOptions(asynchronous=True),
        "steps": steps,
        "request": tuple(step.change for step in steps),
        "headers": {"X-Okapi-User-Id": "u1"},
    }
    return NewJob(tenant=tenant, **{**known, **rest})


def submit(store: Store, tenant: str = "diku", *modules: str, **rest: Any) -> Job:
    """Adds such a job, and the tenant if it is not there."""
    if tenant not in [known.id for known in store.tenants()]:
        store.add_tenant(Tenant(id=tenant))
    return store.add_job(new_job(tenant, *modules, **rest), most_waiting=100)


def claimed(store: Store, job: Job, worker: str = "w1", lease: float = LEASE) -> Claim:
    """The claim of a job that can be had."""
    claim = store.claim(job.id, worker, None, lease)
    assert claim is not None
    return claim


def unfinished_work(store: Store, tenant: str = "diku") -> dict[str, str]:
    """What the tenant's next job is told of modules that may still be at work."""
    claim = claimed(store, submit(store, tenant, "mod-next-1.0.0"))
    store.finish(claim, DONE, Progress())
    return dict(claim.unfinished_work)


def begun(step: Step, now: float) -> Step:
    """The step while its module is being called."""
    return replace(step, stage=Stage.INVOKE, status=StepStatus.RUNNING, started=now, attempts=step.attempts + 1)


def done(step: Step, now: float, took: float = 2.0) -> Step:
    """The step once it has succeeded, `took` seconds after `now`."""
    return replace(step, stage=Stage.DONE, status=StepStatus.DONE, started=now, ended=now + took)


def ended(store: Store, job: Job, how: Ending = DONE) -> Job:
    """The job, carried out with all steps done."""
    claim = claimed(store, job)
    steps = tuple(done(step, claim.now) for step in claim.job.steps)
    store.finish(claim, how, Progress(steps=steps, enable=tuple(step.change.id for step in steps)))
    return store.job(job.id)
