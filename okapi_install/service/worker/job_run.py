"""Runs one claimed job: which steps start, what changes when they end, how the job ends.

It runs in one task of one worker. All its writes go through its lease. On LostJob it stops.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from okapi_install.domain import messages, recording_messages
from okapi_install.domain.errors import ErrorType, ModuleCallFailed, NotFound, RecordingFailed, UserError
from okapi_install.domain.jobs import Action, EndReason, JobStatus, Problem, ProblemCode, Stage, Step, StepStatus
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.planning.schedule import Schedule, digest, newly_unmet
from okapi_install.domain.presentation.states import State, step_state
from okapi_install.service.jobs.timings import timing_key
from okapi_install.service.ports import Crew, Differences, Ending, JobRef, Progress
from okapi_install.service.worker.context import WorkerContext
from okapi_install.service.worker.job_platform import JobPlatform
from okapi_install.service.worker.job_steps import NOTHING_TO_DO, JobSteps, adapted, changed_modules
from okapi_install.service.worker.lease import Lease
from okapi_install.service.worker.step import StepRun
from okapi_install.service.worker.unusual_steps import slow_warning, suspects, unusual_after

_LOOKS = 4
"""Checks for slow steps within the shortest time after which a step counts as slow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """The first failure of a job, and whose error it is."""

    message: str
    error_type: ErrorType
    reason: EndReason = EndReason.FAILED


class JobRun:
    """Runs a claimed job. When it exists, the job is planned; `start` also commits the start of its first steps."""

    def __init__(
        self,
        context: WorkerContext,
        lease: Lease,
        steps: JobSteps,
        crew: Crew,
        *,
        seconds: Mapping[int, float],
        platform: JobPlatform,
        failure: Failure | None = None,
    ) -> None:
        """`seconds` are expected durations by position. With a `failure` from the start no step is run."""
        self._context = context
        self._platform = platform
        platform.before_waiting = self._save
        self._lease = lease
        self._steps = steps
        self._crew = crew
        self._enabled = set(lease.claim.enabled)
        self._registry = context.catalog.registry(lease.claim.registry_seq)
        self._failure = failure
        self._looked = context.clock.monotonic()
        self._uncommitted = Progress()
        self._starting: list[int] = []
        self._schedule = Schedule(
            [step.change for step in steps] if failure is None else [],
            steps.settled(),
            self._registry.get,
            self._enabled,
            dep_check=lease.job.options.dep_check,
            parallel=lease.job.options.parallel,
            seconds=seconds,
        )
        context.catalog.descriptors(self._registry, [step.change.id for step in steps])  # all in one statement

    @classmethod
    def start(
        cls,
        context: WorkerContext,
        lease: Lease,
        steps: JobSteps,
        crew: Crew,
        before_waiting: Callable[[], None] = lambda: None,
    ) -> JobRun:
        """Plans the job again if that is needed, and commits that its first steps run. `before_waiting` is called if it
        waits for the platform.

        Raises:
            LostJob: another worker owns the job now, or it was aborted.
            StoreNotWritable: nothing can be committed any more.
        """
        failure, platform = None, JobPlatform(context, lease, steps, before_waiting)
        try:
            platform.enter()
            steps.plan(_planned_steps(context, lease))
        except (UserError, NotFound) as problem:
            reason = EndReason.UNPLANNABLE
            failure = Failure(message=problem.message, error_type=problem.error_type, reason=reason)
        seconds = _expected_seconds(context, steps) if lease.job.options.parallel > 1 else {}
        run = cls(context, lease, steps, crew, seconds=seconds, platform=platform, failure=failure)
        run._take_news()
        run._start_steps()
        return run

    def finish(self) -> tuple[JobRef | None, Ending]:
        """Runs the job to its end; the tenant's next job, and how this one ended.

        Raises:
            LostJob: another worker owns the job now, or it was aborted.
            StoreNotWritable: nothing can be committed any more, and the job still has steps to run.
        """
        while not self._schedule.idle:
            starting, self._starting = self._starting, []
            for pos in starting:
                self._crew.start(pos, self._step_run(pos).run)
            self._collect()
            self._take_news()
            self._start_steps()
        return self._end()

    # Steps

    def _start_steps(self) -> None:
        """Starts the steps that may start, in one commit with earlier changes. The last commit of a job is its end."""
        changed = list(self._uncommitted.steps)
        while positions := self._schedule.begin():
            changed.extend(self._started(pos) for pos in positions)
        self._uncommitted = replace(self._uncommitted, steps=tuple(changed))
        if not self._schedule.idle:
            self._save()

    def _started(self, pos: int) -> Step:
        if self._steps[pos].change.action in NOTHING_TO_DO:
            self._schedule.finished(pos)
            return self._steps.nothing_to_do(pos)
        self._starting.append(pos)
        return self._steps.started(pos)

    def _save(self) -> None:
        if self._uncommitted != Progress():
            self._lease.save(self._steps, self._uncommitted)
            self._uncommitted = Progress()

    def _step_run(self, pos: int) -> StepRun:
        purge = self._lease.job.options.purge and not self._steps.purge_spent(pos)
        parts = self._context, self._lease, self._steps, pos
        recorder = self._platform.recorder
        return StepRun(*parts, registry=self._registry, enabled=self._enabled, purge=purge, recorder=recorder)

    def _collect(self) -> None:
        """Waits for steps to return, and records their results."""
        for pos, error in self._crew.finished(self._context.policy.slow_step_seconds / _LOOKS):
            if error is not None:
                raise error
            step, failure = self._steps.ended(pos)
            self._context.observer.step_ended(step)
            if failure is None:
                self._succeeded(step)
            else:
                self._failed(step, failure)
        self._notice_slow()

    def _succeeded(self, step: Step) -> None:
        self._schedule.finished(step.pos)
        enable, disable = changed_modules(step, self._registry.get)
        self._enabled.difference_update(disable)
        self._enabled.update(enable)
        self._add((step,), enable, disable)

    def _failed(self, step: Step, failure: ModuleCallFailed) -> None:
        ends_job = isinstance(failure, RecordingFailed) and failure.ends_job
        reason = EndReason.UNPLANNABLE if ends_job else EndReason.FAILED
        found = Failure(message=failure.message, error_type=failure.error_type, reason=reason)
        self._failure = found if ends_job else self._failure or found
        lost = self._schedule.failed(step.pos)
        if ends_job or not self._lease.job.options.ignore_errors:
            self._schedule.stop()
            lost = []
        self._add((step, *(self._steps.skipped(pos, step.change.id) for pos in lost)))

    def _add(self, steps: tuple[Step, ...], enable: tuple[str, ...] = (), disable: tuple[str, ...] = ()) -> None:
        before = self._uncommitted
        self._uncommitted = Progress(
            steps=before.steps + steps, enable=before.enable + enable, disable=before.disable + disable
        )

    # What the platform has lost, and what others have changed

    def _take_news(self) -> None:
        news = self._platform.recorder.take_news()
        if news is None:
            return
        again = [self._steps.recorded_again(pos) for pos in sorted(news.repaired)]
        given_up = [self._steps.not_recorded(pos, why) for pos, why in sorted(news.given_up.items())]
        for step in given_up:
            self._stop_for(step.message or "", ErrorType.INTERNAL)
        ended = {step.pos: step for step in (*again, *given_up) if step.status is not StepStatus.RUNNING}
        self._save()
        self._add(tuple(ended.values()))
        for found in news.others:
            self._take_changes(found)

    def _take_changes(self, found: Differences) -> None:
        """Takes what others have changed, and checks whether the rest of the plan is still possible."""
        self._platform.changed_by_others(found)
        self._save()
        self._enabled.difference_update(found.missing)
        self._enabled.update(found.unexpected)
        self._add((), found.unexpected, found.missing)
        left = self._schedule.left
        self._steps.adapt(left, self._enabled)
        self._check_rest(left, found.missing)

    def _check_rest(self, left: Collection[int], missing: Collection[str]) -> None:
        options = self._lease.job.options
        if not options.dep_check or options.ignore_errors:
            return
        changes = [step.change for step in self._steps if step.status in (None, StepStatus.RUNNING) and not step.held]
        unmet = newly_unmet(
            [self._steps[pos].change for pos in left], self._enabled, changes, missing, self._registry.get
        )
        if unmet:
            self._stop_for(recording_messages.rest_of_plan_impossible("; ".join(unmet)), ErrorType.USER)

    def _stop_for(self, why: str, error_type: ErrorType) -> None:
        self._failure = self._failure or Failure(message=why, error_type=error_type)
        if not self._lease.job.options.ignore_errors:
            self._schedule.stop()

    def _notice_slow(self) -> None:
        """Warns of steps that take longer than their modules ever took. The steps themselves are blocked in calls."""
        least, clock = self._context.policy.slow_step_seconds, self._context.clock.monotonic()
        if clock - self._looked < least / _LOOKS:
            return
        self._looked, now = clock, self._lease.now()
        for step in self._steps.unseen():
            self._lease.save_running(self._steps, step.pos)
        found = suspects(self._steps, now, least)
        if not found:
            return
        products = frozenset(timing_key(step.change)[0] for step in found)
        seen = self._context.retries(lambda: self._context.store.durations(products))
        for step in found:
            seconds, known = now - (step.started or now), seen.get(timing_key(step.change))
            if seconds > unusual_after(known, least):
                self._warn(step, slow_warning(seconds, known))

    def _warn(self, step: Step, warning: Problem) -> None:
        self._context.observer.step_is_slow(self._lease.job, step, warning)
        self._steps.found(step.pos, warnings=[warning])
        self._lease.save_running(self._steps, step.pos)

    # The end

    def _end(self) -> tuple[JobRef | None, Ending]:
        if self._failure is None:
            self._refresh_permissions([step for step in self._steps if self._is_upgraded_guard(step)])
        self._compare_at_end()
        ending = self._ending()
        follower = self._lease.finish(self._steps, ending, self._uncommitted)
        seconds = self._context.clock.monotonic() - self._lease.claimed
        self._context.observer.job_ended(self._lease.job, ending, seconds)
        return follower, ending

    def _compare_at_end(self) -> None:
        """Compares what the platform shows with what was recorded. The last commit of the job follows."""
        try:
            while self._platform.repaired():
                self._take_news()
        except NotFound as problem:
            self._failure = Failure(
                message=problem.message, error_type=ErrorType.NOT_FOUND, reason=EndReason.UNPLANNABLE
            )

    def _ending(self) -> Ending:
        failure, failed = self._failure, self._steps.failed()
        if failure is None and all(step.held for step in failed):
            return self._well_ended()
        failure = failure or Failure(message=messages.earlier_step_failed(), error_type=ErrorType.INTERNAL)
        if failed and failure.reason is EndReason.FAILED and self._lease.job.options.ignore_errors:
            skipped = sum(step_state(step, self._lease.job) is State.SKIPPED for step in failed)
            text = messages.some_modules_failed(len(failed) - skipped, skipped, len(self._steps))
            return Ending(status=JobStatus.ERROR, message=text, reason=failure.reason)
        return Ending(
            status=JobStatus.ERROR, message=failure.message, error_type=failure.error_type, reason=failure.reason
        )

    def _well_ended(self) -> Ending:
        """The end of a job in which nothing failed. If a client left modules out, the job is not done."""
        held = [step for step in self._steps if step.held]
        if not held:
            return Ending(status=JobStatus.DONE)
        skipped = sum(step_state(step, self._lease.job) is State.SKIPPED for step in held)
        text = messages.retried_in_part(skipped, len(held) - skipped)
        return Ending(status=JobStatus.ERROR, message=text, error_type=ErrorType.USER, reason=EndReason.FAILED)

    def _is_upgraded_guard(self, step: Step) -> bool:
        """Whether the step upgraded the permissions module. As in Okapi, all modules are announced to it at the end."""
        change, summary = step.change, self._registry.get(step.change.id)
        return not step.held and (
            change.action is Action.ENABLE and change.from_id is not None and summary is not None and summary.exclusive
        )

    def _refresh_permissions(self, upgraded: Sequence[Step]) -> None:
        if upgraded:
            self._save()
        for step in upgraded:
            try:
                self._step_run(step.pos).refresh_permissions()
            except ModuleCallFailed as failure:
                self._failure = self._failure or Failure(message=failure.message, error_type=ErrorType.USER)
                problem = Problem.error(failure.message, ProblemCode.PERMISSIONS_NOT_REFRESHED)
                self._add((self._steps.found(step.pos, errors=[problem]),))


def _planned_steps(context: WorkerContext, lease: Lease) -> list[Step]:
    """The job's steps, planned again if the tenant's enabled modules are not those that the plan expects.

    Raises:
        UserError, NotFound: the job cannot be planned any more.
    """
    job, enabled = lease.job, lease.claim.enabled
    if any(step.status is not None or step.stage is Stage.INITIALISED for step in job.steps):
        return adapted(job.steps, enabled)
    if job.assumed == digest(enabled):
        return list(job.steps)
    planned = context.retries(lambda: context.planner.plan(job.kind, enabled, job.request, job.options))
    if planned.changes == tuple(step.change for step in job.steps):
        return list(job.steps)
    lease.replan(planned)
    context.observer.job_replanned(job)
    return list(planned.steps)


def _expected_seconds(context: WorkerContext, steps: JobSteps) -> dict[int, float]:
    products = {step.pos: ModuleId.parse(step.change.id).product for step in steps}
    known = context.retries(lambda: context.store.durations(frozenset(products.values())))
    seen = {step.pos: known.get((products[step.pos], step.change.action.value)) for step in steps}
    return {pos: durations.mean for pos, durations in seen.items() if durations is not None}
