"""The warning for modules that call other modules during initialisation when no gateway forwards such calls."""

from __future__ import annotations

from collections.abc import Iterable

from okapi_install.domain import messages
from okapi_install.domain.jobs import Action, Change, InstallOptions, Job, Parameter, Problem, ProblemCode, Step
from okapi_install.domain.registry.registry import Registry

CODE = ProblemCode.NEEDS_GATEWAY
NEEDS_GATEWAY = Problem.warning(messages.needs_gateway(), CODE)


def needs_gateway(change: Change, options: InstallOptions, registry: Registry) -> bool:
    """Whether the change initialises a module that may call other modules meanwhile."""
    if change.action is not Action.ENABLE or options.invoke == "false":
        return False
    module = registry.get(change.id)
    return module is not None and module.needs_gateway


def all_warnings(job: Job) -> tuple[Problem, ...]:
    """All warnings about a job as a whole, without what a complete job waited for last."""
    own = (w for w in job.warnings if not job.complete or w.code != ProblemCode.WAITS_FOR_PLATFORM)
    return (*job_warnings(job.steps), *own)


def job_warnings(steps: Iterable[Step]) -> tuple[Problem, ...]:
    """One warning for the job that names all modules whose steps have that warning."""
    modules = [step.change.id for step in steps if any(w.code == CODE for w in step.warnings)]
    if not modules:
        return ()
    named = tuple(Parameter(key="module", value=ident) for ident in modules)
    return (Problem.warning(messages.modules_need_gateway(", ".join(modules)), CODE, named),)
