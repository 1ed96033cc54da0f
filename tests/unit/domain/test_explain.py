"""The explanation of a refused request: what was asked for, what it needs, why it cannot be, what would help."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from okapi_install.domain.errors import Unresolvable
from okapi_install.domain.jobs import Change
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.planning.explain import explain
from okapi_install.domain.planning.resolver import resolve
from okapi_install.domain.registry.registry import Registry
from tests.unit.domain.registries import OPTIONS, enable, module

WHY = (
    "  q-1.0.0 requires ip 1.3, but the plan has 1.2 of p-1.0.0, which was requested or is required by another module."
)


def explained(
    modules: Sequence[ModuleSummary], request: Sequence[Change] | None, enabled: Collection[str] = ()
) -> list[str]:
    registry = Registry(modules)
    with pytest.raises(Unresolvable) as caught:
        resolve(registry, enabled, request, OPTIONS)
    return list(explain(caught.value, registry, request, enabled))


def test_the_chain_leads_from_what_was_asked_for_to_what_is_missing() -> None:
    modules = (module("a-1.0.0", ["ia 1.0"], ["ib 1.0"]), module("b-1.0.0", ["ib 1.0"], ["nosuch 1.0"]))
    assert explained(modules, enable("a")) == [
        "interface nosuch required by module b-1.0.0 not found.",
        "  a-1.0.0 was requested.",
        "  a-1.0.0 requires ib 1.0, which b-1.0.0 provides.",
        "  b-1.0.0 requires nosuch 1.0, and no module provides that in any version.",
        "  Possible: import a module that provides nosuch 1.0.",
    ]


def test_other_versions_of_either_side_are_proposed() -> None:
    modules = (
        module("p-1.0.0", ["ip 1.2"]),
        module("p-1.1.0", ["ip 1.3"]),
        module("q-1.0.0", [], ["ip 1.3"]),
        module("q-0.9.0", [], ["ip 1.2"]),
    )
    assert explained(modules, enable("p-1.0.0", "q-1.0.0")) == [
        "Incompatible version for module q-1.0.0 interface ip. Need 1.3. Have 1.2/p-1.0.0.",
        "  q-1.0.0 was requested.",
        WHY,
        "  Possible: request p-1.1.0, which provides ip in a version that satisfies 1.3.",
        "  Possible: request q-0.9.0 instead of q-1.0.0; it requires ip 1.2, which is available.",
    ]


def test_a_choice_is_offered() -> None:
    modules = (module("p-1.0.0", ["ip 1.0"]), module("q-1.0.0", ["ip 1.0"]), module("r-1.0.0", [], ["ip 1.0"]))
    assert explained(modules, enable("r"))[2:] == [
        "  r-1.0.0 requires ip 1.0, and more than one product provides it: 1.0 of p-1.0.0, 1.0 of q-1.0.0.",
        "  Possible: name one of these in the request as well: p-1.0.0, q-1.0.0.",
    ]


def test_two_providers_are_told_apart() -> None:
    modules = (module("p-1.0.0", ["ip 1.0"]), module("q-1.0.0", ["ip 1.0"]))
    lines = explained(modules, enable("p", "q"))
    assert lines[-2].startswith("  ip may be provided by one enabled module only, but the plan has 1.0 of p-1.0.0")
    assert lines[-1] == "  Possible: request only one of these, or disable the others: p-1.0.0, q-1.0.0."


def test_what_a_name_may_have_meant_is_proposed() -> None:
    modules = (module("mod-users-1.0.0"), module("mod-users-1.1.0"))
    assert "such as mod-users" in " ".join(explained(modules, enable("mod-user")))
    assert "the newest are mod-users-1.1.0, mod-users-1.0.0" in " ".join(explained(modules, enable("mod-users-9.0.0")))
    assert explained(modules, enable("zzz")) == [
        "Module zzz not found.",
        "  Possible: import the descriptor of zzz first.",
    ]


def test_two_versions_of_one_product_are_one_too_many() -> None:
    lines = explained((module("m-1.0.0"), module("m-1.1.0")), enable("m-1.0.0", "m-1.1.0"))
    assert lines[-1] == "  Possible: request one version only, instead of m-1.0.0 and another one."


def test_an_upgrade_is_told_as_one() -> None:
    modules = (module("m-1.0.0"), module("m-2.0.0", [], ["nosuch 1.0"]))
    assert explained(modules, None, ["m-1.0.0"])[1] == "  m-2.0.0 is the newest version, for the upgrade."


def test_a_refusal_without_reasons_is_told_as_it_is() -> None:
    assert explain(Unresolvable("no"), Registry(), (), ()) == ("no",)
