"""The headers that a job takes from the request that started it.

Okapi adds its own to those of the client before it calls modules (Okapi: ProxyService.proxy, ProxyContext). The module
`passed_headers` decides which of the client's headers modules get.
"""

from __future__ import annotations

import random
import re
import time

from flask import request

from okapi_install.domain.passed_headers import TRACEPARENT

_PARAMETER = re.compile(r"<(\w+)>")
_NAMES = {"tenant": "tenantId", "module": "moduleId", "job_id": "installId"}
"""Okapi's names for the variable parts of its paths, by ours."""


def module_headers() -> dict[str, str]:
    """All headers of the current request, overridden by those that Okapi adds."""
    added = {
        "X-Okapi-Request-Id": _request_id(request.headers.get("X-Okapi-Request-Id"), request.path),
        "X-Okapi-Request-Ip": request.remote_addr or "",
        "X-Okapi-Request-Timestamp": str(time.time_ns() // 1_000_000),
        "X-Okapi-Request-Method": request.method,
        "X-Okapi-Match-Path-Pattern": _pattern(request.url_rule.rule if request.url_rule else ""),
    }
    if TRACEPARENT in request.headers:
        added[TRACEPARENT] = request.headers[TRACEPARENT]
    return {**request.headers, **added}


def _request_id(given: str | None, path: str) -> str:
    """The client's request id, extended for this request with six digits and the first part of the path."""
    first = path.removeprefix("/_").split("/")[1]
    own = f"{random.randrange(1_000_000):06}/{first}"  # noqa: S311 - Okapi's ids, which need not be secret
    return f"{given};{own}" if given else own


def _pattern(rule: str) -> str:
    """A rule of ours as Okapi's path pattern."""
    return _PARAMETER.sub(lambda found: "{" + _NAMES.get(found[1], found[1]) + "}", rule)
