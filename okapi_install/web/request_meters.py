"""Counts the requests of an app and the time until each response, by the pattern of the path."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Flask, Response, request

from okapi_install.service.metrics import HTTP_REQUESTS, HTTP_SECONDS, Meters

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_BEGAN = "okapi_install.began"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PLACE = re.compile(r"<(?:[^<>:]+:)?([^<>]+)>")


class Timed:
    """WSGI middleware that records when a request arrived."""

    def __init__(self, inner: WSGIApplication) -> None:
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See WSGI."""
        environ[_BEGAN] = time.perf_counter()
        return self._inner(environ, start_response)


def install(app: Flask, meters: Meters) -> None:
    """Counts all requests of the app, including those that its guards refuse."""
    app.wsgi_app = Timed(app.wsgi_app)  # type: ignore[method-assign]

    def count(answer: Response) -> Response:
        route = pattern_of(str(request.url_rule)) if request.url_rule is not None else "none"
        method = request.method if request.method in _METHODS else "other"
        meters.count(HTTP_REQUESTS, route=route, method=method, status=str(answer.status_code))
        meters.observe(HTTP_SECONDS, time.perf_counter() - request.environ[_BEGAN], route=route, method=method)
        return answer

    app.after_request(count)


@lru_cache(1024)
def pattern_of(rule: str) -> str:
    """A rule of the app as people write it: `/_/env/{name}`."""
    return _PLACE.sub(r"{\1}", rule)
