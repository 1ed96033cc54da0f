"""Who may use our own paths beside an Okapi: its auth filter is asked as Okapi would, and refuses in its own words.

A request with an API key is not checked again: keys are for operators of this service.
"""

from __future__ import annotations

from flask import Flask, Response, request

from okapi_install.domain import messages
from okapi_install.domain.modules.internal_module import required_permission
from okapi_install.service.ports import PermissionRequest, Permissions
from okapi_install.web.access.roles import current_holder
from okapi_install.web.access.visitors import Visitors
from okapi_install.web.forwarded_requests import is_forwarded
from okapi_install.web.guards import OPEN_PATHS
from okapi_install.web.http.errors import refusal
from okapi_install.web.http.module_headers import module_headers
from okapi_install.web.http.paths import raw_path
from okapi_install.web.http.requests import request_context
from okapi_install.web.http.tokens import is_from_cookie, token_of

_INSTALL = "okapi.proxy.tenants.install."
_READING = frozenset({"GET", "HEAD"})
_TOLD = frozenset({"X-Okapi-Request-Id", "X-Okapi-Request-Ip", "X-Okapi-Request-Timestamp", "X-Okapi-Request-Method"})


def permission_for(method: str, path: str) -> str:
    """The permission that Okapi requires for one of our paths, or for what is most like it among Okapi's."""
    method = "GET" if method == "HEAD" else method
    okapis = required_permission(method, path)
    if okapis is not None:
        return okapis
    below = [part for part in path.split("/")[3:] if part]  # after /_/install
    if method == "DELETE" or below[-1:] == ["abort"]:
        return _INSTALL + "delete"
    if method in _READING:
        return _INSTALL + ("get" if len(below) > 1 else "list")
    return _INSTALL + "post"


class PermissionCheck:
    """The check of one app."""

    def __init__(self, permissions: Permissions, visitors: Visitors) -> None:
        self._permissions = permissions
        self._visitors = visitors

    def replaces_key(self) -> bool:
        """Whether requests of the API need no key, because Okapi's auth filter decides. Raises PlatformUnavailable."""
        return self._permissions.decides()

    def install(self, app: Flask) -> None:
        """Adds the check, after those of the key and before all views."""
        app.before_request(self._check)

    def _check(self) -> Response | None:
        if (
            current_holder() is not None
            or is_forwarded()
            or request.path in OPEN_PATHS
            or not request.path.startswith("/_/")
        ):
            return None
        if not self._permissions.decides():
            return None
        if is_from_cookie(dict(request.headers)) and not self._is_from_own_page():
            return refusal(403, messages.foreign_origin_with_cookie(), "foreign_origin")
        refused = self._permissions.refusal(_question())
        if refused is None:
            return None
        answer = Response(refused.body, refused.status)
        answer.headers["Content-Type"] = refused.content_type
        return answer

    def _is_from_own_page(self) -> bool:
        """Whether a request whose token is in a cookie was not made by a page of another origin."""
        return request.method in _READING or self._visitors.is_not_foreign(request.headers, request.host)


def _is_of_our_api() -> bool:
    return request.path.startswith("/_/") and not is_forwarded() and request.path not in OPEN_PATHS


def _question() -> PermissionRequest:
    sent = module_headers()
    return PermissionRequest(
        method=request.method,
        path=raw_path(request.environ),
        permission=permission_for(request.method, request.path),
        tenant=request_context().tenant,
        token=token_of(dict(request.headers)),
        headers={name: value for name, value in sent.items() if name in _TOLD},
    )
