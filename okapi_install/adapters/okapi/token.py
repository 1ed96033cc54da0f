"""The token for our own calls of a secured Okapi.

It is given in the settings, or requested from the auth filter of the supertenant at the module's own address, as Okapi
does before a system call. Such a token does not expire. It stays in memory and is not logged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import orjson

from okapi_install.adapters.okapi.connections import Connections, Response
from okapi_install.adapters.outgoing import Limits, OutgoingFailed
from okapi_install.config_rules import redacted_url
from okapi_install.domain import recording_messages
from okapi_install.domain.foreign_status import succeeded
from okapi_install.domain.passed_headers import can_be_sent
from okapi_install.domain.problems import parse_object
from okapi_install.service.ports import PlatformForbids, PlatformUnavailable

PERMISSIONS = (
    "okapi.proxy.modules.list",
    "okapi.proxy.modules.get",
    "okapi.proxy.tenants.list",
    "okapi.proxy.tenants.get",
    "okapi.proxy.tenants.modules.list",
    "okapi.proxy.tenants.modules.post",
    "okapi.proxy.tenants.modules.enabled.get",
    "okapi.proxy.tenants.modules.enabled.post",
    "okapi.proxy.tenants.modules.enabled.delete",
    "okapi.proxy.tenants.install.list",
    "okapi.discovery.get",
)
"""What the service calls of Okapi."""
_MODULE = "mod-okapi-install"
"""The name under which the auth filter returns the token. It need not be the id of a module."""
_LIMITS = Limits(connect=10.0, silence=30.0, seconds=30.0, most_bytes=64 * 1024)


class TokenSource(Protocol):
    """Where the token for calls of Okapi comes from."""

    def current(self) -> str | None:
        """The token to send; None before one was needed."""

    def renewed(self, refused: str | None) -> str | None:
        """A new token in place of one that was refused; None if there is no way to one. Raises PlatformUnavailable."""


class FixedToken:
    """The token of the settings, or none. It cannot be renewed."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def current(self) -> str | None:
        """The token of the settings."""
        return self._token

    def renewed(self, refused: str | None) -> str | None:
        """None."""
        del refused
        return None


class FilterToken:
    """A token from the auth filter of the supertenant. `filter_address` returns where that is."""

    def __init__(self, okapi_url: str, filter_address: Callable[[], str | None], connections: Connections) -> None:
        self._okapi_url = okapi_url
        self._filter_address = filter_address
        self._connections = connections
        self._token: str | None = None
        self._renewing = threading.Lock()

    def current(self) -> str | None:
        """The token, None before Okapi required one."""
        return self._token

    def renewed(self, refused: str | None) -> str | None:
        """A new token. Of many callers whose token was refused at once, one requests it. Raises PlatformUnavailable."""
        with self._renewing:
            if self._token == refused:
                self._token = self._new()
            return self._token

    def _new(self) -> str | None:
        try:
            address = self._filter_address()
        except PlatformForbids:
            return None
        return None if address is None else self._requested(address)

    def _requested(self, address: str) -> str:
        headers = {
            "X-Okapi-Tenant": "supertenant",
            "X-Okapi-Url": self._okapi_url,
            "X-Okapi-Filter": "auth",
            "X-Okapi-Module-Permissions": orjson.dumps({_MODULE: PERMISSIONS}).decode(),
            "Accept": "*/*",
        }
        shown = redacted_url(address)
        try:
            url = address.rstrip("/") + "/_/proxy/modules"
            found = self._connections.call("GET", url, headers, None, _LIMITS)
        except OutgoingFailed as why:
            raise PlatformUnavailable(recording_messages.no_okapi_token(shown, why.message)) from why
        if not succeeded(found.status):
            raise PlatformUnavailable(recording_messages.no_okapi_token(shown, found.words))
        token = _token_of(found)
        if token is None:
            raise PlatformUnavailable(recording_messages.no_okapi_token(shown, "it has none in its response"))
        return token


def _token_of(found: Response) -> str | None:
    tokens = parse_object(found.headers.get("x-okapi-module-tokens", "")) or {}
    token = tokens.get(_MODULE)
    return token if isinstance(token, str) and token and can_be_sent(token) else None
