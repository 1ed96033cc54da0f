"""The parts of a job that are kept as JSON text, to and from values of the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

import orjson

from okapi_install.domain.jobs import Action, Change, InstallOptions, Parameter, Problem

_RECENT = 64
"""How many texts are remembered: a job that runs is read again and again, and its request does not change."""

_OPTION_NAMES = frozenset(field.name for field in fields(InstallOptions))


def dump_options(options: InstallOptions) -> str:
    """A JSON object of all options."""
    return orjson.dumps(options).decode()


@lru_cache(_RECENT)
def load_options(text: str) -> InstallOptions:
    """Options that this version does not know are passed over; those that are missing get their defaults."""
    return InstallOptions(**{name: value for name, value in orjson.loads(text).items() if name in _OPTION_NAMES})


def dump_request(request: Sequence[Change] | None) -> str | None:
    """A JSON array of changes, None for an upgrade."""
    return None if request is None else orjson.dumps(tuple(request)).decode()


@lru_cache(_RECENT)
def load_request(text: str | None) -> tuple[Change, ...] | None:
    """The reverse of `dump_request`."""
    if text is None:
        return None
    return tuple(
        Change(id=entry["id"], action=Action(entry["action"]), from_id=entry["from_id"]) for entry in orjson.loads(text)
    )


def dump_edges(edges: Sequence[tuple[int, int]]) -> str | None:
    """A JSON array of pairs, None if there are none."""
    return orjson.dumps(tuple(edges)).decode() if edges else None


@lru_cache(_RECENT)
def load_edges(text: str | None) -> tuple[tuple[int, int], ...]:
    """The reverse of `dump_edges`."""
    return tuple((before, after) for before, after in orjson.loads(text)) if text else ()


def dump_headers(headers: Mapping[str, str]) -> str | None:
    """A JSON object, None if there are none."""
    return orjson.dumps(dict(headers)).decode() if headers else None


def load_headers(text: str | None) -> dict[str, str]:
    """The reverse of `dump_headers`."""
    return dict(orjson.loads(text)) if text else {}


def dump_problems(problems: Sequence[Problem]) -> str | None:
    """A JSON array of errors or warnings, None if there are none."""
    if not problems:
        return None
    try:
        return orjson.dumps(tuple(problems)).decode()
    except TypeError:  # half a surrogate pair
        return orjson.dumps(tuple(map(_storable_problem, problems))).decode()


def storable(text: str | None) -> str | None:
    """The words of a module without what a database refuses: NUL (PostgreSQL), half a surrogate pair (both)."""
    return None if text is None else text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _storable_problem(problem: Problem) -> Problem:
    parameters = tuple(
        Parameter(key=storable(one.key) or "", value=storable(one.value) or "") for one in problem.parameters
    )
    words, kind, code = storable(problem.message), storable(problem.type), storable(problem.code)
    return Problem(message=words or "", type=kind, code=code, parameters=parameters)


def load_problems(text: str | None) -> tuple[Problem, ...]:
    """The reverse of `dump_problems`."""
    return tuple(_problem(entry) for entry in orjson.loads(text)) if text else ()


def _problem(entry: dict[str, Any]) -> Problem:
    parameters = tuple(Parameter(**parameter) for parameter in entry["parameters"])
    return Problem(message=entry["message"], type=entry["type"], code=entry["code"], parameters=parameters)
