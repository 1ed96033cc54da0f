"""What clients do with jobs: submit, follow, abort and retry them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from opentelemetry.trace import NoOpTracer, Tracer

from okapi_install.domain import messages, recording_messages
from okapi_install.domain.errors import NotFound, Unresolvable, UserError
from okapi_install.domain.history import EventKind, JobEvent
from okapi_install.domain.invocation import InvokeRule
from okapi_install.domain.jobs import (
    COMPLETE,
    Action,
    Change,
    InstallOptions,
    Job,
    JobKind,
    JobStatus,
    Problem,
    Stage,
    Step,
    StepStatus,
)
from okapi_install.domain.passed_headers import kept_with_job
from okapi_install.domain.planning.explain import explain
from okapi_install.domain.planning.retries import RetryChoice, RetryPlan, choice_words, held_back, retry_plan
from okapi_install.domain.presentation.states import State
from okapi_install.service.jobs.callbacks import CallbackRule
from okapi_install.service.jobs.gateway_warnings import NEEDS_GATEWAY, job_warnings
from okapi_install.service.jobs.planning import Planned, Planner, SharedPlans, expected, parallel_checked
from okapi_install.service.jobs.reader import JobReader
from okapi_install.service.jobs.watch import LONGEST_WAIT, JobWatch
from okapi_install.service.metrics import Meters
from okapi_install.service.observer import JobObserver
from okapi_install.service.ports import (
    Aborted,
    Clock,
    HistoryFilter,
    HistoryPage,
    JobFilter,
    JobPage,
    JobRef,
    JobStore,
    NewJob,
    Notifier,
    Platform,
    Queue,
    TenantState,
)
from okapi_install.service.registry import RegistryService
from okapi_install.service.trace_context import headers_under, parent_of

_EVERYTHING = RetryChoice()


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A client's request. `request` is None for an upgrade. `headers` are those of the HTTP request."""

    kind: JobKind
    tenant: str
    request: tuple[Change, ...] | None
    options: InstallOptions
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    requested_by: str | None = None
    idempotency_key: str | None = None
    callback_url: str | None = None

    def digest(self) -> str:
        """Two orders with the same digest are the same request, whoever sends it."""
        return hashlib.sha256(repr((self.kind.value, self.request, self.options)).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """The plan of an order, and its job (None for a simulation). With `replayed` the job existed before."""

    changes: tuple[Change, ...]
    job: Job | None
    replayed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Why an order is refused (None if it is not), or what it would do, in lines for a person.

    `warnings` are those that its job would start with.
    """

    refusal: Unresolvable | UserError | None
    lines: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()
    """Pairs of positions in `changes`: the later one waits for the earlier one."""
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Limits: queued jobs per tenant, and seconds that a synchronous request waits (None: without limit).

    With `refuse_beside_other_job`, a request is refused while the platform runs a job of its own for the tenant.
    """

    most_waiting: int = 100
    sync_timeout: float | None = None
    look_again: float = 0.5
    refuse_beside_other_job: bool = False


MOST_COUNTED = 10_000
"""Jobs in one state are counted up to here: counting hundreds of thousands takes longer than reading a page of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobCounts:
    """How many jobs are in each state, and which are slow. A state without jobs may be missing.

    A number above MOST_COUNTED means that there are more.
    """

    by_state: Mapping[State, int]
    slow: frozenset[str]
    """The ids of running jobs with a module that runs longer than it ever did."""

    @property
    def total(self) -> int:
        """How many jobs there are."""
        return sum(self.by_state.values())


class StillRunning(UserError):
    """A synchronous request has reached its time limit. The job continues."""

    code = "still_running"

    def __init__(self, job: Job) -> None:
        super().__init__(messages.job_still_running(job.tenant, job.id))
        self.job = job


class InstallService:
    """The operations of clients on jobs."""

    def __init__(
        self,
        store: JobStore,
        registry: RegistryService,
        queue: Queue,
        notifier: Notifier,
        clock: Clock,
        limits: Limits,
        callbacks: CallbackRule | None = None,
        meters: Meters | None = None,
        gateway: bool = True,
        tracer: Tracer | None = None,
        *,
        platform: Platform,
    ) -> None:
        self._store = store
        self._registry = registry
        self._platform = platform
        self._planner = Planner(registry, gateway=gateway)
        self._queue = queue
        self._notifier = notifier
        self._clock = clock
        self._limits = limits
        self._callbacks = callbacks or CallbackRule()
        self._observer = JobObserver(notifier, meters or Meters())
        self._tracer = tracer or NoOpTracer()
        self._reader = JobReader(store)
        self._watch = JobWatch(store, limits.look_again)

    def submit(self, order: Order) -> Submitted:
        """Plans the order, writes the job, and then sends a message about it.

        Raises:
            UserError: the options are invalid, no plan is possible, or the tenant has too many queued jobs.
            KeyReused: its idempotency key was used before with another order.
            NotFound: the tenant does not exist.
        """
        about = {"folio.tenant": order.tenant, "okapi_install.kind": order.kind.value}
        parent = parent_of(order.headers)
        with self._tracer.start_as_current_span(f"submit {order.kind.value}", parent, attributes=about) as span:
            return self._submit(replace(order, headers={**order.headers, **headers_under(span, parent)}))

    def _submit(self, order: Order) -> Submitted:
        callback_url = self._callbacks.url_for(order.callback_url)
        known = self.known(order)
        if known is not None:
            return _replayed(known)
        planned = self._plan(order)
        if order.options.simulate:
            return Submitted(changes=planned.changes, job=None)
        self._check_no_other_job(order.tenant)
        new = self._new_job(order, planned, callback_url)
        job = self._store.add_job(new, most_waiting=self._limits.most_waiting)
        if job.id != new.id:
            return _replayed(job)
        self._queue.publish(JobRef(id=job.id, tenant=job.tenant, kind=job.kind, task_id=new.task_id))
        self._observer.job_submitted(job)
        return Submitted(changes=tuple(step.change for step in job.steps), job=job)

    def _check_no_other_job(self, tenant: str) -> None:
        """Raises UserError if the platform runs a job of its own for the tenant, and such requests are refused."""
        running = self._platform.running_job(tenant) if self._limits.refuse_beside_other_job else None
        if running is not None:
            raise UserError(recording_messages.job_of_okapi_runs(tenant, running))

    def known(self, order: Order) -> Job | None:
        """The job of a repeated order. It is not planned again, because the tenant may have its modules already.

        Raises:
            KeyReused: its idempotency key was used before with another order.
        """
        if order.idempotency_key is None or order.options.simulate:
            return None
        return self._store.job_of_key(order.tenant, order.idempotency_key, order.digest())

    def _new_job(self, order: Order, planned: Planned, callback_url: str | None) -> NewJob:
        return NewJob(
            id=str(uuid.uuid4()),
            tenant=order.tenant,
            kind=order.kind,
            options=replace(order.options, decisions=planned.decisions),
            request=order.request,
            steps=planned.steps,
            edges=planned.edges,
            assumed=planned.assumed,
            requested_by=order.requested_by,
            headers=kept_with_job(order.headers),
            callback_url=callback_url,
            idempotency_key=order.idempotency_key,
            request_digest=order.digest() if order.idempotency_key else None,
            task_id=str(uuid.uuid4()),
        )

    def _plan(self, order: Order) -> Planned:
        _check_options(order)
        return self._plan_against(self.tenant_state(order.tenant), order)

    def tenant_state(self, tenant_id: str) -> TenantState:
        """What a plan for the tenant starts from, brought up to date first. Raises NotFound, PlatformUnavailable."""
        self.refresh(tenant_id)
        return self._store.tenant_state(tenant_id)

    def refresh(self, tenant_id: str) -> None:
        """Brings up to date what a plan for the tenant starts from. May raise NotFound, PlatformUnavailable."""
        self._platform.refresh_registry()
        self._platform.refresh_tenant(tenant_id)

    def refreshed_states(self, tenants: Collection[str]) -> Mapping[str, TenantState]:
        """What plans for tenants start from that were brought up to date before. Unknown ones are missing."""
        return self._store.tenant_states(tenants) if tenants else {}

    def _plan_against(self, state: TenantState, order: Order) -> Planned:
        return self._planner.plan(order.kind, expected(state), order.request, order.options, state.registry_seq)

    def explain(self, order: Order) -> Explanation:
        """Why the order would be refused, as a chain of reasons for a person. Raises NotFound."""
        state = self.tenant_state(order.tenant)
        try:
            _check_options(order)
            planned = self._plan_against(state, order)
        except Unresolvable as refusal:
            registry = self._registry.current()
            lines = explain(refusal, registry, order.request, expected(state))
            return Explanation(refusal=refusal, lines=lines)
        except UserError as refusal:
            return Explanation(refusal=refusal, lines=(refusal.message,))
        warnings = job_warnings(planned.steps)
        return Explanation(refusal=None, lines=(), changes=planned.changes, edges=planned.edges, warnings=warnings)

    def wait_complete(self, job: Job) -> Job:
        """The job once it is complete.

        Raises:
            StillRunning: it takes longer than a synchronous request may wait.
            UserError: it was aborted meanwhile.
        """
        began, limit = self._clock.monotonic(), self._limits.sync_timeout
        with self._notifier.listen(job.id) as listener:
            while True:
                seen = self._store.revision(job.id)
                if seen is None:
                    raise UserError(messages.sync_job_aborted(job.id))
                if seen[1] in COMPLETE:
                    return self._reader.job(job.id)
                waited = self._clock.monotonic() - began
                if limit is not None and waited > limit:
                    raise StillRunning(job)
                self._watch.wait(listener, job.id, seen, LONGEST_WAIT if limit is None else limit - waited)

    def wait_changed(self, job_id: str, revision: int, seconds: float) -> None:
        """Waits until the job changes, is complete or removed, or until the timeout."""
        until = self._clock.monotonic() + seconds
        with self._notifier.listen(job_id) as listener:
            while (left := until - self._clock.monotonic()) > 0:
                seen = self._store.revision(job_id)
                if seen is None or seen[0] != revision or seen[1] in COMPLETE:
                    return
                self._watch.wait(listener, job_id, seen, left)

    def job(self, job_id: str, tenant: str | None = None) -> Job:
        """One job. Raises NotFound."""
        return self._reader.job(job_id, tenant)

    def jobs_of(self, tenant: str) -> list[Job]:
        """The tenant's jobs as Okapi lists them, oldest first. Raises NotFound if the tenant does not exist."""
        return self._store.jobs_of(tenant)

    def find(self, which: JobFilter) -> JobPage:
        """Jobs of all tenants, newest first."""
        return self._store.find_jobs(which)

    def history(self, job_id: str, which: HistoryFilter) -> HistoryPage:
        """Events of a job, oldest first. Raises NotFound."""
        return self._store.history(job_id, which)

    def abort(self, job_id: str, *, keep: bool, tenant: str | None = None, by: str | None = None) -> Aborted:
        """Aborts a job and removes its record, unless the record is to be kept. Raises NotFound."""
        aborted = self._store.abort(job_id, keep=keep, tenant_id=tenant, by=by)
        if aborted.was is JobStatus.RUNNING and aborted.job.task_id is not None:
            self._queue.revoke(aborted.job.task_id)
        if aborted.was is JobStatus.QUEUED and aborted.job.task_id is not None:
            self._queue.publish(aborted.job)  # a worker that finds it aborted tells Flower
        self._observer.abort_requested(aborted)
        return aborted

    def counts(self, tenant: str | None) -> JobCounts:
        """How many jobs of a tenant, or of all, are in each state."""
        slow = self._store.slow_jobs()
        if tenant is not None and slow:
            slow = frozenset(job.id for job in self._store.find_jobs(JobFilter(tenant=tenant, ids=slow)).jobs)
        return JobCounts(by_state=self._store.count_jobs(tenant, MOST_COUNTED), slow=slow)

    def abort_all(self, tenant: str) -> None:
        """Aborts all jobs of the tenant and removes their records. Queued jobs go first, so that none starts."""
        jobs = self._store.jobs_of(tenant)
        self._abort_each(sorted(jobs, key=lambda job: job.status is not JobStatus.QUEUED))

    def stop_all(self, tenant: str) -> None:
        """Aborts all queued and running jobs of the tenant, even those that Okapi does not list. Queued ones first."""
        for state in (State.WAITING, State.RUNNING):
            of_tenant = JobFilter(tenant=tenant, states=frozenset((state,)), limit=self._limits.most_waiting + 1)
            self._abort_each(self._store.find_jobs(of_tenant).jobs)

    def _abort_each(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            with suppress(NotFound):
                self.abort(job.id, keep=False, tenant=job.tenant)

    def prepared(self, order: Order, state: TenantState, shared: SharedPlans) -> NewJob | None:
        """The job of an order, which is not added yet; None if there is nothing to change. Raises as `submit`.

        `shared` has the plans of the same order for other tenants.
        """
        _check_options(order)
        planned = shared.plan(state, lambda: self._plan_against(state, order))
        if all(change.action is Action.UPTODATE for change in planned.changes):
            return None
        return self._new_job(order, planned, self._callbacks.url_for(order.callback_url))

    def job_added(self, job: JobRef) -> None:
        """Reports a job that was added as a part of a larger change."""
        self._observer.job_submitted(job)

    def planned_retry(self, job_id: str, choice: RetryChoice) -> tuple[Job, RetryPlan]:
        """A job, and what a retry would do. Raises NotFound; UserError if it cannot run again."""
        job, _ = self.steps_of_retry(job_id)
        return job, retry_plan(job, choice)

    def steps_of_retry(self, job_id: str) -> tuple[Job, tuple[Step, ...]]:
        """A job, and its steps if everything ran again. Raises NotFound; UserError if it cannot run again."""
        job = self._store.job(job_id)
        steps = tuple(_to_do_again(step) for step in job.steps)
        if job.status is not JobStatus.ERROR:
            raise UserError(messages.only_errors_are_retried(job_id, job.status.value))
        if all(step.status is StepStatus.DONE for step in steps) and steps:
            raise UserError(messages.nothing_to_retry(job_id))
        self._platform.refresh_registry()  # a descriptor may have been posted again
        return job, steps

    def retry(
        self, job_id: str, headers: Mapping[str, str], by: str | None = None, choice: RetryChoice = _EVERYTHING
    ) -> Job:
        """Runs again, in the same job, the steps that are not done, or those that were chosen.

        Raises:
            NotFound: there is no such job.
            UserError: there is nothing to run, or a chosen module requires one that would not run.
        """
        job, steps = self.steps_of_retry(job_id)
        plan = retry_plan(job, choice) if steps else None
        if plan is not None:
            run = frozenset(plan.run)
            steps = tuple(_again(old, new, plan, run, by) for old, new in zip(job.steps, steps, strict=True))
        said = None if plan is None else choice_words(job, choice, plan)
        task_id, parent = str(uuid.uuid4()), parent_of(headers)
        with self._tracer.start_as_current_span("retry", parent, attributes={"okapi_install.job": job_id}) as span:
            kept = kept_with_job({**headers, **headers_under(span, parent)})
            again = self._store.retry(
                job_id, steps, kept, task_id, JobEvent(kind=EventKind.RETRIED, by=by, message=said)
            )
        self._queue.publish(JobRef(id=job.id, tenant=job.tenant, kind=job.kind, task_id=task_id))
        self._observer.job_retried(again)
        return again


def _replayed(job: Job) -> Submitted:
    return Submitted(changes=tuple(step.change for step in job.steps), job=job, replayed=True)


def _check_options(order: Order) -> None:
    """Raises UserError for options that are invalid for any tenant."""
    if order.kind is not JobKind.MODULE:
        parallel_checked(order.options)
    InvokeRule.parse(order.options.invoke)


def _again(old: Step, new: Step, plan: RetryPlan, run: Collection[int], by: str | None) -> Step:
    """The value of a step for a retry."""
    return new if old.pos in run or old.status is StepStatus.DONE else held_back(old, plan, by)


def _to_do_again(step: Step) -> Step:
    if step.status is StepStatus.DONE:
        return step
    warnings = tuple(w for w in step.warnings if w == NEEDS_GATEWAY)
    again = replace(step, status=None, message=None, errors=(), warnings=warnings, held=False)
    if step.stage is Stage.INITIALISED:
        return again  # with its times: the module is not called
    nowhere = replace(again, tenant_job=None, instance_url=None, tenant_job_id=None)
    return replace(nowhere, stage=Stage.PENDING, started=None, ended=None)
