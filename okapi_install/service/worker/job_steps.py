"""The steps of one job in its worker's memory, and how a step changes when it starts and ends.

Nothing is committed here. A clean-up relies on these values, even if they are not committed yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from okapi_install.domain import messages, recording_messages
from okapi_install.domain.errors import ModuleCallFailed
from okapi_install.domain.history import JobEvent, step_event
from okapi_install.domain.jobs import WAITING_CODES, Action, Problem, ProblemCode, Stage, Step, StepStatus, TenantJob
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.planning.frontier import Lookup
from okapi_install.domain.problems import merge
from okapi_install.service.ports import Claim, Progress
from okapi_install.service.worker.unusual_steps import WHILE_IT_RUNS

NOTHING_TO_DO = frozenset((Action.UPTODATE, Action.SUGGEST, Action.CONFLICT))
"""The actions of steps that are done when they start."""

_CALLED_AGAIN = Problem.warning(messages.module_called_again(), ProblemCode.CALLED_AGAIN)


class JobSteps:
    """The newest value of every step, and which of them are committed.

    `now` is the store's time. `leftovers` has a warning for each module that may still be running after an abort.
    `calling` are the positions of steps whose module may be about to return a tenant job.
    """

    def __init__(self, steps: Sequence[Step], now: Callable[[], float], leftovers: Mapping[str, str]) -> None:
        self._steps = list(steps)
        self._committed = list(steps)
        self._initialised = {step.pos for step in steps if step.stage is Stage.INITIALISED}
        self._inherited = {step.pos for step in steps if step.status is StepStatus.RUNNING}
        self._returned: dict[int, ModuleCallFailed | None] = {}
        self._now = now
        self._leftovers = leftovers
        self.calling: set[int] = set()

    @classmethod
    def of(cls, claim: Claim, now: Callable[[], float]) -> JobSteps:
        """The steps as they were when the job was claimed."""
        return cls(claim.job.steps, now, claim.unfinished_work)

    def plan(self, steps: Sequence[Step]) -> None:
        """Replaces all steps. None of them may have started."""
        self._steps, self._committed = list(steps), list(steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, pos: int) -> Step:
        return self._steps[pos]

    def _put(self, step: Step) -> Step:
        self._steps[step.pos] = step
        return step

    def started(self, pos: int) -> Step:
        """Marks the step as running. If a lost worker ran it, and it has no tenant job, its module is called again.

        One whose module is initialised stays so: only its recording is left.
        """
        step = self._steps[pos]
        if step.stage is Stage.INITIALISED:
            return self._put(replace(step, status=StepStatus.RUNNING, message=None))
        fresh = step.tenant_job is None
        if fresh:
            step = replace(step, instance_url=None, tenant_job_id=None)
        warnings = step.warnings
        if step.change.id in self._leftovers:
            left = Problem.warning(self._leftovers[step.change.id], ProblemCode.UNFINISHED_WORK)
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

    def nothing_to_do(self, pos: int) -> Step:
        """Marks the step as done without any call."""
        now = self._now()
        return self._put(replace(self._steps[pos], stage=Stage.DONE, status=StepStatus.DONE, started=now, ended=now))

    def has_tenant_job(self, pos: int, job: TenantJob | None) -> Step:
        """Sets the tenant job that the module runs for the step; None if it does not run one any more."""
        step = replace(self._steps[pos], tenant_job=job)
        return self._put(step if job is None else replace(step, instance_url=job.base_url, tenant_job_id=job.id))

    def calls(self, pos: int, instance: str) -> None:
        """Remembers which instance of the step's module is called. It is committed with the next change."""
        self._put(replace(self._steps[pos], instance_url=instance))

    def unseen(self) -> list[Step]:
        """Running steps whose instance is not committed yet: their modules take long to respond."""
        pairs = zip(self._steps, self._committed, strict=True)
        running = [(step, known) for step, known in pairs if step.status is known.status is StepStatus.RUNNING]
        return [step for step, known in running if step.instance_url != known.instance_url]

    def initialised(self, pos: int) -> Step:
        """Marks the step's module as initialised. The step ended now, as far as its module is concerned."""
        step = self._steps[pos]
        self._initialised.add(pos)
        return self._put(replace(step, stage=Stage.INITIALISED, tenant_job=None, ended=self._now()))

    def unrecorded(self) -> list[Step]:
        """The running steps whose module is initialised."""
        return [s for s in self._steps if s.status is StepStatus.RUNNING and s.stage is Stage.INITIALISED]

    def waits(self, pos: int, why: str | None) -> bool:
        """Sets what the step waits for, None if it does not; whether that is new."""
        step = self._steps[pos]
        waiting = () if why is None else (Problem.warning(why, ProblemCode.WAITS_FOR_PLATFORM),)
        warnings = (*_not_waiting(step.warnings), *waiting)
        self._put(replace(step, warnings=warnings))
        return warnings != step.warnings

    def waits_for_turn(self, pos: int, why: str) -> None:
        """Sets that the step waits until fewer others call its module."""
        step = self._steps[pos]
        waiting = Problem.warning(why, ProblemCode.WAITS_FOR_TURN)
        self._put(replace(step, warnings=(*_not_waiting(step.warnings), waiting)))

    def turn_has_come(self, pos: int) -> None:
        """Starts the time of a step that has waited for its turn: how long it waited says nothing of its module."""
        step = self._steps[pos]
        self._put(replace(step, warnings=_not_waiting(step.warnings), started=self._now()))

    def recorded_again(self, pos: int) -> Step:
        """Adds the warning that the platform had lost the change of a step."""
        again = Problem.warning(recording_messages.recorded_again(), ProblemCode.RECORDED_AGAIN)
        return self.found(pos, warnings=[again])

    def adapt(self, left: Collection[int], enabled: Collection[str]) -> None:
        """Adapts steps that have not started to what the tenant has now; see `adapted`."""
        for step in adapted([self._steps[pos] for pos in left], enabled):
            self._put(step)

    def not_recorded(self, pos: int, why: str) -> Step:
        """Marks a step as failed whose module is initialised. A retry only records it."""
        step, problem = self._steps[pos], Problem.error(why, ProblemCode.NOT_RECORDED)
        return self._put(
            replace(
                step,
                stage=Stage.INITIALISED,
                status=StepStatus.ERROR,
                message=why,
                errors=merge(step.errors, [problem]),
                warnings=_not_waiting(step.warnings),
            )
        )

    def found(self, pos: int, errors: Iterable[Problem] = (), warnings: Iterable[Problem] = ()) -> Step:
        """Adds errors and warnings to a step."""
        step = self._steps[pos]
        return self._put(replace(step, errors=merge(step.errors, errors), warnings=merge(step.warnings, warnings)))

    def returned(self, pos: int, failure: ModuleCallFailed | None) -> None:
        """Records that all calls of the step have ended. It counts as running until `ended`."""
        self._returned[pos] = failure

    def end_returned(self, pos: int) -> bool:
        """Ends the step if it has returned; whether it had."""
        if pos not in self._returned:
            return False
        self.ended(pos)
        return True

    def ended(self, pos: int) -> tuple[Step, ModuleCallFailed | None]:
        """Marks a step that has returned as done or failed."""
        step, failure = self._steps[pos], self._returned.pop(pos)
        initialised = step.stage is Stage.INITIALISED
        ended = replace(
            step,
            stage=Stage.DONE if failure is None else step.stage,
            status=StepStatus.DONE if failure is None else StepStatus.ERROR,
            message=None if failure is None else failure.message,
            warnings=_not_waiting(step.warnings) if failure is not None else _lasting(step.warnings),
            ended=step.ended if initialised else self._now(),
            tenant_job=None,
        )
        return self._put(ended), failure

    def skipped(self, pos: int, failed: str) -> Step:
        """Marks the step as failed, because a module that it requires has failed."""
        text = messages.required_module_failed(failed)
        problem = Problem.error(text, ProblemCode.NEEDS_FAILED_MODULE)
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

    def committed(self, steps: Iterable[Step]) -> None:
        """Records that these values are committed."""
        for step in steps:
            self._committed[step.pos] = step
            self._inherited.discard(step.pos)

    def events(self, changed: Iterable[Step]) -> tuple[JobEvent, ...]:
        """What is added to the job's history when those values are committed."""
        found = [step_event(self._committed[step.pos], step, inherited=step.pos in self._inherited) for step in changed]
        return tuple(event for event in found if event is not None)

    def stopped(self, why: str) -> list[Step]:
        """The steps to commit with the end of a job that cannot continue.

        A running step ends with that reason. A step that has ended keeps its result, even if that was not committed.
        A step whose start was not committed stays as it was.
        """
        for pos in list(self._returned):
            self.ended(pos)
        pairs = list(zip(self._steps, self._committed, strict=True))
        ended = [step for step, known in pairs if step is not known and step.status is not StepStatus.RUNNING]
        running = [(step, known) for step, known in pairs if step.status is StepStatus.RUNNING]
        stopped = [
            self._cut_short(step, why) if known.status is StepStatus.RUNNING else known for step, known in running
        ]
        return [self._put(step) for step in (*ended, *stopped)]

    def ended_after_recording(self) -> list[Step]:
        """The steps whose module was initialised, and that have ended, if that is not committed."""
        pairs = zip(self._steps, self._committed, strict=True)
        changed = [step for step, known in pairs if step is not known and step.pos in self._initialised]
        return [step for step in changed if step.status is not StepStatus.RUNNING]

    def _cut_short(self, step: Step, why: str) -> Step:
        problem = Problem.error(why, ProblemCode.CUT_SHORT)
        return replace(
            step,
            warnings=_not_waiting(step.warnings),
            status=StepStatus.ERROR,
            message=why,
            errors=merge(step.errors, [problem]),
            ended=self._now(),
            tenant_job=None,
        )

    def failed(self) -> list[Step]:
        """The steps that ended as errors."""
        return [step for step in self._steps if step.status is StepStatus.ERROR]

    def settled(self) -> set[int]:
        """Positions of the steps that do not run: they are done, or held back."""
        return {step.pos for step in self._steps if step.status is StepStatus.DONE or step.held}

    def purge_spent(self, pos: int) -> bool:
        """Whether another enable has started. Okapi purges only for the first enable of a job."""
        return any(s.pos != pos and s.status is not None and s.change.action is Action.ENABLE for s in self._steps)


def _not_waiting(warnings: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The warnings without that for what the step waits."""
    return tuple(w for w in warnings if w.code not in WAITING_CODES)


def _lasting(warnings: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The warnings that stay when a step succeeds: all but those that it seemed to be slow or lost."""
    return tuple(w for w in warnings if w.code not in WHILE_IT_RUNS)


def changed_modules(step: Step, lookup: Lookup) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The modules that the tenant has enabled, and those that it has disabled, with a step that is done."""
    change = step.change
    if step.status is not StepStatus.DONE or change.action in NOTHING_TO_DO:
        return (), ()
    gone = change.id if change.action is Action.DISABLE else change.from_id
    came = change.id if change.action is Action.ENABLE and lookup(change.id) else None
    enable = (came,) if came is not None else ()
    disable = (gone,) if gone is not None and gone != came else ()
    return enable, disable


def progress_of(steps: Iterable[Step], lookup: Lookup) -> Progress:
    """The progress for one commit: the steps, and what they change in the tenant's enabled modules."""
    changed = tuple(steps)
    modules = [changed_modules(step, lookup) for step in changed]
    enable = tuple(module for came, _ in modules for module in came)
    disable = tuple(module for _, gone in modules for module in gone)
    return Progress(steps=changed, enable=enable, disable=disable)


def adapted(steps: Sequence[Step], enabled: Collection[str]) -> list[Step]:
    """The steps of a resumed job. An enable now replaces the module of its product that the tenant has now."""
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
