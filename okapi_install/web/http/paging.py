"""Links from one page of a list to the others (RFC 8288), as relative references."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, request


def with_links(answer: Response, *, limit: int, offset: int, total: int, more: bool = False) -> Response:
    """The response with those of the links `first`, `prev`, `next` and `last` that exist; none without a limit.

    With `more` there are more than `total`, so there is always a next one, and no last one is known.
    """
    if limit <= 0:
        return answer
    last = max(0, (total - 1) // limit * limit)
    places = {"first": 0, "prev": max(0, offset - limit), "next": offset + limit, "last": last}
    if offset <= 0:
        del places["prev"]
    if more:
        del places["last"]
    elif offset + limit >= total:
        del places["next"]
    links = [f'<{_address(limit, place)}>; rel="{name}"' for name, place in places.items()]
    answer.headers["Link"] = ", ".join(links)
    return answer


def _address(limit: int, offset: int) -> str:
    kept = [(name, value) for name, value in request.args.items(multi=True) if name.lower() not in ("limit", "offset")]
    return f"{request.path}?{urlencode([*kept, ('limit', str(limit)), ('offset', str(offset))])}"
