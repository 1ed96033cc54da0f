"""Which headers of a client's request are passed on to modules.

Okapi passes all that start with `X-`, except those that only the gateway and an auth filter exchange
(Okapi: ProxyService.sysReqHeaders, sanitizeAuthHeaders). The client's token and other credentials are not passed on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

TRACEPARENT = "traceparent"
"""W3C Trace Context. Modules get that of our own span, never the client's."""

_OUR_OWN = frozenset(
    (
        "x-okapi-additional-token",
        "x-okapi-extra-permissions",
        "x-okapi-filter",
        "x-okapi-install-callback",
        "x-okapi-module-id",
        "x-okapi-module-permissions",
        "x-okapi-module-tokens",
        "x-okapi-permissions-desired",
        "x-okapi-permissions-required",
        "x-okapi-tenant",
        "x-okapi-token",
        "x-okapi-url",
        "x-okapi-url-to",
    )
)
_CREDENTIAL = re.compile(
    r"token|passw|secret|cookie|api-?key|jwt|oidc|authoriz|credential|assertion|session", re.IGNORECASE
)
"""Headers that may carry credentials, such as X-Forwarded-Access-Token from a proxy with a login."""
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]+")


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that modules get, with the names as received. Empty ones are left out, as in Okapi."""
    return {name: value for name, value in headers.items() if is_passed_on(name) and can_be_sent(value)}


def kept_with_job(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that modules get, and the one with the parent of the job's spans."""
    return passed_on(headers) | {n: v for n, v in headers.items() if n == TRACEPARENT and can_be_sent(v)}


def is_passed_on(name: str) -> bool:
    """Whether a client's header of that name is passed on to modules."""
    known = name.lower()
    return known.startswith("x-") and known not in _OUR_OWN and _CREDENTIAL.search(known) is None


def can_be_sent(value: str) -> bool:
    """Whether a header can have that value: not empty, and without line breaks and other control characters."""
    return _VALUE.fullmatch(value) is not None
