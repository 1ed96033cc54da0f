"""Paths as they were sent, so that an id may hold a slash.

The path of WSGI is decoded already, so that `a%2Fb` and `a/b` are the same. Here the original path is decoded segment
by segment. A slash or percent sign inside a segment stays encoded until the path has been split.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from werkzeug.routing import UnicodeConverter

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SENT = ("RAW_URI", "REQUEST_URI")
"""Where gunicorn and Werkzeug's test client put the target of the request."""


def raw_path(environ: WSGIEnvironment) -> str:
    """The path of the request as it was sent, without the query."""
    sent = _target(environ)
    if sent is None:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        return quote(path.encode("latin-1", "replace"), safe="/+:@!$&'()*,;=~-._")
    return sent


def _target(environ: WSGIEnvironment) -> str | None:
    sent = next((str(environ[name]) for name in _SENT if environ.get(name)), None)
    if sent is None or environ.get("SCRIPT_NAME"):
        return None
    path = sent.partition("?")[0].partition("#")[0]
    if path.startswith("/"):
        return path
    _, scheme, rest = path.partition("://")
    return "/" + rest.partition("/")[2] if scheme else None


def _decoded(segment: str) -> str:
    text = unquote_to_bytes(segment).decode("utf-8", "replace")
    return text.replace("%", "%25").replace("/", "%2F")


class Segment(UnicodeConverter):
    """One segment of a path, decoded; it may hold a slash."""

    def to_python(self, value: str) -> str:
        """See Okapi's UrlDecoder: `+` stays `+`."""
        return value.replace("%2F", "/").replace("%25", "%")


class SegmentedPaths:
    """WSGI middleware that splits the path at the slashes that were sent as slashes."""

    def __init__(self, inner: WSGIApplication) -> None:
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See WSGI."""
        path = _target(environ)
        if path is not None and "%" not in path and path.isascii():
            environ["PATH_INFO"] = path
        elif path is not None:
            decoded = "/".join(map(_decoded, path.split("/")))
            environ["PATH_INFO"] = decoded.encode("utf-8").decode("latin-1")
        return self._inner(environ, start_response)
