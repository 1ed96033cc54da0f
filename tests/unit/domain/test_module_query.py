"""The query parameters that choose modules, as in Okapi (ModuleUtil.filter)."""

from __future__ import annotations

from typing import Any

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.descriptors import ModuleSummary, interface_ref
from okapi_install.domain.registry.query import ModuleQuery
from okapi_install.domain.registry.registry import Registry
from tests.unit.domain.registries import module

MODULES = [
    module("a-1.0.0", ["ia 1.0"]),
    module("a-1.0.1-SNAPSHOT.3", ["ia 1.0"]),
    module("a-1.1.0", ["ia 1.1"]),
    module("a-1.2.0-alpha.1", ["ia 2.0"]),
    module("ab-1.0.0", [], ["ia 1.0"]),
    module("ac-1.0.0", [], [], ["ia 1.1"]),
]


def chosen(**query: Any) -> list[str]:
    return [m.id for m in Registry(reversed(MODULES)).select(ModuleQuery(**query))]


def test_all_are_given_oldest_first() -> None:
    assert chosen() == [m.id for m in MODULES]
    assert chosen(order="desc") == [m.id for m in MODULES]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"filter": "a-1.0.0"}, ["a-1.0.0"]),
        ({"filter": "a-1.0"}, ["a-1.0.0", "a-1.0.1-SNAPSHOT.3"]),
        ({"filter": "a", "pre_release": "false"}, ["a-1.0.0", "a-1.1.0"]),
        ({"filter": "a", "latest": "1"}, ["a-1.2.0-alpha.1"]),
        ({"filter": "a", "latest": "0"}, ["a-1.2.0-alpha.1"]),
        ({"filter": "a", "latest": "2"}, ["a-1.1.0", "a-1.2.0-alpha.1"]),
        ({"filter": "a", "latest": "2", "order_by": "id"}, ["a-1.2.0-alpha.1", "a-1.1.0"]),
        ({"filter": "a", "latest": "2", "order_by": "id", "order": "asc"}, ["a-1.1.0", "a-1.2.0-alpha.1"]),
        ({"provide": "ia=1.1"}, ["a-1.1.0"]),
        ({"provide": "nosuch,ia=2.0"}, ["a-1.2.0-alpha.1"]),
        ({"require": "ia"}, ["ab-1.0.0", "ac-1.0.0"]),
        ({"require": "ia=1.1"}, ["ac-1.0.0"]),
        ({"require": ","}, []),
        ({"provide": "ia="}, ["a-1.0.0", "a-1.0.1-SNAPSHOT.3", "a-1.1.0", "a-1.2.0-alpha.1"]),
    ],
)
def test_parameters_narrow_the_choice(query: dict[str, str], ids: list[str]) -> None:
    assert chosen(**query) == ids


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"latest": "x"}, 'Bad format for parameter latest. For input string: "x"'),
        ({"latest": "99999999999"}, 'Bad format for parameter latest. For input string: "99999999999"'),
        ({"order_by": "name"}, "unknown orderBy field: name"),
        ({"order_by": "id", "order": "up"}, "invalid order value: up"),
        ({"filter": "a-1."}, "missing version component"),
        ({"provide": "ia=x"}, "Bad version number 'x'"),
    ],
)
def test_bad_parameters_are_refused_in_okapis_words(query: dict[str, str], words: str) -> None:
    with pytest.raises(UserError) as caught:
        chosen(**query)
    assert caught.value.message == words


def test_a_scope_counts_only_with_an_interface() -> None:
    scoped = ModuleSummary("s-1.0.0", "s", (interface_ref("is", "1.0", "multiple", ("read",)),))
    registry = Registry([*MODULES, scoped])
    assert [m.id for m in registry.select(ModuleQuery(provide="is", scope="read"))] == ["s-1.0.0"]
    assert registry.select(ModuleQuery(provide="is", scope="write")) == []
    assert len(registry.select(ModuleQuery(scope="write"))) == 7


def test_a_choice_can_be_made_among_some_modules() -> None:
    registry = Registry(MODULES)
    assert [m.id for m in registry.select(ModuleQuery(), ["a-1.1.0", "gone-1.0.0", "a-1.0.0"])] == [
        "a-1.0.0",
        "a-1.1.0",
    ]
