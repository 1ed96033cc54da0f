"""The routes of the list of tenants and of the matrix of versions."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from flask import Blueprint, Response, request

from okapi_install.domain.errors import OkapiInstallError, UserError
from okapi_install.service.registry import RegistryService
from okapi_install.service.tenants import TenantService
from okapi_install.web.access.login import PageLogin
from okapi_install.web.http.sse import event_stream
from okapi_install.web.page.recent import look_events
from okapi_install.web.page.rendering import Rendering, page_number, while_signed_in
from okapi_install.web.page.tenants.matrix import PER_PAGE, MatrixPart, Only, matrix
from okapi_install.web.page.tenants.overview import TenantList, TenantPart, Which, matching

T = TypeVar("T", bound=StrEnum)


def blueprint(tenants: TenantService, registry: RegistryService, login: PageLogin, rendering: Rendering) -> Blueprint:
    """`/tenants`, without one tenant, and `/versions`."""
    found = Blueprint("page_tenants", __name__)
    handlers = TenantHandlers(tenants, registry, login, rendering)
    found.before_request(rendering.check_origin)
    found.get("/tenants")(handlers.tenants)
    found.get("/page/tenants/events")(handlers.events)
    found.get("/versions")(handlers.versions)
    found.register_error_handler(OkapiInstallError, rendering.problem)
    return found


class TenantHandlers:
    """One method for each path."""

    def __init__(
        self,
        tenants: TenantService,
        registry: RegistryService,
        login: PageLogin,
        rendering: Rendering,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tenants = tenants
        self._registry = registry
        self._login = login
        self._html = rendering.html
        self._list = TenantList(tenants, rendering.templates, time.monotonic)
        self._sleep = sleep

    def tenants(self) -> Response:
        """GET /tenants"""
        part = _tenant_part()
        return self._html("tenants/list.html", look=self._list.fresh(part), part=part)

    def events(self) -> Response:
        """GET /page/tenants/events, with the parameters of the list."""
        part = _tenant_part()
        events = look_events(lambda: self._list.recent(part), "tenants", self._sleep)
        return event_stream(while_signed_in(self._login, events), retry=2000)

    def versions(self) -> Response:
        """GET /versions"""
        part = _matrix_part()
        shown = matching(self._tenants.all(), part.query)
        found = matrix(shown, self._tenants.enabled_everywhere(), self._registry.current().index, part)
        return self._html("tenants/matrix.html", matrix=found, part=part, pages=max(1, -(-len(shown) // PER_PAGE)))


def _tenant_part() -> TenantPart:
    return TenantPart(_text("q"), _one_of(Which, "which"), page_number())


def _matrix_part() -> MatrixPart:
    return MatrixPart(_text("q"), _text("product"), _one_of(Only, "only"), page_number())


def _text(name: str) -> str:
    return request.args.get(name, "").strip()


def _one_of(values: type[T], name: str) -> T:
    """A parameter with one of a few values. Raises UserError."""
    sent = request.args.get(name, "")
    if sent not in tuple(values):
        raise UserError(f"Unknown value {sent} of {name}. Known are {', '.join(filter(None, values))}")
    return values(sent)
