"""One running step: permissions, the tenant interface, the module's tenant job.

The order of the calls is Okapi's (TenantManager.enableAndDisableModule). Only the reference
to a tenant job is committed here, before the worker waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import structlog
from opentelemetry.trace import StatusCode

from okapi_install.domain import messages, okapi_messages, recording_messages
from okapi_install.domain.errors import ErrorType, ModuleCallFailed, UserError
from okapi_install.domain.foreign_text import bounded
from okapi_install.domain.invocation import DecidedRule
from okapi_install.domain.jobs import Action, Problem, ProblemCode, ProblemType, Stage, TenantJob, TenantJobPhase
from okapi_install.domain.modules.call_urls import is_segment
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.modules.permissions import permission_list
from okapi_install.domain.modules.tenant_interface import ModuleCall, TenantCalls, tenant_calls
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.problems import errors_of_body, merge, messages_of, parse_object, problems
from okapi_install.domain.registry.registry import Registry
from okapi_install.service.jobs.timings import timing_key
from okapi_install.service.ports import Answer
from okapi_install.service.trace_context import headers_under, parent_of
from okapi_install.service.worker.call_policy import NO_DEADLINE, Deadline
from okapi_install.service.worker.context import WorkerContext
from okapi_install.service.worker.job_steps import JobSteps
from okapi_install.service.worker.lease import Lease
from okapi_install.service.worker.module_calls import Caller
from okapi_install.service.worker.recording import Recorder, recording_of
from okapi_install.service.worker.tenant_jobs import Lookout
from okapi_install.service.worker.unusual_steps import unusual_after

log = structlog.get_logger()

MOST_JOB_ID = 1000
"""Characters. An id becomes a part of a path; modules use UUIDs."""


class StepRun:
    """Runs one step of a job.

    `enabled` is the job's own set of the tenant's enabled modules, which changes as steps end. With `purge`, an enable
    is preceded by a purge. Without `guarded`, calls are made even if the lease is no longer valid. `recorder` is
    for a step that is run to its end.
    """

    def __init__(
        self,
        context: WorkerContext,
        lease: Lease,
        steps: JobSteps,
        pos: int,
        *,
        registry: Registry,
        enabled: Collection[str],
        purge: bool = False,
        guarded: bool = True,
        recorder: Recorder | None = None,
    ) -> None:
        self._context = context
        self._lease = lease
        self._steps = steps
        self._pos = pos
        self._registry = registry
        self._enabled = enabled
        self._purge = purge
        self._recorder = recorder
        self._options = lease.job.options
        self._invoke = DecidedRule.of(self._options.invoke, self._options.decisions)
        self._change = steps[pos].change
        self._errors: tuple[Problem, ...] = ()
        self._ignoring = False
        self._find_modules(guarded=guarded)

    def _find_modules(self, *, guarded: bool) -> None:
        """Reads the descriptors of the step's modules, and of the tenant's auth filter and permissions module."""
        change = self._change
        old = change.id if change.action is Action.DISABLE else change.from_id
        guards = [i for i in self._enabled if (s := self._registry.get(i)) is not None and s.exclusive]
        wanted = {i for i in (change.id, old, *guards) if i is not None}
        known = self._context.catalog.descriptors(self._registry, wanted)
        guardians = [known[i] for i in guards if i in known]
        self._from = known.get(old) if old is not None else None
        self._to = known.get(change.id) if change.action is Action.ENABLE else None
        self._permissions = enabled_system_module(guardians, "_tenantPermissions")
        self._caller = self._made_caller(guardians, self._lease if guarded else None)

    def _made_caller(self, guardians: list[ModuleDescriptor], lease: Lease | None) -> Caller:
        auth = sorted((m for m in guardians if m.auth_filter is not None), key=lambda m: m.id)
        interface = self._permissions.system_interface("_tenantPermissions") if self._permissions else None
        return Caller(
            tenant=self._lease.job.tenant,
            headers=self._lease.headers,
            okapi_url=self._context.okapi_url,
            auth=auth[0] if auth else None,
            expand=interface is not None and interface.version != "1.0",
            system_auth=self._context.system_auth,
            lease=lease,
            waits=self._waits if lease is not None else None,
        )

    def run(self) -> None:
        """Makes all calls of the step and records the outcome in the job's steps. A failed step does not raise.

        Raises:
            LostJob: another worker owns the job now, or it was aborted.
            StoreNotWritable: a tenant job, or that the module is initialised, could not be committed.
        """
        job, change, headers = self._lease.job, self._change, self._caller.headers
        about, parent = {"folio.tenant": job.tenant, "okapi_install.module": change.id}, parent_of(headers)
        name, tracer = f"{change.action.value} {change.id}", self._context.tracer
        with (
            structlog.contextvars.bound_contextvars(job=job.id, tenant=job.tenant, module=change.id),
            tracer.start_as_current_span(name, parent, attributes=about) as span,
        ):
            headers = {**headers, **headers_under(span, parent)}
            self._caller = replace(self._caller, headers=headers, deadline=self._deadline())
            failure = None
            try:
                if self._steps[self._pos].stage is not Stage.INITIALISED:
                    self._initialise_in_turn()
                self._record()
            except ModuleCallFailed as problem:
                failure = problem
                self._tell(failure)
                span.set_status(StatusCode.ERROR, failure.message)
            self._steps.returned(self._pos, failure)

    def cancel(self) -> None:
        """Tells the module to stop the step's tenant job, if there is one and the interface has a DELETE."""
        job = self._steps[self._pos].tenant_job
        if job is None:
            return
        try:
            calls = self._tenant_calls(job.phase)
        except ModuleCallFailed:
            return
        if calls is not None and calls.delete is not None:
            self._context.tenant_jobs.cancel(self._caller, calls.delete, job)

    def refresh_permissions(self) -> None:
        """Announces all enabled modules to the step's module, if it keeps permissions. Raises ModuleCallFailed."""
        module = self._to
        if module is None or not module.system_interface("_tenantPermissions") or not self._invoke.allows(module.id):
            return
        enabled = self._context.catalog.descriptors(self._registry, self._enabled)
        for _, descriptor in sorted(enabled.items()):
            self._announce(module, None, descriptor)

    def _initialise_in_turn(self) -> None:
        """Initialises when few enough others call the module. Raises ModuleCallFailed, LostJob."""
        product = ModuleId.parse(self._change.id).product
        with self._context.turns.turn(self._lease.claim, self._pos, product, self._waits_for_turn):
            self._caller = replace(self._caller, deadline=self._deadline())
            self._initialise()

    def _waits_for_turn(self, waits: bool) -> None:
        if waits:
            limits = self._context.turns.limits(self._options)
            most = min(limit for limit in (limits.of_rollout, limits.of_all) if limit is not None)
            self._steps.waits_for_turn(self._pos, messages.waits_for_turn(self._change.id, most))
        else:
            self._steps.turn_has_come(self._pos)
        self._lease.save_running(self._steps, self._pos)

    def _deadline(self) -> Deadline:
        limit = self._context.policy.step_timeout
        return NO_DEADLINE if limit is None else Deadline(at=self._context.clock.monotonic() + limit)

    def _waits(self, why: str | None) -> None:
        """Commits why a call waits for the platform, or that it does not any more."""
        words = None if why is None else recording_messages.job_waits_for_okapi(why)
        if self._steps.waits(self._pos, words):
            self._lease.save_running(self._steps, self._pos)

    def _tell(self, failure: ModuleCallFailed) -> None:
        found = merge(self._errors, errors_of_body(failure.body))
        found = found or (Problem.error(failure.message, failure.code),)
        if failure.hint is not None:
            found = merge(found, [Problem(message=failure.hint, code=ProblemCode.TENANT_JOB_LAST_SEEN)])
        self._steps.found(self._pos, errors=found)

    def _record(self) -> None:
        """Records the change, so that what waits for the step starts after that. Raises RecordingFailed, LostJob."""
        initialised = self._steps[self._pos].stage is Stage.INITIALISED
        recording = recording_of(self._change, came=initialised or self._to is not None)
        if recording is not None and self._recorder is not None:
            self._recorder.record(self._pos, recording)

    # The calls of a step, in Okapi's order

    def _initialise(self) -> None:
        """Makes all calls that must succeed before the change is recorded. Raises ModuleCallFailed."""
        to, resumed = self._to, self._steps[self._pos].tenant_job
        if to is None and self._from is None:
            return
        if resumed is None:
            self._announce_before()
        if to is not None and (self._purge if resumed is None else resumed.phase is TenantJobPhase.PURGE):
            self._purge_first(resumed)
            resumed = None
        self._activate(TenantJobPhase.INIT, resumed)
        if to is not None and to.system_interface("_tenantPermissions") and self._invoke.allows(to.id):
            self._announce(to, None, to)
            if self._from is None:
                self.refresh_permissions()

    def _announce_before(self) -> None:
        module = self._permissions
        if self._to is not None and self._to.system_interface("_tenantPermissions"):
            return
        if module is not None and self._invoke.allows(module.id):
            self._announce(module, self._from, self._to)

    def _announce(self, to: ModuleDescriptor, old: ModuleDescriptor | None, new: ModuleDescriptor | None) -> None:
        interface = to.system_interface("_tenantPermissions")
        try:
            body = permission_list(to, old, new)
        except UserError as problem:
            raise ModuleCallFailed(problem.message) from problem
        if body is None or interface is None:
            return
        entries = [e for e in interface.handlers if e.match("POST")]
        if not entries:
            raise ModuleCallFailed(okapi_messages.no_permissions_path(to.id))
        call = ModuleCall(module=to, method="POST", path=entries[-1].static_path or "", entry=entries[-1])
        self._context.calls.call(self._caller, call, json.dumps(body), timeout=self._context.policy.call_timeout)

    def _purge_first(self, resumed: TenantJob | None) -> None:
        """Okapi: an enable with purge is a purge, whose failure is ignored, and an enable that upgrades nothing."""
        self._ignoring = True
        try:
            self._activate(TenantJobPhase.PURGE, resumed)
        except ModuleCallFailed as failure:
            log.info(f"Tenant purge error for module {self._change.id} ignored: {failure.message}")
        self._ignoring = False
        self._remember(None)

    def _activate(self, phase: TenantJobPhase, resumed: TenantJob | None) -> None:
        """Calls the module's tenant interface, and waits for the tenant job that it may return."""
        module, tenant, clock = self._to or self._from, self._lease.job.tenant, self._context.clock
        if module is None or not self._invoke.allows(module.id):
            return
        began = clock.monotonic()
        log.info(f"Starting activation of module '{module.id}' for tenant '{tenant}'")
        try:
            calls = self._tenant_calls(phase)
            if calls is not None:
                job, document = (resumed, None) if resumed is not None else self._post(calls, phase)
                if job is not None:
                    self._complete(calls, job, document)
        except ModuleCallFailed as failure:
            log.warning(f"Activation of module '{module.id}' for tenant '{tenant}' failed: {failure.message}")
            raise
        took = int((clock.monotonic() - began) * 1000)
        log.info(f"Activation of module '{module.id}' for tenant '{tenant}' completed successfully in {took} ms")

    def _tenant_calls(self, phase: TenantJobPhase) -> TenantCalls | None:
        parameters = self._options.tenant_parameters
        if phase is TenantJobPhase.PURGE:
            return tenant_calls(self._to, None, tenant_parameters=parameters, purge=True)
        old = None if self._purge and self._to is not None else self._from
        purge = self._to is None and self._purge
        return tenant_calls(old, self._to, tenant_parameters=parameters, purge=purge)

    def _post(self, calls: TenantCalls, phase: TenantJobPhase) -> tuple[TenantJob | None, Mapping[str, object] | None]:
        """Calls the module; the tenant job that it returned, already committed, and its first state.

        During the call, a clean-up waits a moment for the response, because it can only cancel a tenant job by its id.
        """
        body = "" if calls.body is None else json.dumps(calls.body, indent=2)
        timeout = self._context.policy.call_timeout
        if calls.get is not None:
            self._steps.calling.add(self._pos)
        try:
            answer, url = self._context.calls.call(
                self._caller, calls.post, body, timeout=timeout, on_instance=self._called
            )
            if "location" not in answer.headers:
                document = parse_object(answer.body) if answer.body.startswith("{") else None
                self._found(warnings=problems((document or {}).get("warnings")))
                return None, None
            job, document = _named_job(calls, answer, url, phase)
            self._remember(job)
            return job, document
        finally:
            self._steps.calling.discard(self._pos)

    def _called(self, instance: str) -> None:
        self._steps.calls(self._pos, instance)

    # The module's tenant job

    def _remember(self, job: TenantJob | None) -> None:
        self._steps.has_tenant_job(self._pos, job)
        self._lease.save_running(self._steps, self._pos)

    def _complete(self, calls: TenantCalls, job: TenantJob, document: Mapping[str, object] | None) -> None:
        """Waits for the tenant job, if it is not complete yet, and records its result. Raises ModuleCallFailed."""
        jobs = self._context.tenant_jobs
        if job.phase is TenantJobPhase.OVER:
            jobs.forget(self._caller, calls, job)
            return
        if document is None or document.get("complete") is not True:
            document = jobs.wait(self._caller, calls, job, Lookout(usual=self._usual, lost=self._lost))
        failure = self._take_result(calls.post.module.id, document)
        if failure is None and job.phase is TenantJobPhase.INIT:
            self._remember(replace(job, phase=TenantJobPhase.OVER))
        trouble = jobs.forget(self._caller, calls, job)
        if trouble is not None:
            text = messages.tenant_job_not_deleted(trouble)
            self._found(warnings=[Problem.warning(text, ProblemCode.TENANT_JOB_NOT_DELETED)])
        if failure is not None:
            raise failure

    def _usual(self) -> float:
        """Seconds after which the step takes longer than its module ever took."""
        product, action = timing_key(self._steps[self._pos].change)
        seen = self._context.retries(lambda: self._context.store.durations(frozenset((product,))))
        return unusual_after(seen.get((product, action)), self._context.policy.slow_step_seconds)

    def _lost(self, words: str) -> None:
        log.warning("the tenant job is probably lost", cause=words)
        self._steps.found(self._pos, warnings=[Problem.warning(words, ProblemCode.TENANT_JOB_PROBABLY_LOST)])
        self._lease.save_running(self._steps, self._pos)

    def _take_result(self, module_id: str, document: Mapping[str, object]) -> ModuleCallFailed | None:
        """Records what the tenant job reports (OKAPI-874); the failure to raise if it failed."""
        self._found(warnings=problems(document.get("warnings")))
        reported = problems(document.get("errors"))
        texts, error = messages_of(document), document.get("error")
        if error is None and document.get("status") != "error":
            self._found(reported, [Problem(message=t, type=ProblemType.MESSAGE) for t in texts])
            return None
        words = bounded("\n".join([bounded(messages.module_reports_error() if error is None else error), *texts]))
        own = [Problem.error(bounded(error), ProblemCode.TENANT_JOB_FAILED)] if error is not None else []
        self._found(merge(own, reported, [Problem(message=t, type=ProblemType.MESSAGE) for t in texts]))
        return ModuleCallFailed(okapi_messages.tenant_operation_failed(module_id, words), error_type=ErrorType.INTERNAL)

    def _found(self, errors: Iterable[Problem] = (), warnings: Iterable[Problem] = ()) -> None:
        if not self._ignoring:
            self._errors = merge(self._errors, errors)
            self._steps.found(self._pos, self._errors, warnings)


def _named_job(
    calls: TenantCalls, answer: Answer, url: str, phase: TenantJobPhase
) -> tuple[TenantJob, Mapping[str, object]]:
    post = calls.post
    if calls.get is None or calls.delete is None:
        raise ModuleCallFailed(
            okapi_messages.unexpected_location(post.module.id, post.method, post.path), error_type=ErrorType.INTERNAL
        )
    document = parse_object(answer.body)
    if document is None:
        raise ModuleCallFailed(
            okapi_messages.call_failed(post.method, post.module.id, post.path, messages.location_without_object())
        )
    ident = document.get("id")
    if ident is None:
        raise ModuleCallFailed(
            okapi_messages.no_job_id(post.module.id, post.method, post.path), error_type=ErrorType.INTERNAL
        )
    ident = ident if isinstance(ident, str) else json.dumps(ident)
    if len(ident) > MOST_JOB_ID or not is_segment(ident):
        cause = messages.bad_tenant_job_id(MOST_JOB_ID)
        raise ModuleCallFailed(okapi_messages.call_failed(post.method, post.module.id, post.path, cause))
    return TenantJob(id=ident, base_url=url, phase=phase), document


def enabled_system_module(enabled: Collection[ModuleDescriptor], interface: str) -> ModuleDescriptor | None:
    """The first of them, by id, that provides that system interface (Okapi: findSystemInterface)."""
    found = sorted((m for m in enabled if m.system_interface(interface)), key=lambda m: m.id)
    return found[0] if found else None
