"""The steps of one job as its worker knows them, and how a step changes when it begins and ends.

Only values change here; what is committed, and when, is the run's business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from okapi_install.domain.jobs import Action, Problem, Stage, Step, StepStatus, TenantJob
from okapi_install.domain.modules.registry import Registry
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.problems import merge
from okapi_install.service.worker.step import Findings
from okapi_install.service.worker.unusual_steps import WHILE_IT_RUNS

NOTHING_TO_DO = frozenset((Action.UPTODATE, Action.SUGGEST, Action.CONFLICT))
"""The actions of steps that are done when they begin."""

_CALLED_AGAIN = Problem(
    message="the module was called again, because a worker was lost while it was being called",
    type="warning",
    code="called_again",
)


class StepBook:
    """The newest value of every step. `now` is the store's time; `leftovers` warns of modules by their id."""

    def __init__(self, steps: Sequence[Step], now: Callable[[], float], leftovers: Mapping[str, str]) -> None:
        self._steps = list(steps)
        self._committed = list(steps)
        self._now = now
        self._leftovers = leftovers

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, pos: int) -> Step:
        return self._steps[pos]

    def _put(self, step: Step) -> Step:
        self._steps[step.pos] = step
        return step

    def begun(self, pos: int) -> Step:
        """The step is being carried out. One that was so before, under a lost worker, is called again."""
        step = self._steps[pos]
        fresh = step.tenant_job is None
        warnings = step.warnings
        if step.change.id in self._leftovers:
            left = Problem(message=self._leftovers[step.change.id], type="warning", code="unfinished_work")
            warnings = merge(warnings, [left])
        if fresh and step.status is StepStatus.RUNNING:
            warnings = merge(warnings, [_CALLED_AGAIN])
        return self._put(
            replace(
                step,
                stage=Stage.INVOKE,
                status=StepStatus.RUNNING,
                attempts=step.attempts + fresh,
                warnings=warnings,
                message=None,
                started=self._now() if fresh or step.started is None else step.started,
                ended=None,
            )
        )

    def done_at_once(self, pos: int) -> Step:
        """There is nothing to do for the step."""
        now = self._now()
        return self._put(replace(self._steps[pos], stage=Stage.DONE, status=StepStatus.DONE, started=now, ended=now))

    def remembered(self, pos: int, job: TenantJob | None, found: Findings) -> Step:
        """The module has a tenant job for the step, or has it no more; what it has told is kept."""
        step = self._steps[pos]
        errors, warnings = merge(step.errors, found.errors), merge(step.warnings, found.warnings)
        return self._put(replace(step, tenant_job=job, errors=errors, warnings=warnings))

    def ended(self, pos: int, found: Findings) -> Step:
        """The step is done, or has failed."""
        step, failure = self._steps[pos], found.failure
        return self._put(
            replace(
                step,
                stage=Stage.DONE if failure is None else Stage.INVOKE,
                status=StepStatus.DONE if failure is None else StepStatus.ERROR,
                message=None if failure is None else failure.message,
                errors=merge(step.errors, found.errors),
                warnings=_lasting(merge(step.warnings, found.warnings), failure),
                ended=self._now(),
                tenant_job=None,
            )
        )

    def skipped(self, pos: int, failed: str) -> Step:
        """The step cannot be carried out, because what it needs has failed."""
        text = f"Not begun: it needs {failed}, which failed"
        problem = Problem(message=text, type="error", code="needs_failed_module")
        return self._put(
            replace(
                self._steps[pos],
                status=StepStatus.ERROR,
                message=text,
                errors=(problem,),
                started=None,
                ended=self._now(),
            )
        )

    def warned(self, pos: int, problem: Problem) -> Step:
        """A warning about a step that runs."""
        step = self._steps[pos]
        return self._put(replace(step, warnings=merge(step.warnings, [problem])))

    def noted(self, pos: int, problem: Problem) -> Step:
        """An error that came after the step's end."""
        step = self._steps[pos]
        return self._put(replace(step, errors=merge(step.errors, [problem])))

    def committed(self, steps: Iterable[Step]) -> None:
        """The store has these values now."""
        for step in steps:
            self._committed[step.pos] = step

    def wound_up(self, why: str) -> list[Step]:
        """What changes when nothing can be carried on: a step that is being carried out is cut short; one that has
        ended is as it ended, even if that could not be committed; one that was only about to begin is as before.
        """
        pairs = list(zip(self._steps, self._committed, strict=True))
        ended = [step for step, known in pairs if step is not known and step.status is not StepStatus.RUNNING]
        running = [(step, known) for step, known in pairs if step.status is StepStatus.RUNNING]
        stopped = [
            self._cut_short(step, why) if known.status is StepStatus.RUNNING else known for step, known in running
        ]
        return [self._put(step) for step in (*ended, *stopped)]

    def _cut_short(self, step: Step, why: str) -> Step:
        problem = Problem(message=why, type="error", code="cut_short")
        return replace(
            step,
            stage=Stage.INVOKE,
            status=StepStatus.ERROR,
            message=why,
            errors=merge(step.errors, [problem]),
            ended=self._now(),
            tenant_job=None,
        )

    def failed(self) -> list[Step]:
        """The steps that ended as errors."""
        return [step for step in self._steps if step.status is StepStatus.ERROR]

    def done(self) -> set[int]:
        """Positions of the steps that are done."""
        return {step.pos for step in self._steps if step.status is StepStatus.DONE}

    def purge_spent(self, pos: int) -> bool:
        """Whether an enable other than this has begun. Okapi purges for the first enable of a job only."""
        return any(s.pos != pos and s.status is not None and s.change.action is Action.ENABLE for s in self._steps)


def _lasting(warnings: tuple[Problem, ...], failure: object) -> tuple[Problem, ...]:
    """Of a step that ended well, nobody needs to know that it seemed not to."""
    return warnings if failure is not None else tuple(w for w in warnings if w.code not in WHILE_IT_RUNS)


def changed_modules(step: Step, registry: Registry) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The modules that the tenant has enabled, and those that it has disabled, with a step that is done."""
    change = step.change
    if step.status is not StepStatus.DONE or change.action in NOTHING_TO_DO:
        return (), ()
    gone = change.id if change.action is Action.DISABLE else change.from_id
    came = change.id if change.action is Action.ENABLE and registry.get(change.id) else None
    enable = (came,) if came is not None else ()
    disable = (gone,) if gone is not None and gone != came else ()
    return enable, disable


def adapted(steps: Sequence[Step], enabled: Collection[str]) -> list[Step]:
    """Steps of a job that goes on: what one still replaces is what the tenant has of its product now."""
    by_product = {ModuleId.parse(i).product: i for i in sorted(enabled, reverse=True)}
    return [_adapted(step, by_product, enabled) for step in steps]


def _adapted(step: Step, by_product: Mapping[str, str], enabled: Collection[str]) -> Step:
    change = step.change
    if step.status is StepStatus.DONE or step.tenant_job is not None or change.action is not Action.ENABLE:
        return step
    old = by_product.get(ModuleId.parse(change.id).product)
    if old is None or change.id in enabled:
        return step
    return replace(step, change=replace(change, from_id=old))
