"""Okapi's plans over the real registry: the recorded ones are planned here, in this process."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import Action, Change, InstallOptions
from okapi_install.domain.planning.resolver import resolve
from okapi_install.domain.registry.registry import Registry
from tests.fixtures.parts import missing
from tests.unit.domain.registries import SHARED, out_of_order, read_shared, real_modules

GAVE_UP = 500


@lru_cache(maxsize=1)
def registry() -> Registry:
    return Registry(real_modules())


def recorded() -> list[Any]:
    if not (SHARED / "resolver/vectors.json.gz").exists():
        return [pytest.param(None, id="missing")]
    data = read_shared("resolver/vectors.json.gz")
    return [
        pytest.param({**vector, "had": data["releases"].get(vector["enabled"], [])}, id=vector["name"])
        for vector in data["vectors"]
    ]


def asked(vector: dict[str, Any]) -> list[Change] | None:
    if vector["verb"] == "upgrade":
        return None
    return [
        Change(id=m["id"], action=Action(m.get("action", "enable")), from_id=m.get("from")) for m in vector["request"]
    ]


def answer(vector: dict[str, Any]) -> list[tuple[str, str, str]] | list[str]:
    """The entries of the plan, or the words of the refusal."""
    query = vector["query"]
    options = InstallOptions(pre_release=query.get("preRelease"), npm_snapshot=query.get("npmSnapshot"))
    try:
        plan = resolve(registry(), vector["had"], asked(vector), options)
    except UserError as problem:
        return words(problem.message)
    assert out_of_order(plan, vector["had"], registry()) == []
    return sorted((str(c.action), c.id, c.from_id or "") for c in plan)


def words(text: str) -> list[str]:
    return sorted(re.split(r"[\s,.:]+", text.strip()))


def expected(vector: dict[str, Any]) -> list[tuple[str, str, str]] | list[str]:
    if isinstance(vector["answer"], str):
        return words(vector["answer"])
    return sorted((m["action"], m["id"], m.get("from", "")) for m in vector["answer"])


@pytest.mark.parametrize("vector", recorded())
def test_a_plan_is_okapis_and_in_order(vector: dict[str, Any] | None) -> None:
    """Where Okapi gave up, any plan or refusal will do."""
    if vector is None:
        missing("the recorded plans are not beside the checkout")
    given = answer(vector)
    assert given
    assert vector["status"] == GAVE_UP or given == expected(vector)
