"""Checks of every request before a view is called, and headers for every response.

In: CORS preflights, the API key, the size of the body, characters that no store takes. Out: CORS and security headers.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, request

from okapi_install.config import Settings
from okapi_install.domain import messages
from okapi_install.domain.access import KeyHolder
from okapi_install.domain.errors import UserError
from okapi_install.domain.identifiers import check_length
from okapi_install.web.access.key_brake import KeyBrake
from okapi_install.web.access.login import COOKIE, PageLogin, login_address, needs_no_session
from okapi_install.web.access.roles import check_role, set_holder
from okapi_install.web.access.visitors import Visitors
from okapi_install.web.connections.arrivals import MOST_BODY
from okapi_install.web.forwarded_requests import ForwardedResponse, is_forwarded
from okapi_install.web.http.errors import refusal
from okapi_install.web.http.responses import no_content
from okapi_install.web.http.waiting import has_arrived

OPEN_PATHS = frozenset({"/_/proxy/health", "/_/install/health", "/_/version"})
"""Paths that need no API key: the health and the version of the server."""

_METHODS = "PUT,PATCH,DELETE,GET,POST"
_TAKEN = (
    "Content-Type,X-Okapi-Tenant,X-Okapi-Token,Authorization,X-Okapi-Request-Id,X-Okapi-Module-Id,Credentials,"
    "Idempotency-Key,Prefer,If-None-Match,Last-Event-ID,X-Okapi-Install-Callback"
)
_SHOWN = (
    "Location,X-Okapi-Trace,X-Okapi-Token,Authorization,X-Okapi-Request-Id,X-Okapi-Module-Id,Credentials,"
    "ETag,Retry-After,Link,Idempotency-Replayed,Preference-Applied"
)
_ALWAYS = (("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"))
_PREFLIGHT_SECONDS = "7200"
_PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"


class Doors:
    """The checks of one app, by its settings. `replaces_key` says whether others decide who may use the API."""

    def __init__(
        self, settings: Settings, page: PageLogin, brake: KeyBrake, replaces_key: Callable[[], bool] | None = None
    ) -> None:
        self._keys = page.keys
        self._page = page
        self._brake = brake
        self._replaces_key = replaces_key or (lambda: False)
        self._visitors = Visitors(settings)
        self._most = settings.max_body_bytes

    def install(self, app: Flask) -> None:
        """Adds the checks before all views of the app."""
        app.config["MAX_CONTENT_LENGTH"] = self._most + 1  # what is longer is cut off there; see requests.body
        app.before_request(self._check_visitor)
        app.before_request(self._preflight)
        app.before_request(self._check_key)
        app.before_request(self._check_size)
        app.before_request(_check_characters)
        app.after_request(self._out)

    def _check_visitor(self) -> Response | None:
        """Refuses requests that a foreign page may have made the browser send; see Visitors."""
        if request.path in OPEN_PATHS:
            return None
        host = request.headers.get("Host")
        if not self._visitors.knows_host(host):
            return refusal(403, messages.unknown_host(host), "unknown_host")
        reads = request.method in ("GET", "HEAD", "OPTIONS") or not _is_shared()  # the page has a check of its own
        if reads or self._visitors.may_change(request.headers, request.host):
            return None
        return refusal(403, messages.foreign_origin(), "foreign_origin")

    def _preflight(self) -> Response | None:
        return no_content() if _is_preflight() and _is_shared() and not is_forwarded() else None

    def _check_key(self) -> Response | None:
        """Checks the API key and removes it from the request, so that it is not passed on to modules."""
        is_open = request.path in OPEN_PATHS or (not is_forwarded() and needs_no_session(request.path))
        if (is_open and not is_forwarded()) or not self._keys.needed:
            return None
        is_open = is_open or (is_forwarded() and _is_preflight())
        address = request.remote_addr or ""
        if not is_open and self._brake.blocks(address) and self._sent_keys():
            return refusal(429, messages.too_many_wrong_keys(), "too_many_wrong_keys")
        holder = self._take_key() or self._holder_of_session()
        if holder is not None and not is_open:
            set_holder(holder)
            check_role(holder)
        if holder is not None or is_open:
            return None
        for sent in self._sent_keys():
            self._brake.wrong(address, sent)
        if _is_shared() and self._replaces_key():
            return None
        if _is_for_people():
            return Response(status=303, headers={"Location": login_address(request.full_path.rstrip("?"))})
        answer = refusal(401, messages.no_api_key(), "no_api_key")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def _sent_keys(self) -> list[str]:
        """The values that may be meant as a key. FOLIO's tokens are not: they have two dots."""
        sent = (request.environ.get("HTTP_X_OKAPI_TOKEN"), request.environ.get("HTTP_AUTHORIZATION"))
        return [text for text in sent if text and (text.count(".") != 2 or 2 in self._keys.dots)]

    def _holder_of_session(self) -> KeyHolder | None:
        return None if is_forwarded() else self._page.holder(request.path, request.cookies.get(COOKIE))

    def _take_key(self) -> KeyHolder | None:
        """The holder of the key in the request. The key is removed from the request."""
        found = None
        for name in ("HTTP_X_OKAPI_TOKEN", "HTTP_AUTHORIZATION"):
            sent = request.environ.get(name)
            holder = self._keys.find(sent.removeprefix("Bearer ")) if isinstance(sent, str) else None
            if holder is not None:
                del request.environ[name]
                found = found or holder
        return found

    def _check_size(self) -> Response | None:
        """Refuses a body whose Content-Length is too large. One of unknown length is checked while it is read."""
        if is_forwarded():
            return None
        most = self._most if request.path.startswith("/_/") else MOST_BODY  # forms are small
        if (request.content_length or 0) <= most and (most == self._most or has_arrived()):
            return None
        return refusal(413, f"The body is larger than the {most} bytes that this server takes", "body_too_large")

    def _out(self, answer: Response) -> Response:
        """Adds headers to a response. Those that a view has set stay, and a response of Okapi is left as it is."""
        if isinstance(answer, ForwardedResponse):
            return answer
        policy = _PAGE_POLICY if answer.mimetype == "text/html" else _DATA_POLICY
        wanted = [*_ALWAYS, ("Content-Security-Policy", policy)]
        if request.path.startswith("/_/"):
            wanted.append(("Cache-Control", "no-store"))
        set_by_view = {name.lower() for name, _ in answer.headers}
        answer.headers.extend([header for header in wanted if header[0].lower() not in set_by_view])
        if _is_shared():
            answer.vary.add("Origin")
            if self._visitors.may_read(request.headers.get("Origin", ""), request.host):
                self._share(answer)
        return answer

    def _share(self, answer: Response) -> None:
        """Adds Okapi's CORS headers, but without allowing browsers to send credentials."""
        headers = answer.headers
        if "Origin" not in request.headers:
            return
        headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        headers["Access-Control-Expose-Headers"] = _SHOWN
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = _METHODS
            headers["Access-Control-Allow-Headers"] = _TAKEN
            headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS


def _is_shared() -> bool:
    """Whether pages of other origins may use the path: true for the API, and for what Okapi has, not for the page."""
    return request.path.startswith("/_/") or is_forwarded()


def _is_preflight() -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def _is_for_people() -> bool:
    """Whether a browser requests a page. It is then redirected to the login instead of being refused."""
    wants_html = any(kind == "text/html" for kind, _ in request.accept_mimetypes)
    return request.method == "GET" and wants_html and not _is_shared()


def _check_characters() -> None:
    if is_forwarded():
        return
    for segment in request.path.split("/"):
        check_length(segment)
    for name in ("filter", "provide", "require", "tenant"):
        check_length(request.args.get(name, ""))
    if "\0" in request.path or any("\0" in key or "\0" in value for key, value in request.args.items(multi=True)):
        raise UserError("The path or a parameter holds the character NUL, which cannot be kept")
