"""Errors and warnings of modules, after FOLIO's error schema, read from whatever a module returned.

The data of a module is not trusted: anything may be missing, of another type or very large.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from okapi_install.domain import messages
from okapi_install.domain.foreign_text import bounded
from okapi_install.domain.jobs import Parameter, Problem, ProblemCode

MOST_PROBLEMS = 50
"""The limit of one list that a module sends."""
MOST_PARAMETERS = 20
"""The limit of one problem."""
_MOST_OF_A_PART = 500
"""Characters of a type, a code, and a parameter's key and value."""
_MOST_OF_A_LIST = 40_000
"""Characters of all problems of one list together."""


def problem(document: object) -> Problem | None:
    """One entry of an `errors` or `warnings` list. A plain text is taken as its message. None if it is empty."""
    if isinstance(document, str):
        return Problem(message=bounded(document)) if document else None
    if not isinstance(document, Mapping):
        return None
    text = document.get("message")
    if text is None:
        return Problem(message=bounded(document)) if document else None
    return Problem(
        message=bounded(text),
        type=_text(document.get("type")),
        code=_text(document.get("code")),
        parameters=_parameters(document.get("parameters")),
    )


def problems(listing: object) -> tuple[Problem, ...]:
    """The problems in a list, in their order; empty if it is not a list. Those beyond the limits are only counted."""
    if not isinstance(listing, list):
        return ()
    kept: list[Problem] = []
    size = 0
    for number, found in enumerate(map(problem, listing)):
        if found is None:
            continue
        size += _size(found)
        if len(kept) == MOST_PROBLEMS or (kept and size > _MOST_OF_A_LIST):
            left = Problem(message=messages.more_left_out(len(listing) - number), code=ProblemCode.LEFT_OUT)
            return (*kept, left)
        kept.append(found)
    return tuple(kept)


def _size(found: Problem) -> int:
    return len(found.message) + sum(len(one.key) + len(one.value) for one in found.parameters)


def parse_object(body: str) -> Mapping[str, object] | None:
    """A body that is a JSON object, else None."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def errors_of_body(body: str) -> tuple[Problem, ...]:
    """The errors in the body of a failed call: FOLIO's `errors` list (RMB's 422), or nothing."""
    document = parse_object(body)
    return problems(document.get("errors")) if document else ()


def messages_of(document: Mapping[str, object]) -> list[str]:
    """The texts in a tenant job's `messages`."""
    return [found.message for found in problems(document.get("messages"))]


def merge(*groups: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems of all lists in order, without duplicates."""
    return tuple(dict.fromkeys(item for group in groups for item in group))


def to_json(item: Problem) -> dict[str, object]:
    """The problem after FOLIO's error.schema, without unknown values."""
    document: dict[str, object] = {"message": item.message}
    if item.type is not None:
        document["type"] = item.type
    if item.code is not None:
        document["code"] = item.code
    if item.parameters:
        document["parameters"] = [{"key": p.key, "value": p.value} for p in item.parameters]
    return document


def _parameters(listing: object) -> tuple[Parameter, ...]:
    if not isinstance(listing, list):
        return ()
    return tuple(
        Parameter(key=_part(item.get("key", "")), value=_part(item.get("value", "")))
        for item in listing[:MOST_PARAMETERS]
        if isinstance(item, Mapping)
    )


def _text(value: object) -> str | None:
    return None if value is None else _part(value)


def _part(value: object) -> str:
    return bounded(value, _MOST_OF_A_PART)
