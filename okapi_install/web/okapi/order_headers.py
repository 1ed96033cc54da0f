"""Request headers of an order beyond Okapi: Prefer, Idempotency-Key, and the address for a callback.

Their outcome is in headers of the response, whatever its body is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import Response, after_this_request, request

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import InstallOptions
from okapi_install.service.jobs.callbacks import is_web_url
from okapi_install.service.jobs.installs import Submitted
from okapi_install.web.http.requests import parameter

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Extras:
    """The idempotency key and the callback of an order. Both may be missing."""

    idempotency_key: str | None
    callback_url: str | None


def order_extras() -> Extras:
    """The extras of the current request. Raises UserError if one of them cannot be used."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise UserError(f"Idempotency-Key must have 1 to {LONGEST_KEY} characters")
    url = request.headers.get("X-Okapi-Install-Callback")
    if url is not None and not is_web_url(url):
        raise UserError("X-Okapi-Install-Callback must be an http or https URL")
    return Extras(key, url)


def asked_async(options: InstallOptions) -> InstallOptions:
    """`Prefer: respond-async` (RFC 7240) is another way to say `async=true`; a parameter that is given wins."""
    wishes = [wish.partition(";")[0].strip().lower() for wish in request.headers.get("Prefer", "").split(",")]
    if "respond-async" not in wishes or parameter("async") is not None:
        return options
    _answer_with("Preference-Applied", "respond-async")
    return replace(options, asynchronous=True)


def told_of_replay(submitted: Submitted) -> Submitted:
    """The response with a header if the idempotency key was used before, so that no new job was added."""
    if submitted.replayed:
        _answer_with("Idempotency-Replayed", "true")
    return submitted


def _answer_with(name: str, value: str) -> None:
    def add(answer: Response) -> Response:
        answer.headers[name] = value
        return answer

    after_this_request(add)
