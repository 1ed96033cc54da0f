"""Which modules of a failed job run again, if a client chooses: only some, or all without some.

A module is not run against a missing requirement unless the client says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import Job, Problem, ProblemCode, Step, StepStatus

_MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryChoice:
    """What a client wants to run again. Without any choice: everything that is not done.

    `modules` are the only ones to run; with `failed` also those that failed. `skip` are modules that do not run, and
    with them the modules that require them. With `anyway`, modules run although one that they require does not.
    """

    modules: frozenset[str] = frozenset()
    failed: bool = False
    skip: frozenset[str] = frozenset()
    anyway: bool = False

    @property
    def selective(self) -> bool:
        """Whether it names what runs."""
        return bool(self.modules) or self.failed


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPlan:
    """What a retry does, by position. `skipped` has the id of the module because of which a module is skipped.

    `left` are the modules that stay as they are. `unmet` are pairs of a module that runs and one that it requires,
    which does not.
    """

    run: tuple[int, ...]
    skipped: Mapping[int, str]
    left: tuple[int, ...]
    unmet: tuple[tuple[int, int], ...] = ()


def retry_plan(job: Job, choice: RetryChoice) -> RetryPlan:
    """The plan of a retry. Raises UserError, which says what to change."""
    to_do = {step.pos: step for step in job.steps if step.status is not StepStatus.DONE}
    _check_known(job, to_do.values(), choice.modules | choice.skip)
    named = {pos for pos, step in to_do.items() if step.change.id in choice.skip}
    skipped = {pos: to_do[pos].change.id for pos in named}
    if not choice.anyway:
        skipped |= _dependents(job, to_do, named)
    run = {pos for pos, step in to_do.items() if _is_chosen(step, choice)} - skipped.keys()
    unmet = tuple(
        sorted((later, before) for before, later in job.edges if later in run and before in to_do.keys() - run)
    )
    if unmet and not choice.anyway:
        raise UserError(_unmet_words(job, unmet))
    if not run:
        raise UserError(f"No module of job {job.id} would run. Choose at least one that is not done")
    left = tuple(sorted(to_do.keys() - run - skipped.keys()))
    return RetryPlan(run=tuple(sorted(run)), skipped=skipped, left=left, unmet=unmet)


def _is_chosen(step: Step, choice: RetryChoice) -> bool:
    if not choice.selective:
        return True
    return step.change.id in choice.modules or (choice.failed and step.status is StepStatus.ERROR and not step.held)


def _check_known(job: Job, to_do: Iterable[Step], named: Collection[str]) -> None:
    known = {step.change.id for step in to_do}
    for module in sorted(named):
        if module not in known:
            done = any(step.change.id == module for step in job.steps)
            why = "is done already" if done else f"is not a module of job {job.id}"
            raise UserError(f"{module} {why}. Name modules that are not done, with their versions")


def _dependents(job: Job, to_do: Mapping[int, Step], skipped: Collection[int]) -> dict[int, str]:
    """The modules that require a skipped one, directly or not, each with the module that it requires."""
    found: dict[int, str] = {}
    gone = set(skipped)
    while True:
        more = {later: before for before, later in job.edges if before in gone and later in to_do and later not in gone}
        if not more:
            return found
        found |= {later: to_do[before].change.id for later, before in more.items()}
        gone.update(more)


def _unmet_words(job: Job, unmet: Sequence[tuple[int, int]]) -> str:
    ids = {step.pos: step.change.id for step in job.steps}
    pairs = [f"{ids[later]} requires {ids[before]}" for later, before in unmet[:_MOST_NAMED]]
    more = f", and {len(unmet) - _MOST_NAMED} more" if len(unmet) > _MOST_NAMED else ""
    return (
        f"{', '.join(pairs)}{more}: what is required is not done and would not run. Retry it too, or send anyway=true "
        "to run them without it"
    )


def held_back(step: Step, plan: RetryPlan, by: str | None) -> Step:
    """The value of a step that does not run in the retry: skipped, or as it was."""
    cause = plan.skipped.get(step.pos)
    if cause is None:
        return replace(step, held=True)
    own = cause == step.change.id
    text = f"Skipped by {by or 'a client'}" if own else f"Skipped: requires {cause}, which was skipped"
    code = ProblemCode.SKIPPED_ON_REQUEST if own else ProblemCode.NEEDS_SKIPPED_MODULE
    problem = Problem.error(text, code)
    never_run = replace(step, started=None, ended=None, held=True)
    return replace(never_run, status=StepStatus.ERROR, message=text, errors=(problem,))


def choice_words(job: Job, choice: RetryChoice, plan: RetryPlan) -> str | None:
    """What was chosen, for the history of the job; None if everything runs that is not done."""
    ids = {step.pos: step.change.id for step in job.steps}
    parts = [f"only {_named([ids[pos] for pos in plan.run])}"] if choice.selective else []
    parts += [f"without {_named([ids[pos] for pos in sorted(plan.skipped)])}"] if plan.skipped else []
    return ", ".join(parts) or None


def _named(ids: Sequence[str]) -> str:
    left = len(ids) - _MOST_NAMED
    return ", ".join(ids[:_MOST_NAMED]) + (f" and {left} more" if left > 0 else "")
