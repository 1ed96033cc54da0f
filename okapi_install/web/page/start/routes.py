"""The routes of the start form: the form, the plan, the start. They work without script.

The plan's page sends a key with the confirmation, so that a confirmation that is sent twice starts each job once.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BareResponse

from okapi_install.domain.errors import NotFound, OkapiInstallError, UserError
from okapi_install.domain.registry.releases import tenants_behind
from okapi_install.service.jobs.installs import InstallService, Order
from okapi_install.service.jobs.proposals import Proposal, ProposalService, Wanted, digest
from okapi_install.service.jobs.solutions import Constraints
from okapi_install.service.registry import RegistryService
from okapi_install.service.tenants import TenantService
from okapi_install.web.access.roles import check_may_operate, holder_name
from okapi_install.web.http.module_headers import module_headers
from okapi_install.web.page.rendering import Rendering
from okapi_install.web.page.start.form import MOST_TENANTS, StartForm
from okapi_install.web.page.start.views import FormView, ProposalView, Result, started
from okapi_install.web.page.tenants.overview import matching
from okapi_install.web.words import segment

_MOST_FILE = 64 * 1024
_LONGEST_KEY = 64


def blueprint(
    proposals: ProposalService,
    installs: InstallService,
    tenants: TenantService,
    registry: RegistryService,
    rendering: Rendering,
) -> Blueprint:
    """`/start` and below."""
    found = Blueprint("start", __name__, url_prefix="/start")
    handlers = StartHandlers(proposals, installs, tenants, registry, rendering)
    found.before_request(rendering.check_origin)
    found.before_request(check_may_operate)
    found.get("")(handlers.form)
    found.post("/form", endpoint="again")(handlers.form_again)
    found.post("/plan")(handlers.plan)
    found.post("", endpoint="start")(handlers.start)
    found.register_error_handler(OkapiInstallError, rendering.problem)
    return found


class StartHandlers:
    """One method for each path and method."""

    def __init__(
        self,
        proposals: ProposalService,
        installs: InstallService,
        tenants: TenantService,
        registry: RegistryService,
        rendering: Rendering,
    ) -> None:
        self._proposals = proposals
        self._installs = installs
        self._tenants = tenants
        self._registry = registry
        self._html = rendering.html

    def form(self) -> Response:
        """GET /start: the form, filled in by the parameters. `behind` is a product that the tenants have an older
        version of than the newest release.
        """
        form, product = StartForm.of(request.args), request.args.get("behind")
        if product is None:
            return self._form(form)
        behind = self._behind(product, request.args.get("q", ""))
        note = (
            f"{len(behind)} tenants are behind. These are the first {MOST_TENANTS}." if behind[MOST_TENANTS:] else None
        )
        return self._form(replace(form, tenants=tuple(behind[:MOST_TENANTS])), note=note)

    def _behind(self, product: str, query: str) -> list[str]:
        shown = {tenant.id for tenant in matching(self._tenants.all(), query.strip())}
        enabled = {t: modules for t, modules in self._tenants.enabled_everywhere().items() if t in shown}
        return tenants_behind(self._registry.current().index, enabled, product)

    def form_again(self) -> Response:
        """POST /start/form: the form as it was, to change it."""
        return self._form(StartForm.of(request.form))

    def _form(self, form: StartForm, problem: str | None = None, note: str | None = None) -> Response:
        view = FormView.of(form, self._tenants.all(), self._registry.current().index)
        told = {"problem": problem, "note": note, "most": MOST_TENANTS}
        return self._html("start/form.html", 400 if problem else 200, view=view, **told)

    def plan(self) -> Response:
        """POST /start/plan: what the request would do. Nothing is changed."""
        form = StartForm.of(request.form, _file())
        try:
            wanted = form.wanted()
            return self._planned(form, self._proposed(wanted))
        except UserError as problem:
            return self._form(form, problem.message)

    def _proposed(self, wanted: Wanted) -> list[Proposal]:
        try:
            return self._proposals.proposals(wanted)
        except NotFound as missing:
            raise UserError(f"There is no tenant {missing.message}") from None

    def _planned(self, form: StartForm, proposals: list[Proposal], problem: str | None = None) -> Response:
        startable = [tenant for p in proposals if p.startable for tenant in p.tenants]
        return self._html(
            "start/plan.html",
            409 if problem else 200,
            form=form,
            plans=[ProposalView.of(proposal, form) for proposal in proposals],
            startable=startable,
            deleting=[t for p in proposals if p.startable and p.purge for t in p.tenants],
            fields=[*form.fields(tenants=startable), ("key", uuid.uuid4().hex), ("seen", digest(proposals))],
            problem=problem,
        )

    def start(self) -> BareResponse:
        """POST /start: starts one job for each tenant, if the plan is the one that was seen."""
        form = StartForm.of(request.form)
        try:
            wanted = form.wanted()
            orders = [_sent(wanted.order(tenant)) for tenant in wanted.tenants]
            if not self._all_known(orders):
                problem = _unconfirmed(self._proposed(replace(wanted, constraints=Constraints(most=0))))
                if problem:
                    return self._planned(form, self._proposed(wanted), problem)
        except UserError as problem:
            return self._form(form, problem.message)
        return self._started([self._submitted(order) for order in orders])

    def _all_known(self, orders: list[Order]) -> bool:
        """Whether the same confirmation was sent before."""
        return all(self._installs.known(order) is not None for order in orders)

    def _submitted(self, order: Order) -> Result:
        try:
            job = self._installs.submit(order).job
        except OkapiInstallError as problem:
            return Result(tenant=order.tenant, job=None, problem=problem.message)
        return Result(tenant=order.tenant, job=job.id if job else None)

    def _started(self, results: list[Result]) -> BareResponse:
        first = results[0]
        if len(results) == 1 and first.job is not None:
            return redirect(f"/jobs/{segment(first.job)}", 303)
        return self._html("start/started.html", results=results, counts=started(results))


def _sent(order: Order) -> Order:
    """The order with what the current request adds to it. Raises UserError if the form has no key."""
    key = request.form.get("key", "")
    if not 0 < len(key) <= _LONGEST_KEY:
        raise UserError("The form was not sent completely. Look at the plan again")
    return replace(order, headers=module_headers(), requested_by=holder_name(), idempotency_key=f"page-{key}")


def _unconfirmed(proposals: list[Proposal]) -> str | None:
    """Why the plan has to be looked at again; None if it may start."""
    if digest(proposals) != request.form.get("seen"):
        return "The plan has changed since you looked at it. This is the new one. Nothing was started."
    deleting = [tenant for p in proposals if p.startable and p.purge for tenant in p.tenants]
    typed = [name.strip() for name in request.form.getlist("typed")]
    missing = [tenant for tenant in deleting if tenant not in typed]
    if missing:
        names = ", ".join(missing)
        return f"Nothing was started. To delete data, type the name of the tenant: {names}."
    return None


def _file() -> str:
    """The content of the file that was sent with the form; empty if there is none. Raises UserError."""
    sent = request.files.get("file")
    content = b"" if sent is None else sent.read(_MOST_FILE)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("The file is not a text in UTF-8, such as an install.json") from None
