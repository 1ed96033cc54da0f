"""Errors and warnings of modules, after FOLIO's error schema, read from whatever a module returned.

What a module sends is data of a stranger: anything may be missing or of another type, and it may be large.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from okapi_install.domain.jobs import Parameter, Problem

MOST_PROBLEMS = 100
MOST_CHARACTERS = 10_000


def problem(document: object) -> Problem | None:
    """One entry of an `errors` or `warnings` list; a bare text is taken as its message. None if it says nothing."""
    if isinstance(document, str):
        return Problem(message=_cut(document)) if document else None
    if not isinstance(document, Mapping):
        return None
    text = document.get("message")
    if text is None:
        return Problem(message=_cut(json.dumps(document, ensure_ascii=False))) if document else None
    return Problem(
        message=_cut(str(text)),
        type=_text(document.get("type")),
        code=_text(document.get("code")),
        parameters=_parameters(document.get("parameters")),
    )


def problems(listing: object) -> tuple[Problem, ...]:
    """The problems in a list, in their order, 100 at the most; empty if it is no list."""
    if not isinstance(listing, list):
        return ()
    return tuple(found for found in map(problem, listing[:MOST_PROBLEMS]) if found is not None)


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
    """A tenant job's `messages`: texts."""
    listing = document.get("messages")
    if not isinstance(listing, list):
        return []
    return [_cut(str(item)) for item in listing[:MOST_PROBLEMS]]


def merge(*groups: Iterable[Problem]) -> tuple[Problem, ...]:
    """All of them in order, each once."""
    return tuple(dict.fromkeys(item for group in groups for item in group))


def to_json(item: Problem) -> dict[str, object]:
    """The problem after FOLIO's error.schema; what is not known is left out."""
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
        Parameter(key=_cut(str(item.get("key", ""))), value=_cut(str(item.get("value", ""))))
        for item in listing[:MOST_PROBLEMS]
        if isinstance(item, Mapping)
    )


def _text(value: object) -> str | None:
    return None if value is None else _cut(str(value))


def _cut(text: str) -> str:
    """PostgreSQL cannot hold NUL in a text; nobody reads more than some pages."""
    return text.replace("\x00", "\ufffd")[:MOST_CHARACTERS]
