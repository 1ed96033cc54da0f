"""The index of modules: kept current, asked, and checked, as in Okapi."""

from __future__ import annotations

import pytest
from hypothesis import given

from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.interface_versions import compatible
from okapi_install.domain.modules.versions import VersionFilter
from okapi_install.domain.registry.registry import Registry
from tests.unit.domain.registries import module, real_modules, registries

USERS = [module("users-1.0.0", ["u 1.0"]), module("users-1.10.0", ["u 1.1"]), module("users-1.9.0-A", ["u 1.1"])]


def test_modules_come_and_go() -> None:
    registry = Registry(USERS)
    registry.apply([("users-1.0.0", None), ("new-1.0.0", module("new-1.0.0")), ("nosuch-1.0.0", None)])
    assert registry.ids() == ["new-1.0.0", "users-1.10.0", "users-1.9.0-A"]
    assert "users-1.0.0" not in registry
    assert registry.get("users-1.0.0") is None
    assert len(registry) == 3


def test_a_state_that_was_taken_does_not_change() -> None:
    registry = Registry(USERS)
    before = registry.index
    registry.apply([("users-1.0.0", None)])
    assert "users-1.0.0" in before.modules
    assert len(before.providers["u"]) == 3


def test_a_module_that_is_replaced_is_known_by_its_new_interfaces_only() -> None:
    registry = Registry(USERS)
    registry.apply([("users-1.0.0", module("users-1.0.0", ["v 1.0"]))])
    assert [e.module.id for e in registry.providers("u")] == ["users-1.9.0-A", "users-1.10.0"]
    assert [e.module.id for e in registry.providers("v")] == ["users-1.0.0"]


def test_the_latest_of_a_product_is_found() -> None:
    registry = Registry(USERS)
    assert registry.latest("users") == "users-1.10.0"
    assert registry.latest("users", VersionFilter(pre_release="only")) == "users-1.9.0-A"
    assert registry.latest("nosuch") is None
    assert [m.id for m in registry.of_product("users")] == ["users-1.0.0", "users-1.9.0-A", "users-1.10.0"]


@given(registries(most=12))
def test_an_index_changed_step_by_step_is_as_one_made_at_once(modules: tuple[ModuleSummary, ...]) -> None:
    stepwise = Registry()
    for each in reversed(modules):
        stepwise.apply([(each.id, module(each.id, ["ix 1.0"], ["iy 1.0"]))])
    for each in modules:
        stepwise.apply([(each.id, each)])
    stepwise.apply([("gone-1.0.0", module("gone-1.0.0", ["ia 1.0"]))])
    stepwise.apply([("gone-1.0.0", None)])
    at_once = Registry(modules)
    assert stepwise.index.products == at_once.index.products
    for interface in ("ia", "ib", "ic", "ix", "iy"):
        assert stepwise.providers(interface) == at_once.providers(interface)
        assert stepwise.requirers(interface) == at_once.requirers(interface)


def test_a_module_that_replaces_a_product_is_the_only_candidate() -> None:
    registry = Registry([*USERS, module("people-1.0.0", ["u 1.0"], replaces=["users"])])
    found = registry.index.providers_for(InterfaceRef("u", "1.0"), VersionFilter())
    assert [m.id for m in found] == ["people-1.0.0"]


def test_new_modules_are_checked_against_the_registry_and_each_other() -> None:
    registry = Registry(USERS)
    new = [module("a-1.0.0", ["a 1.0"], ["u 1.1"], ["nosuch 1.0"]), module("b-1.0.0", [], ["a 1.0"])]
    assert registry.check_dependencies(new) == ""
    assert registry.check_dependencies(new[1:]) == "Missing dependency: b-1.0.0 requires a: 1.0"
    assert registry.check_dependencies(new, VersionFilter(pre_release="only")) == ""


def test_what_is_there_in_other_versions_is_told() -> None:
    registry = Registry(USERS)
    lacking = registry.check_dependencies([module("c-1.0.0", [], ["u 2.0"]), module("d-1.0.0", [], [], ["u 1.2"])])
    first, second = lacking.split("\n")
    assert first.startswith("Incompatible version for module c-1.0.0 interface u. Need 2.0. Have 1.1/")
    assert second.startswith("Incompatible version for module d-1.0.0 interface u. Need 1.2. Have 1.1/")
    assert first.split("Have ")[1] == second.split("Have ")[1]
    assert first.endswith(" 1.0/users-1.0.0")
    assert set(first.split("Have ")[1].split(" ")[0].split("/")) == {"1.1", *(u.id for u in USERS)}


def test_a_module_that_others_need_cannot_go() -> None:
    registry = Registry([module("a-1.0.0", ["a 1.0"]), module("b-1.0.0", [], ["a 1.0"])])
    assert registry.check_removal("b-1.0.0") == ""
    assert registry.check_removal("a-1.0.0") == "Missing dependency: b-1.0.0 requires a: 1.0"


def test_nothing_can_go_while_anything_lacks_something() -> None:
    registry = Registry([*USERS, module("b-1.0.0", [], ["a 1.0"])])
    assert registry.check_removal("users-1.0.0") == "Missing dependency: b-1.0.0 requires a: 1.0"


SNAPSHOTS = [f"m-1.1.0-SNAPSHOT.{n}" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("releases", "snapshots", "kept"),
    [
        (1, 0, ["m-1.0.0", "m-1.2.0", "m-1.3.0-SNAPSHOT.1"]),
        (1, 2, ["m-1.0.0", "m-1.2.0", "m-1.3.0-SNAPSHOT.1", *SNAPSHOTS[2:]]),
        (4, 0, None),
    ],
)
def test_old_snapshots_are_obsolete(releases: int, snapshots: int, kept: list[str] | None) -> None:
    ids = ["m-1.0.0", *SNAPSHOTS, "m-1.2.0", "m-1.3.0-SNAPSHOT.1"]
    obsolete = Registry(map(module, ids)).obsolete(releases, snapshots)
    if kept is None:
        assert obsolete == []
    else:
        assert sorted(set(ids) - set(obsolete)) == sorted(kept)


def test_what_needs_an_obsolete_snapshot_keeps_it_unless_it_may_go_as_well() -> None:
    modules = [module("m-2.0.0"), module("m-1.0.0-A", ["a 1.0"]), module("b-1.0.0", ["b 1.0"], ["a 1.0"])]
    registry = Registry([*modules, module("c-1.0.0", [], ["b 1.0"])])
    with pytest.raises(UserError) as caught:
        registry.obsolete(1, 0)
    assert caught.value.message == (
        "Removing obsolete modules resulted in missing dependencies.\n"
        "Supply removeDependencies=true if you think it's ok to remove them.\n"
        "Missing dependency: b-1.0.0 requires a: 1.0"
    )
    assert registry.obsolete(1, 0, remove_dependencies=True) == ["m-1.0.0-A", "b-1.0.0", "c-1.0.0"]


def test_the_real_registry_lacks_what_looking_at_all_pairs_finds_lacking() -> None:
    modules = real_modules()
    provided: dict[str, set[str]] = {}
    for each in modules:
        for interface in each.provides:
            provided.setdefault(interface.id, set()).add(interface.version)
    lacking = sum(
        not any(compatible(have, wanted.version) for have in provided.get(wanted.id, ()))
        for each in modules
        for wanted in (*each.requires, *(o for o in each.optional if o.id in provided))
    )
    assert len(Registry().check_dependencies(modules).splitlines()) == lacking
