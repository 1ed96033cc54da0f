"""Responses for errors. Only this module has the HTTP status of each error.

The response is plain text, as Okapi's. A client that accepts `application/problem+json` gets a problem document
(RFC 9457) with the same message, the stable code, and the reasons of a refused plan as data.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus

import orjson
import structlog
from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from okapi_install.domain import messages, okapi_messages
from okapi_install.domain.errors import (
    ErrorType,
    InvalidTransition,
    KeyMayOnlyRead,
    KeyReused,
    OkapiInstallError,
    Reason,
    StoreUnavailable,
    TooManyJobs,
    Unresolvable,
)
from okapi_install.service.jobs.installs import StillRunning
from okapi_install.service.ports import (
    ClientGone,
    GatewayFailed,
    GatewayTooSlow,
    GatewayUnavailable,
    PlatformUnavailable,
)
from okapi_install.web.connections.timed_reading import TooSlow
from okapi_install.web.http.responses import text_answer

log = structlog.get_logger()

PROBLEM = "application/problem+json"


class TooManyWaiting(OkapiInstallError):
    """Too many requests wait already, so another one is refused."""

    code = "too_many_waiting"


class LoopDetected(OkapiInstallError):
    """A request that was handed on to Okapi comes back."""

    code = "loop_detected"


STATUS_OF_TYPE: Mapping[ErrorType, int] = {ErrorType.USER: 400, ErrorType.NOT_FOUND: 404, ErrorType.INTERNAL: 500}
"""Okapi's (`ErrorType.httpCode`)."""
_STATUSES: tuple[tuple[type[OkapiInstallError], int], ...] = (
    (TooManyJobs, 429),
    (KeyMayOnlyRead, 403),
    (KeyReused, 422),
    (StillRunning, 504),
    (InvalidTransition, 409),
    (StoreUnavailable, 503),
    (PlatformUnavailable, 503),
    (TooManyWaiting, 503),
    (ClientGone, 408),
    (GatewayUnavailable, 503),
    (GatewayTooSlow, 504),
    (GatewayFailed, 502),
    (LoopDetected, 508),
)
"""Errors with a more specific status than that of their type."""
_RETRY_AFTER = {429: "10", 503: "2"}


def status_of(error: OkapiInstallError) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), STATUS_OF_TYPE[error.error_type])


def error_answer(error: OkapiInstallError, status: int | None = None) -> Response:
    """The response for an error. `status` overrides the usual one."""
    found = status or status_of(error)
    reasons = error.reasons if isinstance(error, Unresolvable) else ()
    return refusal(found, error.message, error.code, reasons)


def refusal(status: int, text: str, code: str, reasons: tuple[Reason, ...] = ()) -> Response:
    """A response with the reason for a refusal."""
    answer = _problem(status, text, code, reasons) if _wants_problem() else text_answer(text, status)
    if status in _RETRY_AFTER:
        answer.headers["Retry-After"] = _RETRY_AFTER[status]
    return answer


def register(app: Flask) -> None:
    """Makes the app respond to every error in this way."""
    app.register_error_handler(OkapiInstallError, _expected)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(ParseException, _unreadable)
    app.register_error_handler(Exception, _unexpected)


def _expected(error: OkapiInstallError) -> Response:
    status = status_of(error)
    if status >= 500:
        log.warning("request failed", method=request.method, path=request.path, status=status, cause=error.message)
    return error_answer(error, status)


def _http(error: HTTPException) -> Response:
    if error.response is not None and isinstance(error.response, Response):
        return error.response
    status = error.code or 500
    if status in (404, 405):
        return refusal(404, okapi_messages.no_such_path(), "no_such_path")
    if isinstance(error, RequestEntityTooLarge):
        return refusal(413, "The body is larger than this server takes", "body_too_large")
    return refusal(status, error.description or HTTPStatus(status).phrase, "http_error")


def _unreadable(error: ParseException) -> Response:
    """The response to an invalid chunked body. Gunicorn finds that out while reading it, and closes the connection."""
    return refusal(408 if isinstance(error, TooSlow) else 400, messages.unreadable_body(error), "unreadable_body")


def _unexpected(error: Exception) -> Response:
    ident = uuid.uuid4().hex[:12]
    log.error("unexpected error", error_id=ident, method=request.method, path=request.path, exc_info=error)
    return refusal(500, f"Something went wrong here; the log has it under {ident}", "internal")


def _wants_problem() -> bool:
    accepted = request.accept_mimetypes
    return any(kind.lower() == PROBLEM and quality > 0 for kind, quality in accepted)


def _problem(status: int, text: str, code: str, reasons: tuple[Reason, ...]) -> Response:
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": text,
        "code": code,
    }
    if reasons:
        document["reasons"] = [_reason(reason) for reason in reasons]
    return Response(orjson.dumps(document, option=orjson.OPT_INDENT_2), status, content_type=PROBLEM)


def _reason(reason: Reason) -> dict[str, object]:
    return {name: value for name, value in asdict(reason).items() if value is not None and value != ()}
