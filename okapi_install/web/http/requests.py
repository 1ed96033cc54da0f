"""Reading a request: its body, its query parameters, and on whose behalf it is made.

Everything that cannot be read is a UserError: broken JSON, deep nesting, characters that no store accepts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import orjson
from flask import g, request
from werkzeug.exceptions import RequestEntityTooLarge

from okapi_install.domain.access import requester
from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.versions import VersionFilter
from okapi_install.web.http.java_json import as_strict_json
from okapi_install.web.http.tokens import claims_if_readable
from okapi_install.web.http.waiting import receiving_the_body

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,100}")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """On whose behalf a request is made.

    `requested_by` is for people: the name of the API key; and the `sub` of the token, or the user's id. Nobody has
    verified these two.
    """

    tenant: str
    requested_by: str | None = None

    @classmethod
    def of(
        cls, headers: Mapping[str, str], token: str | None, tenant: str, holder: str | None = None
    ) -> RequestContext:
        """The context of a request whose token, tenant and the name of whose key have been found."""
        claimed = claims_if_readable(token).text("sub") or headers.get("X-Okapi-User-Id")
        return cls(tenant, requester(holder, claimed))


def request_context() -> RequestContext:
    """On whose behalf the current request is made. It is set before any view is called."""
    return cast(RequestContext, g.context)


def body() -> bytes:
    """The body as it was sent. Raises RequestEntityTooLarge beyond the most that the settings allow."""
    with receiving_the_body():
        sent = request.get_data()
    if request.max_content_length is not None and len(sent) >= request.max_content_length:
        raise RequestEntityTooLarge  # a chunked body was cut off silently there (Werkzeug)
    return sent


def json_body() -> object:
    """The body as JSON.

    Raises:
        UserError: it is empty, is not JSON, is nested too deeply, or holds a NUL character.
    """
    sent = body()
    if not sent.strip():
        raise UserError("The body is empty; JSON is wanted")
    return read_json(sent, "The body")


def read_json(sent: bytes, what: str) -> object:
    """Reads JSON and checks that it can be stored and written again. Raises UserError."""
    if _NUL.search(sent):
        raise UserError(f"{what} holds the character NUL (\\u0000), which cannot be kept")
    try:
        value = _loaded(sent)
    except orjson.JSONDecodeError as why:
        raise UserError(f"{what} is not JSON: {why}") from None
    try:
        orjson.dumps(value)
    except TypeError:
        raise UserError(f"{what} is nested too deeply") from None
    return value


def _loaded(sent: bytes) -> object:
    try:
        return orjson.loads(sent)
    except orjson.JSONDecodeError:
        return orjson.loads(as_strict_json(sent))


def json_list() -> list[object]:
    """The body as a JSON array. Raises UserError as json_body, and for anything but an array."""
    value = json_body()
    if not isinstance(value, list):
        raise UserError("The body must be a JSON array: it must begin with `[`")
    return value


def parameter(name: str) -> str | None:
    """A query parameter, the first if there are several. Its name is case-insensitive (Okapi: Vert.x)."""
    if not request.query_string:
        return None
    found = request.args.get(name)
    return _parameters_in_lower_case().get(name.lower()) if found is None else found


def _parameters_in_lower_case() -> Mapping[str, str]:
    """The first value of each name of the current request."""
    if "parameters" not in g:
        g.parameters = {}
        for name, value in request.args.items(multi=True):
            g.parameters.setdefault(name.lower(), value)
    return cast(Mapping[str, str], g.parameters)


def flag(name: str, default: bool) -> bool:
    """A query parameter that is `true` or `false`. Raises UserError in Okapi's words."""
    value = parameter(name)
    if value is None:
        return default
    if value not in ("true", "false"):
        raise UserError(f"Bad boolean for parameter {name}: {value}")
    return value == "true"


def whole_number(name: str, default: int | None) -> int:
    """A query parameter that is a 32-bit integer, required if there is no default. Raises UserError."""
    value = parameter(name)
    if value is None and default is None:
        raise UserError(f"Missing value for parameter '{name}'")
    if value is None:
        return default or 0
    if not _WHOLE_NUMBER.fullmatch(value) or not -(2**31) <= int(value) < 2**31:
        raise UserError(f"Bad integer for parameter '{name}'")
    return int(value)


def version_filter() -> VersionFilter:
    """The parameters `preRelease` and `npmSnapshot`. Raises UserError."""
    return VersionFilter.parse(parameter("preRelease"), parameter("npmSnapshot"))
