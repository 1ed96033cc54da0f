"""Requests to the Okapi beside this service: its address, our token, and what its refusals mean.

It does not know what is requested and why.
"""

from __future__ import annotations

import time
from urllib.parse import quote

import orjson

from okapi_install.adapters.okapi.connections import Connections, Response
from okapi_install.adapters.okapi.token import TokenSource
from okapi_install.adapters.outgoing import Limits, OutgoingFailed
from okapi_install.config_rules import redacted_url
from okapi_install.domain import recording_messages
from okapi_install.domain.foreign_status import is_bad_request, is_forbidden, is_interim, is_temporary, succeeded
from okapi_install.domain.modules.internal_module import required_permission
from okapi_install.service.metrics import OKAPI_SECONDS, Meters, OkapiOutcome
from okapi_install.service.ports import PlatformForbids, PlatformUnavailable

SUPERTENANT = "supertenant"
_CONNECT = 10.0
_MOST_BYTES = 128 * 1024 * 1024


def path_of(*parts: str) -> str:
    """The path of those parts, each quoted: the ids of tenants and modules are not ours."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def limits_of(seconds: float) -> Limits:
    """The limits of one request."""
    return Limits(connect=min(_CONNECT, seconds), silence=seconds, seconds=seconds, most_bytes=_MOST_BYTES)


class OkapiClient:
    """Calls one Okapi as its supertenant. `timeout` is for a whole call, in seconds."""

    def __init__(
        self,
        url: str,
        tokens: TokenSource,
        connections: Connections,
        *,
        timeout: float,
        meters: Meters | None = None,
    ) -> None:
        self.url = url
        self.shown_url = redacted_url(url)
        self._tokens = tokens
        self._connections = connections
        self.timeout = timeout
        self._meters = meters or Meters()

    def call(
        self, method: str, path: str, document: object = None, *, query: str = "", timeout: float | None = None
    ) -> Response:
        """The response, with a status that is neither a refusal of our token nor one that may pass.

        `document` becomes the JSON of the body, unless it is None. The call may be sent more than once.

        Raises:
            PlatformUnavailable: there is no such response; a retry makes sense.
            PlatformForbids: it refuses our token, also a new one.
        """
        body = None if document is None else orjson.dumps(document)
        token, limits = self._tokens.current(), limits_of(timeout or self.timeout)
        found = self._send(method, path, query, body, token, limits)
        if self._refuses(found, token):
            new = self._tokens.renewed(token)
            if new is None:
                raise self._forbidden(method, path, found, token)
            token, found = new, self._send(method, path, query, body, new, limits)
        if self._refuses(found, token):
            raise self._forbidden(method, path, found, token)
        if is_temporary(found.status) or is_interim(found.status):
            raise self._unavailable(method, path, found.words)
        return found

    def json(
        self, method: str, path: str, document: object = None, *, query: str = "", timeout: float | None = None
    ) -> object:
        """The JSON of a successful response. Raises as `call`; any other response is PlatformUnavailable."""
        found = self.call(method, path, document, query=query, timeout=timeout)
        return self.document_of(found, f"{method} {path}")

    def document_of(self, found: Response, request: str) -> object:
        """The JSON of a response. Raises PlatformUnavailable if it is an error, or not JSON."""
        if not succeeded(found.status):
            raise PlatformUnavailable(recording_messages.okapi_does_not_respond(self.shown_url, request, found.words))
        try:
            return found.json()
        except OutgoingFailed as why:
            raise PlatformUnavailable(
                recording_messages.okapi_does_not_respond(self.shown_url, request, why.message)
            ) from None

    def close(self) -> None:
        """Closes the idle connections of its pool."""
        self._connections.close()

    def _send(
        self, method: str, path: str, query: str, body: bytes | None, token: str | None, limits: Limits
    ) -> Response:
        began, outcome = time.monotonic(), OkapiOutcome.FAILED
        headers = {"X-Okapi-Tenant": SUPERTENANT, "Accept": "*/*"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if token is not None:
            headers["X-Okapi-Token"] = token
        try:
            url = self.url + path + ("?" + query if query else "")
            found = self._connections.call(method, url, headers, body, limits)
            outcome = OkapiOutcome.FAILED if is_temporary(found.status) else OkapiOutcome.ANSWERED
            return found
        except OutgoingFailed as why:
            raise self._unavailable(method, path, why.message) from why
        finally:
            self._meters.observe(OKAPI_SECONDS, time.monotonic() - began, method=method, outcome=outcome)

    @staticmethod
    def _refuses(found: Response, token: str | None) -> bool:
        """Whether the token is refused, or missing. For a missing one the auth filter may also respond with 400."""
        without = token is None and is_bad_request(found.status) and b"token" in found.body.lower()
        return is_forbidden(found.status) or without

    def _forbidden(self, method: str, path: str, found: Response, token: str | None) -> PlatformForbids:
        if token is None:
            return PlatformForbids(recording_messages.okapi_requires_token(self.shown_url, found.words))
        needed = required_permission(method, path)
        return PlatformForbids(
            recording_messages.okapi_forbids(self.shown_url, f"{method} {path}", found.words, needed)
        )

    def _unavailable(self, method: str, path: str, why: str) -> PlatformUnavailable:
        return PlatformUnavailable(recording_messages.okapi_does_not_respond(self.shown_url, f"{method} {path}", why))
