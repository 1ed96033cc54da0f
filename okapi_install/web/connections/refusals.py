"""Plain-text responses of the HTTP server itself, to requests that never reach the application."""

from __future__ import annotations

from http import HTTPStatus

from gunicorn.http import errors

from okapi_install.web.connections.arrivals import HEAD_SECONDS, MOST_FIELDS, MOST_HEAD, MOST_LINE, Verdict
from okapi_install.web.connections.timed_reading import TooSlow

_LINE = f"The request line is longer than the {MOST_LINE} bytes that this server takes. Send long lists in the body"
_HEAD = f"The request has more than {MOST_FIELDS} header fields, one of more than 8190 bytes, or {MOST_HEAD} in all"

_STATUSES: tuple[tuple[type[Exception], int, str], ...] = (
    (TooSlow, 408, "The request came too slowly: {0}"),
    (errors.LimitRequestLine, 414, _LINE),
    (errors.LimitRequestHeaders, 431, _HEAD),
    (errors.ExpectationFailed, 417, "This server knows no expectation but `Expect: 100-continue`"),
    (errors.UnsupportedTransferCoding, 501, "This server knows no transfer coding but `chunked`"),
    (errors.InvalidHTTPVersion, 400, "The request line must end in HTTP/1.1 or HTTP/1.0"),
    (errors.InvalidRequestMethod, 400, "The request line must begin with a method such as GET"),
    (errors.InvalidRequestLine, 400, "The request line must be a method, a path and HTTP/1.1, with single spaces"),
    (errors.InvalidHeaderName, 400, "A header field has a name that HTTP does not allow"),
    (errors.InvalidHeader, 400, "A header field cannot be read, or contradicts another one"),
    (errors.ObsoleteFolding, 400, "A header field goes over several lines, which HTTP does not allow any more"),
    (errors.ParseException, 400, "The request cannot be read as HTTP/1.1"),
)


def refusal_for(problem: Exception) -> tuple[int, str]:
    """Status and message for an exception of gunicorn."""
    for kind, status, words in _STATUSES:
        if isinstance(problem, kind) and not isinstance(problem, _OURS):
            return status, words.format(_printable(problem)) if "{0}" in words else words
    return 500, "Something went wrong here; the log of the server has it"


_OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
"""Errors in our own response, which the client did not cause."""


def _printable(problem: Exception) -> str:
    return "".join(c if c.isprintable() else "?" for c in str(problem))[:200]


def refusal_bytes(status: int, text: str) -> bytes:
    """The whole response. The connection is closed after it."""
    body = text.encode("ascii", "replace")
    retry = "Retry-After: 2\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        f"{retry}X-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def too_large(verdict: Verdict) -> bytes:
    """The response to a head that is too large."""
    return refusal_bytes(414, _LINE) if verdict is Verdict.LINE_TOO_LONG else refusal_bytes(431, _HEAD)


TOO_SLOW = refusal_bytes(408, f"The request was not complete within {HEAD_SECONDS:.0f} seconds")
