"""Install and upgrade, and Okapi's older way to enable and disable modules: exactly Okapi's paths and answers."""

from __future__ import annotations

import uuid
from dataclasses import replace

from flask import Blueprint, Response

from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import InternalError, NotFound, UserError
from okapi_install.domain.jobs import Action, Change, InstallOptions, Job, JobKind, JobStatus
from okapi_install.service.jobs.installs import InstallService, Order
from okapi_install.service.tenants import TenantService
from okapi_install.web.http.conditional import with_etag
from okapi_install.web.http.errors import STATUS_OF_TYPE
from okapi_install.web.http.module_headers import module_headers
from okapi_install.web.http.order_parsing import change, change_list, install_options
from okapi_install.web.http.requests import body, json_body, request_context, whole_number
from okapi_install.web.http.responses import created, json_answer, no_content, text_answer, written_answer
from okapi_install.web.http.waiting import waiting_for_a_job
from okapi_install.web.job_bodies import JobBodies
from okapi_install.web.job_views import change_view, okapi_listed_view, step_result_view
from okapi_install.web.okapi.order_headers import asked_async, order_extras, told_of_replay

UPGRADE_BODY = (
    "/_/proxy/tenants/{tenant_id}/upgrade (upgrading to latest version) must not have a body. "
    "Use /_/proxy/tenants/{tenant_id}/install instead to specify which version to upgrade to."
)
LONGEST_WAIT = 60_000


def blueprint(installs: InstallService, tenants: TenantService, *, strict_delete: bool) -> Blueprint:
    """The paths below /_/proxy/tenants/{tenant} that change what a tenant has enabled."""
    found = Blueprint("installs", __name__, url_prefix="/_/proxy/tenants/<tenant>")
    handlers = InstallHandlers(installs, tenants, strict_delete=strict_delete)
    found.post("/install")(handlers.install)
    found.get("/install")(handlers.jobs)
    found.delete("/install")(handlers.abort_all)
    found.get("/install/<job_id>")(handlers.job)
    found.delete("/install/<job_id>")(handlers.abort)
    found.post("/upgrade")(handlers.upgrade)
    found.post("/modules")(handlers.enable_module)
    found.delete("/modules")(handlers.disable_modules)
    found.post("/modules/<module>")(handlers.replace_module)
    found.delete("/modules/<module>")(handlers.disable_module)
    return found


class InstallHandlers:
    """One method for each path and method."""

    def __init__(self, installs: InstallService, tenants: TenantService, *, strict_delete: bool) -> None:
        self._installs = installs
        self._tenants = tenants
        self._strict_delete = strict_delete
        self._bodies = JobBodies()

    def install(self, tenant: str) -> Response:
        """POST …/install"""
        options = install_options()
        changes = change_list(json_body())
        return self._answered(self._order(JobKind.INSTALL, tenant, changes, options))

    def upgrade(self, tenant: str) -> Response:
        """POST …/upgrade"""
        if body():
            raise UserError(UPGRADE_BODY)
        options = install_options()
        return self._answered(self._order(JobKind.UPGRADE, tenant, None, options))

    def _order(self, kind: JobKind, tenant: str, changes: tuple[Change, ...] | None, options: InstallOptions) -> Order:
        context, extras = request_context(), order_extras()
        if kind is not JobKind.MODULE:
            options = asked_async(options)
        return Order(
            kind=kind,
            tenant=tenant,
            request=changes,
            options=options,
            headers=module_headers(),
            requested_by=context.requested_by,
            idempotency_key=extras.idempotency_key,
            callback_url=extras.callback_url,
        )

    def _answered(self, order: Order) -> Response:
        """Submits an order and responds. A request that will wait gets its place before the job is added."""
        if order.options.asynchronous or order.options.simulate:
            return self._submitted(order)
        with waiting_for_a_job():
            return self._submitted(order)

    def _submitted(self, order: Order) -> Response:
        submitted = told_of_replay(self._installs.submit(order))
        views = [change_view(item) for item in submitted.changes]
        base = f"/_/proxy/tenants/{order.tenant}/install"
        if order.options.asynchronous:
            return created(views, submitted.job.id if submitted.job else str(uuid.uuid4()), base=base)
        if submitted.job is None:
            return json_answer(views)
        job = self._installs.wait_complete(submitted.job)
        return _refusal(job) or json_answer([step_result_view(step) for step in job.steps])

    def jobs(self, tenant: str) -> Response:
        """GET …/install"""
        self._tenants.get(tenant)
        return json_answer([okapi_listed_view(job) for job in self._installs.jobs_of(tenant)])

    def job(self, tenant: str, job_id: str) -> Response:
        """GET …/install/{id}"""
        found = self._job(tenant, job_id)
        wait = whole_number("wait", 0)
        if wait > 0 and not found.complete:
            with waiting_for_a_job():
                self._installs.wait_changed(job_id, found.revision, min(wait, LONGEST_WAIT) / 1000)
            found = self._job(tenant, job_id)
        return with_etag(written_answer(self._bodies.of(found)), found)

    def _job(self, tenant: str, job_id: str) -> Job:
        try:
            found = self._installs.job(job_id, tenant)
        except NotFound:
            self._tenants.get(tenant)
            raise NotFound(f"{tenant}/{job_id}") from None
        if found.kind is JobKind.MODULE:
            raise NotFound(f"{tenant}/{job_id}")
        return found

    def abort_all(self, tenant: str) -> Response:
        """DELETE …/install"""
        self._tenants.get(tenant)
        if self._strict_delete:
            for job in self._installs.jobs_of(tenant):
                if job.complete:
                    self._installs.abort(job.id, keep=False, tenant=tenant)
            return no_content()
        self._installs.abort_all(tenant)
        return no_content()

    def abort(self, tenant: str, job_id: str) -> Response:
        """DELETE …/install/{id}"""
        found = self._job(tenant, job_id)
        if self._strict_delete and not found.complete:
            raise UserError(okapi_messages.job_not_complete(job_id))
        self._installs.abort(job_id, keep=False, tenant=tenant)
        return no_content()

    def enable_module(self, tenant: str) -> Response:
        """POST …/modules"""
        return self._one_module(tenant, None, base=None)

    def replace_module(self, tenant: str, module: str) -> Response:
        """POST …/modules/{from}"""
        return self._one_module(tenant, module, base=f"/_/proxy/tenants/{tenant}/modules")

    def _one_module(self, tenant: str, replaced: str | None, base: str | None) -> Response:
        options = install_options()
        document = json_body()
        wanted = Change(id=change(document).id, from_id=replaced)
        job = self._carried_out(tenant, (wanted,), options)
        module_id = job.steps[0].change.id
        sent = document if isinstance(document, dict) else {}
        given = {name: value for name, value in sent.items() if isinstance(value, str)}
        return _refusal(job) or created({**given, "id": module_id}, module_id, base=base)

    def disable_module(self, tenant: str, module: str) -> Response:
        """DELETE …/modules/{id}"""
        options = install_options()
        job = self._carried_out(tenant, (Change(id=module, action=Action.DISABLE),), options)
        return _refusal(job) or no_content()

    def disable_modules(self, tenant: str) -> Response:
        """DELETE …/modules: all of them, without a check of dependencies (Okapi: disableModules)."""
        options = replace(install_options(), dep_check=False)
        enabled = self._tenants.enabled(tenant)
        if not enabled:
            return no_content()
        job = self._carried_out(tenant, tuple(Change(id=i, action=Action.DISABLE) for i in enabled), options)
        return _refusal(job) or no_content()

    def _carried_out(self, tenant: str, changes: tuple[Change, ...], options: InstallOptions) -> Job:
        """Submits a MODULE job and waits for its end. Options such as `simulate` are ignored."""
        options = replace(options, simulate=False, asynchronous=False, ignore_errors=False, parallel=1)
        with waiting_for_a_job():
            submitted = told_of_replay(self._installs.submit(self._order(JobKind.MODULE, tenant, changes, options)))
            if submitted.job is None:
                raise InternalError("no job was made")
            return self._installs.wait_complete(submitted.job)


def _refusal(job: Job) -> Response | None:
    """The response to a failed job: the message of the first failure (Okapi), unless errors are ignored."""
    if job.status is not JobStatus.ERROR or job.error_type is None:
        return None
    return text_answer(job.message or "the job failed", STATUS_OF_TYPE[job.error_type])
