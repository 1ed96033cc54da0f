"""The page that asks before a retry: what runs, what is skipped and why, and other choices."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import Job, StepStatus
from okapi_install.domain.planning.retries import RetryChoice, RetryPlan, retry_plan
from okapi_install.domain.presentation.states import State, step_state

_MOST_OFFERED = 50


def choice_of(fields: MultiDict[str, str]) -> RetryChoice:
    """The choice in the parameters of a link, or the fields of the form."""
    return RetryChoice(
        modules=frozenset(fields.getlist("module")),
        failed=fields.get("failed") == "true",
        skip=frozenset(fields.getlist("skip")),
        anyway=fields.get("anyway") == "true",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryView:
    """A choice and what it does. `problem` says why it is not possible; `forced` are then the fields that force it."""

    title: str
    fields: tuple[tuple[str, str], ...]
    run: tuple[str, ...]
    skipped: tuple[tuple[str, str | None], ...]
    """Modules, and for dependents the skipped module that they require."""
    left: int
    unmet: tuple[tuple[str, str], ...]
    offered: tuple[str, ...]
    """Modules that failed, each of which can be retried alone or skipped."""
    problem: str | None = None

    @classmethod
    def of(cls, job: Job, choice: RetryChoice) -> RetryView:
        """The view of a choice for a job that may be retried."""
        problem, plan = None, RetryPlan(run=(), skipped={}, left=())
        try:
            plan = retry_plan(job, choice)
        except UserError as refused:
            problem = refused.message
        ids = {step.pos: step.change.id for step in job.steps}
        named = sorted(plan.skipped.items())
        return cls(
            title=_title(choice),
            fields=_fields(choice),
            run=tuple(ids[pos] for pos in plan.run),
            skipped=tuple((ids[pos], None if why == ids[pos] else why) for pos, why in named),
            left=len(plan.left),
            unmet=tuple((ids[later], ids[before]) for later, before in plan.unmet),
            offered=_offered(job),
            problem=problem,
        )

    @property
    def chosen(self) -> bool:
        """Whether something was chosen, so that not just everything runs."""
        return bool(self.fields)


def _title(choice: RetryChoice) -> str:
    if choice.skip:
        return f"Skip {', '.join(sorted(choice.skip))} and run the rest?"
    if choice.modules:
        return f"Retry only {', '.join(sorted(choice.modules))}?"
    return "Retry only what failed?" if choice.failed else "Retry the rest?"


def _fields(choice: RetryChoice) -> tuple[tuple[str, str], ...]:
    fields = [("module", module) for module in sorted(choice.modules)]
    fields += [("skip", module) for module in sorted(choice.skip)]
    fields += [("failed", "true")] if choice.failed else []
    return (*fields, ("anyway", "true")) if choice.anyway else tuple(fields)


def _offered(job: Job) -> tuple[str, ...]:
    not_done = [step for step in job.steps if step.status is StepStatus.ERROR]
    failed = [step.change.id for step in not_done if step_state(step, job) in (State.FAILED, State.STOPPED)]
    return tuple(dict.fromkeys(failed))[:_MOST_OFFERED]
