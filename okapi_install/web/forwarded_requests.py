"""Marks requests that are handed on to the Okapi beside this service, so that our own checks leave them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, g
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class ForwardedResponse(Response):
    """A response whose headers are sent as they are."""

    default_mimetype = None

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """The headers, without what Werkzeug would add or remove."""
        del environ
        return self.headers


def mark_as_forwarded() -> None:
    """From now on the current request is one of those."""
    g.is_forwarded = True


def is_forwarded() -> bool:
    """Whether the current request is handed on."""
    return bool(g.get("is_forwarded", False))
