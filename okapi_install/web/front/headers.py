"""The headers of requests and responses that are handed on: all but those that concern a single connection.

The headers about proxies are rewritten: what a client says of itself there is only passed on from a trusted proxy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from werkzeug.datastructures import EnvironHeaders

from okapi_install.service.ports import Header
from okapi_install.web.access.login import COOKIE

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_OF_A_CONNECTION = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"),
        *("trailers", "transfer-encoding", "upgrade", "http2-settings"),
    }
)
_SET_ANEW = frozenset({"host", "content-length", "expect", "via"})
_OF_A_PROXY = re.compile(r"forwarded|x-forwarded-.*|x-real-ip|x-client-ip|true-client-ip", re.IGNORECASE)
_TOLD_BY_PROXY = "werkzeug.proxy_fix.orig"
"""What ProxyFix replaced in the environment: only there if the peer is a trusted proxy."""
_FOLD = re.compile(r"\r?\n[ \t]+")
_SHARES = "access-control-"
_SANDBOX = ("Content-Security-Policy", "sandbox allow-forms allow-scripts")
"""A page in a response cannot act as a page of this server; programs ignore it."""

_NO_SNIFFING = ("X-Content-Type-Options", "nosniff")


def handed_on(environ: WSGIEnvironment, via: str) -> list[Header]:
    """The headers of the request for the gateway, without Host and Content-Length."""
    given = EnvironHeaders(environ)
    trusted = _TOLD_BY_PROXY in environ
    dropped = _OF_A_CONNECTION | _SET_ANEW | {"cookie"} | _named_by_connection(given.get("Connection"))
    kept = [
        (name, value)
        for name, value in given.items()
        if name.lower() not in dropped and (trusted or not _OF_A_PROXY.fullmatch(name))
    ]
    own = _about_the_client(environ, given, trusted=trusted) | {"Via": _extended(given.get("Via"), f"1.1 {via}")}
    replaced = {name.lower() for name in own}
    cookies = _without_session(given.get("Cookie", ""))
    extra = [("Cookie", cookies)] if cookies else []
    return [header for header in kept if header[0].lower() not in replaced] + extra + list(own.items())


def _named_by_connection(value: str | None) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in (value or "").split(","))


def _about_the_client(environ: WSGIEnvironment, given: EnvironHeaders, *, trusted: bool) -> dict[str, str]:
    peer = str(environ.get(_TOLD_BY_PROXY, environ).get("REMOTE_ADDR") or "")
    told: Mapping[str, str] = dict(given) if trusted else {}
    found = {
        "X-Forwarded-For": _extended(told.get("X-Forwarded-For"), peer),
        "X-Forwarded-Proto": told.get("X-Forwarded-Proto") or environ["wsgi.url_scheme"],
        "X-Forwarded-Host": told.get("X-Forwarded-Host") or given.get("Host", ""),
    }
    return {name: value for name, value in found.items() if value}


def _extended(given: str | None, value: str) -> str:
    return f"{given}, {value}" if given else value


def _without_session(cookies: str) -> str:
    """The cookies without the session of our page, otherwise as they were sent."""
    kept = [pair for pair in cookies.split(";") if pair.partition("=")[0].strip() != COOKIE]
    return ";".join(kept).strip()


def handed_back(received: Iterable[Header], *, readable: bool) -> list[Header]:
    """The headers of the response for the client. Without `readable`, no page of another origin may read it."""
    headers = [(name, _FOLD.sub(" ", value)) for name, value in received]
    dropped = _OF_A_CONNECTION.union(*(_named_by_connection(v) for name, v in headers if name.lower() == "connection"))
    if any(name.lower() == "transfer-encoding" for name, _ in headers):
        dropped |= {"content-length"}
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() not in dropped
        and (readable or not name.lower().startswith(_SHARES))
        and not (name.lower() == "set-cookie" and value.partition("=")[0].strip() == COOKIE)
    ]
    sniffing = [] if any(name.lower() == _NO_SNIFFING[0].lower() for name, _ in kept) else [_NO_SNIFFING]
    return [*kept, _SANDBOX, *sniffing]


def passed_here(via: str | None, own: str) -> bool:
    """Whether a request has passed this process before."""
    return any(part.split()[1:2] == [own] for part in (via or "").split(","))
