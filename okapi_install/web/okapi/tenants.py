"""Okapi's `/_/proxy/tenants`: tenants and their enabled modules. `installs` has the paths that change those."""

from __future__ import annotations

from flask import Blueprint, Response

from okapi_install.domain import messages
from okapi_install.domain.errors import UserError
from okapi_install.service.registry import RegistryService
from okapi_install.service.tenants import TenantService
from okapi_install.web.http import bodies
from okapi_install.web.http.requests import flag, json_body, parameter
from okapi_install.web.http.responses import created, json_answer, no_content
from okapi_install.web.okapi.queries import module_list

_ONE = "/_/proxy/tenants/<tenant>"


def blueprint(tenants: TenantService, registry: RegistryService) -> Blueprint:
    """`/_/proxy/tenants…`: the paths that only read, and those that change the tenant itself."""
    routes = Blueprint("tenants", __name__)
    _add_tenants(routes, tenants)
    _add_enabled(routes, tenants, registry)
    _add_timers(routes, tenants)
    return routes


def _add_tenants(routes: Blueprint, tenants: TenantService) -> None:
    @routes.get("/_/proxy/tenants")
    def all_tenants() -> Response:
        return json_answer([bodies.tenant_document(t) for t in tenants.all()])

    @routes.post("/_/proxy/tenants")
    def create() -> Response:
        added = tenants.create(bodies.tenant(json_body())[1])
        return created(bodies.tenant_document(added), added.id)

    @routes.get(_ONE)
    def one(tenant: str) -> Response:
        return json_answer(bodies.tenant_document(tenants.get(tenant)))

    @routes.put(_ONE)
    def update(tenant: str) -> Response:
        sent_id, sent = bodies.tenant(json_body())
        tenants.update(tenant, sent_id, sent)
        return json_answer(bodies.tenant_document(sent))

    @routes.delete(_ONE)
    def remove(tenant: str) -> Response:
        tenants.remove(tenant)
        return no_content()


def _add_enabled(routes: Blueprint, tenants: TenantService, registry: RegistryService) -> None:
    @routes.get(_ONE + "/modules")
    def modules(tenant: str) -> Response:
        return module_list(registry, lambda query: tenants.modules(tenant, query), named=False)

    @routes.get(_ONE + "/modules/<module>")
    def module(tenant: str, module: str) -> Response:
        tenants.check_enabled(tenant, module)
        return json_answer({"id": module})

    @routes.get(_ONE + "/interfaces")
    def interfaces(tenant: str) -> Response:
        full = flag("full", False)
        found = tenants.interfaces(tenant, parameter("type"))
        if full:
            return json_answer([dict(i) for i in found])
        first: dict[str, object] = {}
        for each in found:
            first.setdefault(each["id"], {"id": each["id"], "version": each["version"]})
        return json_answer(list(first.values()))

    @routes.get(_ONE + "/interfaces/<interface>")
    def providers(tenant: str, interface: str) -> Response:
        found = tenants.providers(tenant, interface, parameter("type"))
        return json_answer([{"id": i} for i in found])


def _add_timers(routes: Blueprint, tenants: TenantService) -> None:
    @routes.get(_ONE + "/timers")
    def timers(tenant: str) -> Response:
        return json_answer(tenants.timers(tenant))

    @routes.get(_ONE + "/timers/<timer>")
    def timer(tenant: str, timer: str) -> Response:
        return json_answer(tenants.timer(tenant, timer))

    @routes.patch(_ONE + "/timers")
    def patch_any(tenant: str) -> Response:
        ident = bodies.timer_id(json_body())
        return _unchangeable(tenants, tenant, ident)

    @routes.patch(_ONE + "/timers/<timer>")
    def patch(tenant: str, timer: str) -> Response:
        bodies.routing_entry(json_body())
        return _unchangeable(tenants, tenant, timer)


def _unchangeable(tenants: TenantService, tenant: str, timer: str) -> Response:
    """Okapi's response if the timer does not exist. Else a refusal, because no timers run here."""
    tenants.timer(tenant, timer)
    raise UserError(messages.runs_no_timers(timer))
