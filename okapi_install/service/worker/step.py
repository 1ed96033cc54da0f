"""Carries one step out: permissions, the tenant interface, the module's tenant job.

The order of the calls is Okapi's (TenantManager.enableAndDisableModule). Nothing is committed here but the
name of a tenant job, through the function that the caller gives.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import structlog
from opentelemetry.trace import NoOpTracer, StatusCode, Tracer

from okapi_install.domain.errors import ModuleCallFailed, UserError
from okapi_install.domain.foreign_text import bounded
from okapi_install.domain.invocation import DecidedRule
from okapi_install.domain.jobs import OVER, InstallOptions, Problem, Step, TenantJob
from okapi_install.domain.messages import message
from okapi_install.domain.modules.call_urls import is_segment
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.modules.permissions import permission_list
from okapi_install.domain.modules.tenant_interface import ModuleCall, TenantCalls, tenant_calls
from okapi_install.domain.problems import errors_of_body, merge, messages_of, parse_object, problems
from okapi_install.service.metrics import Meters
from okapi_install.service.ports import Answer, Clock
from okapi_install.service.trace_context import headers_under, parent_of
from okapi_install.service.worker.call_policy import CallPolicy, Deadline
from okapi_install.service.worker.module_calls import Caller, ModuleCalls
from okapi_install.service.worker.tenant_jobs import Lookout, TenantJobs
from okapi_install.service.worker.unusual_steps import LOST

log = structlog.get_logger()

MOST_JOB_ID = 1000
"""Characters. An id becomes a part of a path; modules use UUIDs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepWork:
    """All that one step needs to know. `purge` tells that an enable is to be preceded by a purge.

    `enabled` maps the tenant's enabled module ids to descriptors where one is needed here: for permissions.
    `usual` gives the seconds after which the step takes longer than its module ever did.
    `remember` stores the module's tenant job before it is waited for, and what it has found before it is forgotten.
    """

    step: Step
    caller: Caller
    options: InstallOptions
    invoke: DecidedRule
    module_from: ModuleDescriptor | None
    module_to: ModuleDescriptor | None
    permissions_module: ModuleDescriptor | None
    enabled: Callable[[], Mapping[str, ModuleDescriptor]]
    purge: bool
    remember: Callable[[TenantJob | None, Findings], None]
    usual: Callable[[], float] = lambda: math.inf


@dataclass(kw_only=True, slots=True)
class Findings:
    """Errors and warnings gathered on the way of one step."""

    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    failure: ModuleCallFailed | None = field(default=None)

    def warn(self, text: str, code: str) -> None:
        """Adds a warning of our own."""
        self.warnings = merge(self.warnings, [Problem(message=text, type="warning", code=code)])


class StepRunner:
    """Carries out steps. One for a worker process."""

    def __init__(
        self,
        calls: ModuleCalls,
        clock: Clock,
        policy: CallPolicy,
        meters: Meters | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._policy = policy
        self._tracer = tracer or NoOpTracer()
        self._jobs = TenantJobs(calls, clock, policy, meters or Meters())

    def perform(self, work: StepWork) -> Findings:
        """Does all the calls of the step; what they found, with `failure` set if the step failed."""
        change, caller, parent = work.step.change, work.caller, parent_of(work.caller.headers)
        about = {"folio.tenant": caller.tenant, "okapi_install.module": change.id}
        name = f"{change.action.value} {change.id}"
        with self._tracer.start_as_current_span(name, parent, attributes=about) as span:
            caller = replace(caller, headers={**caller.headers, **headers_under(span, parent)})
            found = self._performed(replace(work, caller=caller))
            if found.failure is not None:
                span.set_status(StatusCode.ERROR, found.failure.message)
            return found

    def _performed(self, work: StepWork) -> Findings:
        found = Findings()
        if work.module_from is None and work.module_to is None:
            return found
        limit = self._policy.step_timeout
        deadline = Deadline(at=None if limit is None else self._clock.monotonic() + limit)
        try:
            self._perform(replace(work, caller=replace(work.caller, deadline=deadline)), found)
        except ModuleCallFailed as failure:
            found.failure = failure
            found.errors = merge(found.errors, errors_of_body(failure.body))
            found.errors = found.errors or (Problem(message=failure.message, type="error", code=failure.code),)
            if failure.hint is not None:
                found.errors = merge(found.errors, [Problem(message=failure.hint, code="tenant_job_last_seen")])
        return found

    def cancel(self, work: StepWork, job: TenantJob) -> None:
        """Tells the module to stop its tenant job, if its interface can."""
        try:
            calls = self._tenant_calls(work, job.phase)
        except ModuleCallFailed:
            return
        if calls is not None and calls.delete is not None:
            self._jobs.cancel(work.caller, calls.delete, job)

    def refresh_permissions(self, work: StepWork, module: ModuleDescriptor) -> None:
        """Announces all enabled modules to the permissions module. Raises ModuleCallFailed."""
        if not work.invoke.allows(module.id):
            return
        for _, descriptor in sorted(work.enabled().items()):
            self._announce(work.caller, module, None, descriptor)

    def _perform(self, work: StepWork, found: Findings) -> None:
        to, resumed = work.module_to, work.step.tenant_job
        if resumed is None:
            self._announce_before(work)
        phase = "init" if resumed is None else resumed.phase
        if to is not None and (phase == "purge" or (work.purge and resumed is None)):
            self._purge_first(work)
            resumed = None
        self._invoke(work, found, "init", resumed)
        if to is not None and to.system_interface("_tenantPermissions") and work.invoke.allows(to.id):
            self._announce(work.caller, to, None, to)
            if work.module_from is None:
                self.refresh_permissions(work, to)

    def _announce_before(self, work: StepWork) -> None:
        module = work.permissions_module
        if work.module_to is not None and work.module_to.system_interface("_tenantPermissions"):
            return
        if module is not None and work.invoke.allows(module.id):
            self._announce(work.caller, module, work.module_from, work.module_to)

    def _announce(
        self, caller: Caller, to: ModuleDescriptor, old: ModuleDescriptor | None, new: ModuleDescriptor | None
    ) -> None:
        interface = to.system_interface("_tenantPermissions")
        try:
            body = permission_list(to, old, new)
        except UserError as problem:
            raise ModuleCallFailed(problem.message) from problem
        if body is None or interface is None:
            return
        entries = [e for e in interface.handlers if e.match("POST")]
        if not entries:
            raise ModuleCallFailed(f"Bad _tenantPermissions interface in module {to.id}. No path to POST to")
        call = ModuleCall(module=to, method="POST", path=entries[-1].static_path or "", entry=entries[-1])
        self._calls.call(caller, call, json.dumps(body), timeout=self._policy.call_timeout)

    def _purge_first(self, work: StepWork) -> None:
        """Okapi: an enable with purge is a purge, whose failure is ignored, and an enable that upgrades nothing."""
        job = work.step.tenant_job
        resumed = job if job is not None and job.phase == "purge" else None
        ignored = Findings()
        try:
            self._invoke(work, ignored, "purge", resumed)
        except ModuleCallFailed as failure:
            log.info(f"Tenant purge error for module {work.step.change.id} ignored: {failure.message}")
        work.remember(None, Findings())

    def _tenant_calls(self, work: StepWork, phase: str) -> TenantCalls | None:
        parameters = work.options.tenant_parameters
        if phase == "purge":
            return tenant_calls(work.module_to, None, tenant_parameters=parameters, purge=True)
        old = None if work.purge and work.module_to is not None else work.module_from
        purge = work.module_to is None and work.purge
        return tenant_calls(old, work.module_to, tenant_parameters=parameters, purge=purge)

    def _invoke(self, work: StepWork, found: Findings, phase: str, resumed: TenantJob | None) -> None:
        module = work.module_to or work.module_from
        if module is None or not work.invoke.allows(module.id):
            return
        began, tenant = self._clock.monotonic(), work.caller.tenant
        log.info(f"Starting activation of module '{module.id}' for tenant '{tenant}'")
        try:
            calls = self._tenant_calls(work, phase)
            if calls is not None:
                self._operate(work, found, calls, TenantJobRef(phase, resumed))
        except ModuleCallFailed as failure:
            log.warning(f"Activation of module '{module.id}' for tenant '{tenant}' failed: {failure.message}")
            raise
        took = int((self._clock.monotonic() - began) * 1000)
        log.info(f"Activation of module '{module.id}' for tenant '{tenant}' completed successfully in {took} ms")

    def _operate(self, work: StepWork, found: Findings, calls: TenantCalls, ref: TenantJobRef) -> None:
        document: Mapping[str, object] | None = None
        job = ref.job
        if job is None:
            job, document = self._post(work, found, calls, ref.phase)
        if job is None:
            return
        if job.phase == OVER:
            self._jobs.forget(work.caller, calls, job)
            return
        if document is None or document.get("complete") is not True:
            document = self._jobs.wait(work.caller, calls, job, self._lookout(work, found, job))
        failure = _take_result(calls.post.module.id, document, found)
        if failure is None and job.phase == "init":
            work.remember(replace(job, phase=OVER), found)
        trouble = self._jobs.forget(work.caller, calls, job)
        if trouble is not None:
            found.warn(f"the finished tenant job could not be deleted: {trouble}", "tenant_job_not_deleted")
        if failure is not None:
            raise failure

    def _lookout(self, work: StepWork, found: Findings, job: TenantJob) -> Lookout:
        def lost(words: str) -> None:
            log.warning("the tenant job is probably lost", cause=words)
            found.warn(words, LOST)
            work.remember(job, found)

        return Lookout(usual=work.usual, lost=lost)

    def _post(
        self, work: StepWork, found: Findings, calls: TenantCalls, phase: str
    ) -> tuple[TenantJob | None, Mapping[str, object] | None]:
        body = "" if calls.body is None else json.dumps(calls.body, indent=2)
        answer, url = self._calls.call(work.caller, calls.post, body, timeout=self._policy.call_timeout)
        if "location" not in answer.headers:
            _take_warnings(answer, found)
            return None, None
        job, document = _named_job(calls, answer, url, phase)
        work.remember(job, found)
        return job, document


@dataclass(frozen=True, slots=True)
class TenantJobRef:
    """Which part of a step a tenant job belongs to, and the job if it is known from before."""

    phase: str
    job: TenantJob | None


def _named_job(calls: TenantCalls, answer: Answer, url: str, phase: str) -> tuple[TenantJob, Mapping[str, object]]:
    post = calls.post
    if calls.get is None or calls.delete is None:
        raise ModuleCallFailed(message(10409, post.module.id, post.method, post.path), user=False)
    document = parse_object(answer.body)
    if document is None:
        raise ModuleCallFailed(
            message(11101, post.method, post.module.id, post.path, "a Location, but a body that is no JSON object")
        )
    ident = document.get("id")
    if ident is None:
        raise ModuleCallFailed(message(10408, post.module.id, post.method, post.path), user=False)
    ident = ident if isinstance(ident, str) else json.dumps(ident)
    if len(ident) > MOST_JOB_ID or not is_segment(ident):
        cause = message(20542, MOST_JOB_ID)
        raise ModuleCallFailed(message(11101, post.method, post.module.id, post.path, cause))
    return TenantJob(id=ident, base_url=url, phase=phase), document


def _take_warnings(answer: Answer, found: Findings) -> None:
    document = parse_object(answer.body) if answer.body.startswith("{") else None
    if document is not None:
        found.warnings = merge(found.warnings, problems(document.get("warnings")))


def _take_result(module_id: str, document: Mapping[str, object], found: Findings) -> ModuleCallFailed | None:
    """Merges what the tenant job says (OKAPI-874); the failure to raise if it failed."""
    found.warnings = merge(found.warnings, problems(document.get("warnings")))
    reported = problems(document.get("errors"))
    texts, error = messages_of(document), document.get("error")
    if error is None and document.get("status") != "error":
        found.errors = merge(found.errors, reported)
        found.warnings = merge(found.warnings, [Problem(message=t, type="message") for t in texts])
        return None
    words = bounded("\n".join([bounded("the module reports an error" if error is None else error), *texts]))
    own = [Problem(message=bounded(error), type="error", code="tenant_job_failed")] if error is not None else []
    found.errors = merge(found.errors, own, reported, [Problem(message=t, type="message") for t in texts])
    return ModuleCallFailed(message(10410, module_id, words), user=False)


def enabled_system_module(enabled: Collection[ModuleDescriptor], interface: str) -> ModuleDescriptor | None:
    """The first of them, by id, that provides that system interface (Okapi: findSystemInterface)."""
    found = sorted((m for m in enabled if m.system_interface(interface)), key=lambda m: m.id)
    return found[0] if found else None
