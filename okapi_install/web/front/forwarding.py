"""Hands requests that are not ours on to the Okapi beside this service: as they came, streamed in both directions."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from okapi_install.domain import messages
from okapi_install.domain.errors import UserError
from okapi_install.service.ports import ClientGone, Gateway, GatewayFailed, GatewayRequest, GatewayResponse
from okapi_install.web.access.visitors import Visitors
from okapi_install.web.forwarded_requests import ForwardedResponse, is_forwarded, mark_as_forwarded
from okapi_install.web.front.headers import handed_back, handed_on, passed_here
from okapi_install.web.front.paths import is_ambiguous, is_ours
from okapi_install.web.http.errors import LoopDetected
from okapi_install.web.http.paths import raw_path
from okapi_install.web.http.waiting import Places

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = structlog.get_logger()

_PIECE = 16 * 1024


class Forwarding:
    """The requests of one app. With `modules`, also those to paths outside of `/_/` that the app does not have."""

    def __init__(self, gateway: Gateway, visitors: Visitors, *, most: int, modules: bool) -> None:
        self._gateway = gateway
        self._visitors = visitors
        self._places = Places(most, messages.too_many_handed_on(most))
        self._modules = modules
        self._name = f"okapi-install-{secrets.token_hex(4)}"
        """This process, in the header Via."""

    def install_before_checks(self, app: Flask) -> None:
        """Marks the requests that are not ours, before they are checked."""
        app.before_request(self._mark)

    def install_after_checks(self, app: Flask) -> None:
        """Hands on the requests that were marked, and that no check has refused."""
        app.before_request(self._forward)

    def _mark(self) -> None:
        """Raises UserError for a path that is not ours, but can be read as one that is."""
        if not self._is_for_okapi():
            return
        if is_ambiguous(raw_path(request.environ)):
            raise UserError(messages.ambiguous_path())
        mark_as_forwarded()

    def _is_for_okapi(self) -> bool:
        if request.path.startswith("/_/"):
            return not is_ours(request.path)
        return self._modules and isinstance(request.routing_exception, NotFound)

    def _forward(self) -> Response | None:
        if not is_forwarded():
            return None
        if passed_here(request.headers.get("Via"), self._name):
            raise LoopDetected(messages.okapi_is_this_server())
        place = self._places.take()
        try:
            received = self._gateway.send(self._request())
        except BaseException:
            place.release()
            raise
        return self._response(received, place.release)

    def _request(self) -> GatewayRequest:
        environ = request.environ
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        length = None if chunked else request.content_length
        has_body = chunked or length is not None
        connection = environ.get("gunicorn.socket")
        return GatewayRequest(
            method=request.method,
            target=_target(environ),
            headers=handed_on(environ, self._name),
            pieces=_pieces(environ, length) if has_body else None,
            length=length,
            client=None if connection is None else connection.fileno(),
        )

    def _response(self, received: GatewayResponse, release: Callable[[], None]) -> Response:
        origin = request.headers.get("Origin", "")
        readable = not origin or self._visitors.may_read(origin, request.host)
        response = ForwardedResponse(
            _streamed(received),
            f"{received.status} {received.reason}".strip(),
            handed_back(received.headers, readable=readable),
        )
        response.call_on_close(received.close)
        response.call_on_close(release)
        return response


def _target(environ: WSGIEnvironment) -> str:
    query = environ.get("QUERY_STRING", "")
    return raw_path(environ) + (f"?{query}" if query else "")


def _pieces(environ: WSGIEnvironment, length: int | None) -> Iterator[bytes]:
    """The body as it arrives. Raises UserError if it cannot be read, ClientGone if it ends too early."""
    left = length
    while left != 0:
        try:
            piece = environ["wsgi.input"].read(_PIECE if left is None else min(_PIECE, left))
        except OSError as problem:
            raise UserError(messages.unreadable_body(problem)) from problem
        if not piece and left is None:
            return
        if not piece:
            raise ClientGone("the client has not sent all of the body")
        left = None if left is None else left - len(piece)
        yield piece


def _streamed(received: GatewayResponse) -> Iterator[bytes]:
    """The body of the response. Raises ConnectionResetError where it is cut off, so that the client sees that too."""
    try:
        yield from received.pieces()
    except GatewayFailed as problem:
        log.warning("a response of Okapi was cut off", cause=problem.message)
        raise ConnectionResetError(errno.ECONNRESET, problem.message) from problem
    except ClientGone as problem:
        raise ConnectionResetError(errno.ECONNRESET, problem.message) from problem
