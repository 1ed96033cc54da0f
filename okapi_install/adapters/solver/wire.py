"""The messages between a process and its solver process: one JSON document a line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from okapi_install.domain.jobs import Action, Change, InstallOptions
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.registry.index import Index
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.solutions.conflicts import Conflict, Demand
from okapi_install.domain.solutions.search import Findings
from okapi_install.domain.solutions.solution import Choice, Solution
from okapi_install.domain.solutions.wish import Wish


def registry_line(index: Index) -> bytes:
    """The message with all modules of a registry."""
    return _line({"registry": [m.to_json() for m in index.modules.values()]})


def wish_line(wish: Wish, most: int, seconds: float) -> bytes:
    """The message with a wish, and the allowed number of solutions and seconds."""
    request = None if wish.request is None else [asdict(change) for change in wish.request]
    options = {"pre_release": wish.options.pre_release, "npm_snapshot": wish.options.npm_snapshot}
    wished = {
        "enabled": sorted(wish.enabled),
        "request": request,
        "options": options | {"reinstall": wish.options.reinstall},
        "keep": wish.keep,
        "prefer": wish.prefer,
    }
    return _line({"wish": wished, "most": most, "seconds": seconds})


def read_registry(document: Any) -> Registry:
    """The registry in a message."""
    return Registry(ModuleSummary.from_json(value) for value in document["registry"])


def read_wish(document: Any) -> Wish:
    """The wish in a message."""
    wished = document["wish"]
    return Wish(
        enabled=frozenset(wished["enabled"]),
        request=None if wished["request"] is None else _changes(wished["request"]),
        options=InstallOptions(**wished["options"]),
        keep=tuple(wished["keep"]),
        prefer=tuple(wished["prefer"]),
    )


def findings_line(findings: Findings) -> bytes:
    """The message with findings."""
    return _line({"findings": asdict(findings)})


def error_line(message: str) -> bytes:
    """The message with an error that prevented a search."""
    return _line({"error": message})


def read_findings(document: Any) -> Findings:
    """The findings in a message."""
    found = document["findings"]
    return Findings(
        solutions=tuple(_solution(value) for value in found["solutions"]),
        conflict=None if found["conflict"] is None else _conflict(found["conflict"]),
        complete=found["complete"],
    )


def _solution(value: Any) -> Solution:
    return Solution(
        request=_changes(value["request"]),
        plan=_changes(value["plan"]),
        removed=tuple(value["removed"]),
        changed=tuple(value["changed"]),
        added=tuple(value["added"]),
        choices=tuple(Choice(**{**c, "candidates": tuple(c["candidates"])}) for c in value["choices"]),
        sentence=value["sentence"],
        best=value["best"],
    )


def _conflict(value: Any) -> Conflict:
    return Conflict(demands=tuple(Demand(**demand) for demand in value["demands"]), sentence=value["sentence"])


def _changes(values: Any) -> tuple[Change, ...]:
    return tuple(Change(id=v["id"], action=Action(v["action"]), from_id=v["from_id"]) for v in values)


def _line(document: object) -> bytes:
    return orjson.dumps(document) + b"\n"
