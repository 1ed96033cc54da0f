"""What an order may carry in its headers beyond Okapi: Prefer, Idempotency-Key, and where to tell its end."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import request

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import InstallOptions
from okapi_install.service.callbacks import is_web_url
from okapi_install.web.requests import parameter

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Extras:
    """Both may be missing."""

    idempotency_key: str | None
    callback_url: str | None


def order_extras() -> Extras:
    """The request's. Raises UserError if one of them cannot be used."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise UserError(f"Idempotency-Key must have 1 to {LONGEST_KEY} characters")
    url = request.headers.get("X-Okapi-Install-Callback")
    if url is not None and not is_web_url(url):
        raise UserError("X-Okapi-Install-Callback must be an http or https URL")
    return Extras(key, url)


def asked_async(options: InstallOptions) -> InstallOptions:
    """`Prefer: respond-async` (RFC 7240) is another way to say `async=true`; a parameter that is given wins."""
    wishes = [wish.strip().lower() for wish in request.headers.get("Prefer", "").split(",")]
    if "respond-async" in wishes and parameter("async") is None:
        return replace(options, asynchronous=True)
    return options
