"""One claimed job being carried out: which steps begin, what their ends change, how the job ends.

It lives in one task of one worker. Everything it writes carries the claim; LostJob tells it to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock

import structlog

from okapi_install.domain.errors import LostJob, ModuleCallFailed, NotFound, UserError
from okapi_install.domain.jobs import Action, JobStatus, Problem, Step, TenantJob
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.planning import schedule
from okapi_install.service.metrics import UNUSUAL_STEPS
from okapi_install.service.ports import Claim, Crew, Ending, JobRef, Progress
from okapi_install.service.worker.context import Workshop
from okapi_install.service.worker.observer import count_end, count_step, time_job
from okapi_install.service.worker.step import Findings, StepWork
from okapi_install.service.worker.step_book import NOTHING_TO_DO, StepBook, adapted, changed_modules
from okapi_install.service.worker.step_work import WorkBench
from okapi_install.service.worker.unusual_steps import key_of, slow_warning, suspects, unusual_after

log = structlog.get_logger()

_LOOKS = 4
"""How often it is looked for slow steps within the least time that makes a step slow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """The first failure of a job, and the HTTP status that a synchronous client gets for it."""

    message: str
    status: int


class JobRun:
    """Carries out one claim.

    `silent_too_long` tells that the claim's lease may have run out unnoticed. `begun` is called when the first steps
    begin, and with all later ones.
    """

    _schedule: schedule.Schedule

    def __init__(
        self,
        shop: Workshop,
        claim: Claim,
        headers: Mapping[str, str],
        crew: Crew,
        silent_too_long: Callable[[], bool] = lambda: False,
        begun: Callable[[], None] = lambda: None,
    ) -> None:
        self._shop = shop
        self._claim = claim
        self._job = claim.job
        self._crew = crew
        self._enabled = set(claim.enabled)
        self._registry = shop.catalog.registry(claim.registry_seq)
        self._bench = WorkBench(shop, claim.job, headers, self._registry, self._enabled, self._check_claim)
        self._silent_too_long = silent_too_long
        self._begun_at_all = begun
        self._began = shop.clock.monotonic()
        self._findings: dict[int, Findings] = {}
        self._launch: list[int] = []
        self._failure: Failure | None = None
        self._looked = self._began
        self._writing = Lock()
        self._book = StepBook(claim.job.steps, self._now, {})

    def carry_out(self) -> JobRef | None:
        """Runs the job to its end; the tenant's next job.

        Raises:
            LostJob: the job is another's now, or was aborted.
            StoreNotWritable: nothing can be committed any more, and there is more to do than to end the job.
        """
        try:
            steps = self._planned_steps()
        except (UserError, NotFound) as problem:
            status = 404 if isinstance(problem, NotFound) else 400
            self._failure = Failure(message=problem.message, status=status)
            return self._finish(self._ending_as("unplannable"), Progress())
        self._prepare(steps)
        progress = self._begin(Progress())
        while not self._schedule.idle:
            self._save(progress)
            progress = self._begin(self._collect())
        return self._end(progress)

    def steps(self) -> list[Step]:
        """The steps as they are now."""
        return list(self._book)

    def wound_up(self, why: str) -> Progress:
        """What is to be committed with the end of a job that cannot be carried on. See StepBook.wound_up."""
        for pos, found in self._findings.items():
            self._book.ended(pos, found)
        progress = Progress()
        for step in self._book.wound_up(why):
            progress = _added(progress, (step,), *changed_modules(step, self._registry))
        return progress

    def _now(self) -> float:
        """The store's time, as far as this worker can tell without asking."""
        return self._claim.now + self._shop.clock.monotonic() - self._began

    def _check_claim(self) -> None:
        """Before a module is called: a worker that was frozen does not know yet that it has lost the job.

        Raises:
            LostJob: it has.
        """
        if not self._silent_too_long():
            return
        if self._shop.patiently(lambda: self._shop.store.standing(self._claim)) is not JobStatus.RUNNING:
            raise LostJob(self._job.id)

    # Before the first step

    def _planned_steps(self) -> list[Step]:
        """The job's steps, planned again if the tenant has not what the plan counted on."""
        job = self._job
        if any(step.status is not None for step in job.steps):
            return adapted(job.steps, self._enabled)
        if job.assumed == schedule.digest(self._enabled):
            return list(job.steps)
        planned = self._shop.patiently(
            lambda: self._shop.planner.plan(job.kind, self._enabled, job.request, job.options)
        )
        if planned.changes == tuple(step.change for step in job.steps):
            return list(job.steps)
        log.info("job is planned again: the tenant's modules are not those that were expected")
        self._shop.patiently(
            lambda: self._shop.store.replan(self._claim, planned.steps, planned.edges, planned.assumed)
        )
        return list(planned.steps)

    def _prepare(self, steps: list[Step]) -> None:
        job = self._job
        self._shop.catalog.descriptors(self._registry, [step.change.id for step in steps])  # all in one statement
        self._book = StepBook(steps, self._now, self._claim.unfinished_work)
        self._schedule = schedule.Schedule(
            [step.change for step in steps],
            self._book.done(),
            self._registry.get,
            self._enabled,
            dep_check=job.options.dep_check,
            parallel=job.options.parallel,
            seconds=self._expected_seconds(steps) if job.options.parallel > 1 else {},
        )

    def _expected_seconds(self, steps: list[Step]) -> dict[int, float]:
        products = {step.pos: ModuleId.parse(step.change.id).product for step in steps}
        known = self._shop.patiently(lambda: self._shop.store.durations(frozenset(products.values())))
        seen = {step.pos: known.get((products[step.pos], step.change.action.value)) for step in steps}
        return {pos: durations.mean for pos, durations in seen.items() if durations is not None}

    # Steps

    def _begin(self, progress: Progress) -> Progress:
        """Begins what may begin, and adds it to the progress that is to be committed first."""
        changed = list(progress.steps)
        while positions := self._schedule.begin():
            changed.extend(self._begun(pos) for pos in positions)
        return replace(progress, steps=tuple(changed))

    def _begun(self, pos: int) -> Step:
        if self._book[pos].change.action in NOTHING_TO_DO:
            self._schedule.finished(pos)
            return self._book.done_at_once(pos)
        self._launch.append(pos)
        return self._book.begun(pos)

    def _save(self, progress: Progress) -> None:
        """Commits, and then starts what the commit says has begun."""
        if progress != Progress():
            self._shop.patiently(lambda: self._shop.store.save(self._claim, progress))
            self._book.committed(progress.steps)
            self._shop.notifier.changed(self._job.id)
        self._begun_at_all()
        launch, self._launch = self._launch, []
        for pos in launch:
            self._crew.start(pos, self._performer(pos))

    def _performer(self, pos: int) -> Callable[[], None]:
        work = self._work(pos)

        def perform() -> None:
            with structlog.contextvars.bound_contextvars(
                job=self._job.id, tenant=self._job.tenant, module=work.step.change.id
            ):
                self._findings[pos] = self._shop.steps.perform(work)

        return perform

    def _work(self, pos: int) -> StepWork:
        purge = self._job.options.purge and not self._book.purge_spent(pos)
        return self._bench.work(
            self._book[pos], purge=purge, remember=lambda job, found: self._remember(pos, job, found)
        )

    def _remember(self, pos: int, job: TenantJob | None, found: Findings) -> None:
        self._save_running(lambda: self._book.remembered(pos, job, found))

    def _save_running(self, change: Callable[[], Step]) -> None:
        """Commits a change of a step that runs. The step and the job's task do so, one after the other."""
        with self._writing:
            step = change()
            self._shop.patiently(lambda: self._shop.store.save(self._claim, Progress(steps=(step,))))
            self._book.committed((step,))
        self._shop.notifier.changed(self._job.id)

    def _collect(self) -> Progress:
        """Waits for steps to end; what that changes."""
        progress = Progress()
        for pos, error in self._crew.finished(self._shop.policy.slow_step_seconds / _LOOKS):
            if error is not None:
                raise error
            found = self._findings.pop(pos)
            step = self._book.ended(pos, found)
            count_step(self._shop.meters, step)
            if found.failure is None:
                progress = self._succeeded(step, progress)
            else:
                progress = self._failed(step, found.failure, progress)
        self._notice_slow()
        return progress

    def _notice_slow(self) -> None:
        """Warns of steps that take longer than their modules ever did: they themselves wait for their modules."""
        least, clock = self._shop.policy.slow_step_seconds, self._shop.clock.monotonic()
        if clock - self._looked < least / _LOOKS:
            return
        self._looked, now = clock, self._now()
        found = suspects(self._book, now, least)
        if not found:
            return
        products = frozenset(key_of(step)[0] for step in found)
        seen = self._shop.patiently(lambda: self._shop.store.durations(products))
        for step in found:
            seconds, known = now - (step.started or now), seen.get(key_of(step))
            if seconds > unusual_after(known, least):
                self._warn(step, slow_warning(seconds, known))

    def _warn(self, step: Step, warning: Problem) -> None:
        log.warning("the step takes unusually long", module=step.change.id, cause=warning.message)
        self._shop.meters.count(UNUSUAL_STEPS, kind="slow")
        self._save_running(lambda: self._book.warned(step.pos, warning))

    def _succeeded(self, step: Step, progress: Progress) -> Progress:
        self._schedule.finished(step.pos)
        enable, disable = changed_modules(step, self._registry)
        self._enabled.difference_update(disable)
        self._enabled.update(enable)
        return _added(progress, (step,), enable, disable)

    def _failed(self, step: Step, failure: ModuleCallFailed, progress: Progress) -> Progress:
        self._failure = self._failure or Failure(message=failure.message, status=400 if failure.user else 500)
        lost = self._schedule.failed(step.pos)
        if not self._job.options.ignore_errors:
            self._schedule.stop()
            return _added(progress, (step,))
        skipped = [self._book.skipped(pos, step.change.id) for pos in lost]
        return _added(progress, (step, *skipped))

    # The end

    def _end(self, progress: Progress) -> JobRef | None:
        upgraded = [] if self._failure else [s for s in self._book if self._is_upgraded_guard(s)]
        if upgraded:
            self._save(progress)
            progress = self._refresh_permissions(upgraded)
        if self._failure is None and not self._book.failed():
            return self._finish(Ending(status=JobStatus.DONE), progress)
        return self._finish(self._ending_as("failed"), progress)

    def _ending_as(self, reason: str) -> Ending:
        if reason == "failed" and self._job.options.ignore_errors and (failed := self._book.failed()):
            text = f"{len(failed)} of {len(self._book)} modules failed; the others went on, as ignoreErrors asks for"
            return Ending(status=JobStatus.ERROR, message=text, reason=reason)
        failure = self._failure or Failure(message="a step of an earlier run failed", status=500)
        return Ending(status=JobStatus.ERROR, message=failure.message, error_status=failure.status, reason=reason)

    def _finish(self, ending: Ending, progress: Progress) -> JobRef | None:
        follower = self._shop.without_end(lambda: self._shop.store.finish(self._claim, ending, progress))
        count_end(self._shop.meters, ending)
        time_job(self._shop.meters, self._job, ending, self._shop.clock.monotonic() - self._began)
        self._shop.notifier.changed(self._job.id, now=True)
        log.info("job complete", status=ending.status.value, cause=ending.message)
        return follower

    def _is_upgraded_guard(self, step: Step) -> bool:
        """Okapi tells an upgraded permissions module of all modules once more, last."""
        change, summary = step.change, self._registry.get(step.change.id)
        return (
            change.action is Action.ENABLE and change.from_id is not None and summary is not None and summary.exclusive
        )

    def _refresh_permissions(self, upgraded: list[Step]) -> Progress:
        progress = Progress()
        for step in upgraded:
            work = self._work(step.pos)
            module = work.module_to
            if module is None or module.system_interface("_tenantPermissions") is None:
                continue
            try:
                self._shop.steps.refresh_permissions(work, module)
            except ModuleCallFailed as failure:
                self._failure = self._failure or Failure(message=failure.message, status=400)
                problem = Problem(message=failure.message, type="error", code="permissions_not_refreshed")
                progress = _added(progress, (self._book.noted(step.pos, problem),))
        return progress


def _added(
    progress: Progress, steps: tuple[Step, ...], enable: tuple[str, ...] = (), disable: tuple[str, ...] = ()
) -> Progress:
    return Progress(steps=progress.steps + steps, enable=progress.enable + enable, disable=progress.disable + disable)
