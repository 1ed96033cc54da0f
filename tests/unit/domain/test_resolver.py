"""Plans and refusals in small registries: Okapi's, and what is right where Okapi's are not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from okapi_install.domain.errors import Provider, Unresolvable, UserError
from okapi_install.domain.jobs import Action, Change, InstallOptions
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.planning.resolver import check_enabled, resolve
from okapi_install.domain.registry.registry import Registry
from tests.unit.domain.registries import OPTIONS, disable, enable, module, out_of_order, told

CHAIN = (
    module("a-1.0.0", ["ia 1.0"]),
    module("b-1.0.0", ["ib 1.0"], ["ia 1.0"]),
    module("c-1.0.0", ["ic 1.0"], ["ib 1.0"]),
    module("d-1.0.0", ["id 1.0"]),
)


def planned(
    modules: Sequence[ModuleSummary],
    request: Sequence[Change] | None,
    enabled: Sequence[str] = (),
    options: InstallOptions = OPTIONS,
) -> list[str]:
    return told(resolve(Registry(modules), enabled, request, options))


def refused(
    modules: Sequence[ModuleSummary],
    request: Sequence[Change] | None,
    enabled: Sequence[str] = (),
    options: InstallOptions = OPTIONS,
) -> Unresolvable:
    with pytest.raises(Unresolvable) as caught:
        resolve(Registry(modules), enabled, request, options)
    return caught.value


def test_what_is_required_comes_along_and_before() -> None:
    assert planned(CHAIN, enable("c-1.0.0")) == ["enable a-1.0.0", "enable b-1.0.0", "enable c-1.0.0"]
    assert planned(CHAIN, enable("c", "d")) == ["enable d-1.0.0", "enable a-1.0.0", "enable b-1.0.0", "enable c-1.0.0"]


def test_what_is_enabled_already_is_up_to_date() -> None:
    assert planned(CHAIN, enable("a-1.0.0", "a"), ["a-1.0.0"]) == ["uptodate a-1.0.0", "uptodate a-1.0.0"]
    assert planned(CHAIN, enable("d-1.0.0", "d-1.0.0")) == ["enable d-1.0.0", "uptodate d-1.0.0"]


def test_a_reinstall_replaces_a_module_by_itself() -> None:
    again = InstallOptions(reinstall=True)
    assert planned(CHAIN, enable("a-1.0.0"), ["a-1.0.0"], again) == ["enable a-1.0.0 from a-1.0.0"]


def test_what_needs_a_disabled_module_goes_first() -> None:
    enabled = ["a-1.0.0", "b-1.0.0", "c-1.0.0", "d-1.0.0"]
    assert planned(CHAIN, disable("a"), enabled) == ["disable c-1.0.0", "disable b-1.0.0", "disable a-1.0.0"]


def test_a_new_version_takes_the_place_of_the_old_one() -> None:
    modules = (*CHAIN, module("a-1.1.0", ["ia 1.1"]))
    assert planned(modules, enable("a"), ["a-1.0.0", "b-1.0.0"]) == ["enable a-1.1.0 from a-1.0.0"]
    assert planned(modules, enable("a-1.0.0"), ["a-1.1.0"]) == ["enable a-1.0.0 from a-1.1.0"]


def test_what_requires_a_new_version_comes_along() -> None:
    modules = (*CHAIN, module("a-2.0.0", ["ia 2.0"]), module("b-1.1.0", ["ib 1.0"], ["ia 2.0"]))
    plan = planned(modules, enable("a-2.0.0"), ["a-1.0.0", "b-1.0.0"])
    assert plan == ["enable a-2.0.0 from a-1.0.0", "enable b-1.1.0 from b-1.0.0"]


def test_what_cannot_work_with_a_new_version_goes() -> None:
    modules = (*CHAIN, module("a-2.0.0", ["ia 2.0"]))
    plan = planned(modules, enable("a-2.0.0"), ["a-1.0.0", "b-1.0.0"])
    assert plan == ["enable a-2.0.0 from a-1.0.0", "disable b-1.0.0"]


def test_what_is_in_the_way_is_replaced_by_what_is_required() -> None:
    modules = (*CHAIN, module("a-1.1.0", ["ia 1.1"]), module("e-1.0.0", [], ["ia 1.1"]))
    assert planned(modules, enable("e"), ["a-1.0.0"]) == ["enable a-1.1.0 from a-1.0.0", "enable e-1.0.0"]


def test_an_upgrade_takes_the_newest_of_all() -> None:
    modules = (*CHAIN, module("a-1.1.0", ["ia 1.1"]), module("b-1.2.0-X", ["ib 1.1"], ["ia 1.1"]))
    both = planned(modules, None, ["a-1.0.0", "b-1.0.0"])
    assert both == ["enable a-1.1.0 from a-1.0.0", "enable b-1.2.0-X from b-1.0.0"]
    releases = InstallOptions(pre_release="false")
    assert planned(modules, None, ["a-1.0.0", "b-1.0.0"], releases) == ["enable a-1.1.0 from a-1.0.0"]
    assert planned(CHAIN, None, ["a-1.0.0"]) == []


def test_what_the_filter_leaves_out_is_as_if_it_were_not_there() -> None:
    modules = (module("p-1.0.0-X", ["ip 1.0"]), module("r-1.0.0", [], ["ip 1.0"]))
    releases = InstallOptions(pre_release="false")
    assert refused(modules, enable("p-1.0.0-X"), [], releases).message == "Module p-1.0.0-X not found"
    assert (
        "interface ip required by module r-1.0.0 not found"
        in refused(modules, enable("r"), ["p-1.0.0-X"], releases).message
    )


def test_interfaces_that_are_not_regular_count_neither_way() -> None:
    modules = (module("p-1.0.0", ["_tenant 1.0"]), module("s-1.0.0", ["_tenant 1.0"]))
    assert planned(modules, enable("p", "s")) == ["enable p-1.0.0", "enable s-1.0.0"]


def test_a_plan_can_be_asked_for_as_it_is() -> None:
    modules = (*CHAIN, module("a-1.1.0", ["ia 1.1"]))
    plan = resolve(Registry(modules), ["a-1.0.0"], enable("a-1.1.0"), OPTIONS)
    assert resolve(Registry(modules), ["a-1.0.0"], plan, OPTIONS) == plan


def test_without_dependency_checks_a_request_stands_as_it_is() -> None:
    unchecked = InstallOptions(dep_check=False)
    assert planned(CHAIN, enable("c-1.0.0"), [], unchecked) == ["enable c-1.0.0"]
    assert refused(CHAIN, enable("c"), [], unchecked).message == "Module c not found"
    assert planned(CHAIN, enable("c"), [], InstallOptions(dep_check=False, simulate=True)) == ["enable c"]
    modules = (*CHAIN, module("a-1.1.0"))
    assert planned(modules, None, ["a-1.0.0"], unchecked) == ["enable a-1.1.0 from a-1.0.0"]


def test_other_actions_are_passed_through() -> None:
    request = (Change(id="x", action=Action.SUGGEST), *enable("d"))
    assert planned(CHAIN, request) == ["suggest x", "enable d-1.0.0"]


def test_unknown_modules_are_all_told() -> None:
    problem = refused(CHAIN, (*enable("x-1.0.0", "y"), *disable("a")))
    assert problem.message == "Module x-1.0.0 not found. Module y not found. Module a not found"
    assert (problem.reasons[0].kind, problem.reasons[0].module) == ("unknown_module", "x-1.0.0")


def test_a_bad_id_is_refused() -> None:
    with pytest.raises(UserError, match="missing version component"):
        resolve(Registry(CHAIN), [], enable("a-1."), OPTIONS)


def test_two_versions_of_a_product_cannot_be_asked_for() -> None:
    problem = refused((*CHAIN, module("a-1.1.0")), enable("a-1.0.0", "a-1.1.0"))
    assert problem.message == "Cannot remove module a-1.0.0 which is explicitly given"
    assert problem.reasons[0].kind == "sticky_module"


def test_a_requirement_that_nothing_meets_is_told() -> None:
    problem = refused((module("m-1.0.0", [], ["nosuch 1.0"]),), enable("m"))
    assert problem.message == "interface nosuch required by module m-1.0.0 not found"
    (reason,) = problem.reasons
    assert reason.message == problem.message
    assert (reason.kind, reason.interface, reason.needed) == ("missing_interface", "nosuch", "1.0")
    assert (reason.required_by, reason.providers) == ("m-1.0.0", ())


def test_a_requirement_that_is_met_in_other_versions_only_names_them() -> None:
    problem = refused((module("m-1.0.0", [], ["ia 3.0"]), *CHAIN), enable("m"))
    assert problem.message == "interface ia required by module m-1.0.0 not found"
    assert problem.reasons[0].providers == (Provider(module="a-1.0.0", version="1.0"),)


def test_modules_that_do_not_suit_each_other_are_told() -> None:
    modules = (module("p-1.0.0", ["ip 1.2"]), module("q-1.0.0", [], ["ip 1.3"]), module("v-1.0.0", [], [], ["ip 2.0"]))
    problem = refused(modules, enable("p", "q"))
    assert problem.message == "Incompatible version for module q-1.0.0 interface ip. Need 1.3. Have 1.2/p-1.0.0"
    assert problem.reasons[0].providers == (Provider(module="p-1.0.0", version="1.2"),)
    optional = refused(modules, enable("p", "v")).message
    assert optional == "Incompatible version for module v-1.0.0 interface ip. Need 2.0. Have 1.2/p-1.0.0"


def test_a_choice_between_products_is_left_to_the_client() -> None:
    modules = (module("p-1.0.0", ["ip 1.0"]), module("q-1.0.0", ["ip 1.0"]), module("r-1.0.0", [], ["ip 1.0"]))
    problem = refused(modules, enable("r"))
    assert problem.message == "interface ip required by module r-1.0.0 is provided by multiple products: p, q"
    assert {p.module for p in problem.reasons[0].providers} == {"p-1.0.0", "q-1.0.0"}
    assert planned(modules, enable("r", "q")) == ["enable q-1.0.0", "enable r-1.0.0"]


def test_two_providers_of_one_interface_cannot_be_asked_for() -> None:
    modules = (module("p-1.0.0", ["ip 1.0"]), module("q-1.0.0", ["ip 1.0"]))
    problem = refused(modules, enable("p", "q"))
    assert problem.message == "Multiple modules p-1.0.0, q-1.0.0 provide interface ip"
    assert problem.reasons[0].kind == "provided_twice"


def test_a_replaced_provider_goes() -> None:
    modules = (
        module("old-1.0.0", ["io 1.0"]),
        module("user-1.0.0", [], ["io 1.0"]),
        module("new-1.0.0", ["io 1.0"], replaces=["old"]),
    )
    plan = planned(modules, enable("new"), ["old-1.0.0", "user-1.0.0"])
    assert plan == ["enable new-1.0.0", "disable old-1.0.0"]


def test_another_provider_comes_before_the_one_that_goes() -> None:
    modules = (module("p-1.0.0", ["ip 1.0"]), module("q-1.0.0", ["ip 1.0"]), module("r-1.0.0", [], ["ip 1.0"]))
    assert planned(modules, enable("q"), ["p-1.0.0", "r-1.0.0"]) == ["enable q-1.0.0", "disable p-1.0.0"]


def test_a_module_that_is_disabled_and_needed_is_enabled_again_after_that() -> None:
    plan = planned(CHAIN, (*enable("b-1.0.0"), *disable("a-1.0.0")), ["a-1.0.0"])
    assert plan == ["disable a-1.0.0", "enable a-1.0.0", "enable b-1.0.0"]


def test_an_upgrade_that_loses_an_interface_waits_for_its_new_provider() -> None:
    modules = (
        module("a-1.0.0", ["ia 1.0", "ix 1.0"]),
        module("a-2.0.0", ["ia 2.0"], ["ix 1.0"]),
        module("x-1.0.0"),
        module("x-2.0.0", ["ix 1.0"]),
    )
    enabled = ["a-1.0.0", "x-1.0.0"]
    plan = resolve(Registry(modules), enabled, enable("a-2.0.0", "x-2.0.0"), OPTIONS)
    assert told(plan) == ["enable x-2.0.0 from x-1.0.0", "enable a-2.0.0 from a-1.0.0"]
    assert not out_of_order(plan, enabled, Registry(modules))


def test_a_module_that_requires_what_it_provides_can_be_enabled() -> None:
    assert planned((module("s-1.0.0", ["is 1.0"], ["is 1.0"]),), enable("s")) == ["enable s-1.0.0"]


def test_requirements_that_go_in_a_circle_come_to_an_end() -> None:
    circle = (
        module("x-1.0.0", ["ix 1.0"], ["iy 1.0"]),
        module("y-1.0.0", ["iy 1.0"], ["ix 1.0"]),
        module("z-1.0.0", [], ["iy 1.0"]),
    )
    plan = resolve(Registry(circle), [], enable("z"), OPTIONS)
    assert told(plan) == ["enable y-1.0.0", "enable z-1.0.0", "enable x-1.0.0"]
    assert out_of_order(plan, [], Registry(circle)) == ["y-1.0.0"]


def test_repairs_go_on_for_as_long_as_they_help() -> None:
    long = [module(f"m{n}-1.0.0", [f"i{n} 1.0"], [f"i{n + 1} 1.0"] if n < 150 else []) for n in range(151)]
    plan = planned(long, enable("m0"))
    assert plan == [f"enable m{n}-1.0.0" for n in range(150, -1, -1)]


def test_modules_can_be_checked_without_a_plan() -> None:
    registry = Registry((*CHAIN, module("e-1.0.0", ["ia 2.0"]), module("f-1.0.0", [], ["id 2.0"])))
    assert check_enabled(registry, ["a-1.0.0", "b-1.0.0", "gone-1.0.0"]) == ()
    assert check_enabled(registry, ["b-1.0.0"]) == ("interface ia required by module b-1.0.0 not found",)
    assert check_enabled(registry, ["a-1.0.0", "e-1.0.0"]) == (
        "Multiple modules e-1.0.0, a-1.0.0 provide interface ia",
    )
    assert check_enabled(registry, ["d-1.0.0", "f-1.0.0"]) == (
        "Incompatible version for module f-1.0.0 interface id. Need 2.0. Have 1.0/d-1.0.0",
    )


NEEDY = module("n-1.0.0", ["in 1.0"], ["no 1.0"])


@pytest.mark.parametrize(
    ("modules", "enabled", "request_", "words"),
    [
        ((NEEDY,), (), enable("n-1.0.0") + disable("n-1.0.0"), "n-1.0.0"),
        ((NEEDY,), (), enable("n-1.0.0") + disable("n"), "n-1.0.0"),
        (CHAIN, ("a-1.0.0", "b-1.0.0"), disable("a-1.0.0") + enable("a-1.0.0"), "a-1.0.0"),
        (CHAIN, (), enable("b-1.0.0") + enable("a-1.0.0") + disable("b-1.0.0") + disable("a-1.0.0"), None),
        (CHAIN, (), enable("b-1.0.0") + disable("b-1.0.0"), "b-1.0.0"),
        (CHAIN, ("d-1.0.0",), disable("d-1.0.0") + enable("d-1.0.0"), None),
        (CHAIN, (), enable("d-1.0.0") + disable("d-1.0.0"), None),
    ],
)
def test_a_module_enabled_and_disabled_in_one_request_is_in_order_all_the_time(
    modules: Sequence[ModuleSummary], enabled: Sequence[str], request_: Sequence[Change], words: str | None
) -> None:
    """Okapi refuses what it cannot sort; where it disables too early, so do we."""
    if words is None:
        plan = resolve(Registry(modules), enabled, request_, OPTIONS)
        assert len(plan) == len(request_)
        return
    assert refused(modules, request_, enabled).message == f"Some modules cannot be topological sorted: {words}"
