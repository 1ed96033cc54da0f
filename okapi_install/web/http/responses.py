"""Responses of the API: JSON as Okapi writes it, plain text, no content, and 201 with a Location."""

from __future__ import annotations

from urllib.parse import quote_plus

import orjson
from flask import Response, request

from okapi_install.web.http.paths import raw_path


def json_answer(value: object, status: int = 200, location: str | None = None) -> Response:
    """The value as JSON; `location` becomes the header of that name."""
    answer = written_answer(json_bytes(value), status)
    if location is not None:
        answer.headers["Location"] = location
    return answer


def json_bytes(value: object) -> bytes:
    """JSON, indented as Okapi's is."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def written_answer(body: bytes, status: int = 200) -> Response:
    """A response of serialised JSON."""
    return Response(body, status, content_type="application/json")


def text_answer(text: str, status: int = 200) -> Response:
    """Plain text. Okapi names no character set; all of ours is UTF-8."""
    answer = Response(text.encode("utf-8", "replace"), status)
    answer.headers["Content-Type"] = "text/plain"
    return answer


def no_content() -> Response:
    """204, without a body and so without a content type."""
    answer = Response(status=204)
    del answer.headers["Content-Type"]
    return answer


def created(value: object, *ids: str, base: str | None = None) -> Response:
    """201 with the value, and as Location the path of the request (or `base`) followed by the ids."""
    return json_answer(value, 201, location_of(*ids, base=base))


def location_of(*ids: str, base: str | None = None) -> str:
    """The path of the request (or `base`) as it was sent, and the ids as Java's URLEncoder writes them (Okapi)."""
    begin = raw_path(request.environ) if base is None else base
    return begin + "".join("/" + quote_plus(i, safe="*").replace("~", "%7E") for i in ids)
