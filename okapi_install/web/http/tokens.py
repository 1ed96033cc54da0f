"""Finds and reads the token of a request, as Okapi's TokenHeader and OkapiToken do.

Tokens are not verified, stored, passed on or logged. They only say who sends the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import UserError
from okapi_install.web.http.java_base64 import IllegalBase64Error, decode_url

COOKIE = "folioAccessToken"


def token_of(headers: Mapping[str, str]) -> str | None:
    """The token from X-Okapi-Token, Authorization or the cookie; None if there is none.

    Raises:
        UserError: they differ (Okapi 10104).
    """
    found = [
        t
        for t in (first_of(headers.get("X-Okapi-Token")), _authorization(headers), *_cookies(headers))
        if t is not None
    ]
    if len(set(found)) > 1 or len(_cookies(headers)) > 1:
        raise UserError(okapi_messages.different_tokens())
    return found[0] if found else None


def is_from_cookie(headers: Mapping[str, str]) -> bool:
    """Whether the token is in a cookie only, which browsers also send with requests of other pages."""
    told = headers.get("X-Okapi-Token") is not None or headers.get("Authorization") is not None
    return not told and bool(_cookies(headers))


def first_of(value: str | None) -> str | None:
    """The first value of a header that came several times, where no value has a comma: servers join them with one."""
    return value if value is None else value.partition(",")[0].strip()


def _authorization(headers: Mapping[str, str]) -> str | None:
    sent = headers.get("Authorization")
    return sent[6:].strip() if sent is not None and sent.startswith("Bearer ") else sent


def _cookies(headers: Mapping[str, str]) -> list[str]:
    pairs = [pair.strip().partition("=") for pair in headers.get("Cookie", "").split(";")]
    return [value.strip().strip('"') for name, equals, value in pairs if equals and name == COOKIE]


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token."""

    values: Mapping[str, object] = field(repr=False)

    @classmethod
    def read(cls, token: str | None) -> Claims:
        """The claims of a token; none for no token.

        Raises:
            UserError: it cannot be read (Okapi 10105).
        """
        if token is None:
            return cls({})
        parts = token.split(".")
        if len(parts) < 3:
            raise UserError(okapi_messages.invalid_token("Missing . separator for token"))
        try:
            payload = decode_url(parts[1]).decode("utf-8", "replace")
            values = orjson.loads(payload)
        except IllegalBase64Error as why:
            raise UserError(okapi_messages.invalid_token(str(why))) from None
        except ValueError:
            raise UserError(okapi_messages.invalid_token("Failed to decode: the payload is not JSON")) from None
        if not isinstance(values, dict):
            raise UserError(okapi_messages.invalid_token("Failed to decode: the payload is not a JSON object"))
        return cls(values)

    def text(self, name: str) -> str | None:
        """A claim as text; None if it is not there."""
        value = self.values.get(name)
        return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def claims_if_readable(token: str | None) -> Claims:
    """As Claims.read, but without claims if the token cannot be read."""
    try:
        return Claims.read(token)
    except UserError:
        return Claims({})
