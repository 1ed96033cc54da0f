"""What holds for every plan, over generated registries and over parts of the real one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from okapi_install.domain.errors import Unresolvable
from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.planning.resolver import check_enabled, resolve
from okapi_install.domain.planning.schedule import apply
from okapi_install.domain.registry.registry import Registry
from tests.unit.domain.registries import (
    OPTIONS,
    consistent_sets,
    disable,
    enable,
    out_of_order,
    real_modules,
    registries,
    wrongs,
)


@st.composite
def requests(draw: st.DrawFn, modules: Sequence[ModuleSummary], most: int = 3) -> tuple[Change, ...]:
    """Some modules to enable, by id or by product."""
    chosen = draw(st.lists(st.sampled_from(modules), min_size=1, max_size=most, unique_by=lambda m: m.product))
    return enable(*(m.product if draw(st.booleans()) else m.id for m in chosen))


def plan_or_none(
    registry: Registry, enabled: frozenset[str], request: Sequence[Change] | None
) -> tuple[Change, ...] | None:
    try:
        return resolve(registry, enabled, request, OPTIONS)
    except Unresolvable:
        return None


def after(registry: Registry, request: Sequence[Change]) -> frozenset[str]:
    """A tenant for which that was installed, if it can be."""
    plan = plan_or_none(registry, frozenset(), request)
    return apply((), plan) if plan is not None else frozenset()


@given(st.data(), registries(), st.sampled_from(["enable", "disable", "upgrade"]))
def test_a_plan_leaves_every_requirement_met_and_no_interface_provided_twice(
    data: st.DataObject, modules: tuple[ModuleSummary, ...], what: str
) -> None:
    registry = Registry(modules)
    enabled = after(registry, data.draw(requests(modules)))
    request: Sequence[Change] | None = data.draw(requests(modules))
    if what == "disable":
        assume(enabled)
        request = disable(data.draw(st.sampled_from(sorted(enabled))))
    plan = plan_or_none(registry, enabled, None if what == "upgrade" else request)
    assume(plan is not None)
    assert plan is not None
    left = [m for i in apply(enabled, plan) if (m := registry.get(i)) is not None]
    assert wrongs(left) == []
    assert check_enabled(registry, [m.id for m in left]) == ()


@given(st.data(), registries())
def test_planning_again_after_a_plan_changes_nothing(data: st.DataObject, modules: tuple[ModuleSummary, ...]) -> None:
    registry = Registry(modules)
    enabled = after(registry, data.draw(requests(modules)))
    request = data.draw(requests(modules))
    plan = plan_or_none(registry, enabled, request)
    assume(plan is not None)
    assert plan is not None
    again = resolve(registry, apply(enabled, plan), request, OPTIONS)
    assert {c.action for c in again} == {Action.UPTODATE}


@given(st.data(), registries())
def test_the_order_of_the_registry_changes_nothing(data: st.DataObject, modules: tuple[ModuleSummary, ...]) -> None:
    enabled = after(Registry(modules), data.draw(requests(modules)))
    request = data.draw(requests(modules))
    shuffled = data.draw(st.permutations(modules))
    assert plan_or_none(Registry(modules), enabled, request) == plan_or_none(Registry(shuffled), enabled, request)


@given(st.data(), registries(most=7))
def test_the_order_of_a_plan_is_right_where_a_right_order_exists(
    data: st.DataObject, modules: tuple[ModuleSummary, ...]
) -> None:
    registry = Registry(modules)
    enabled = after(registry, data.draw(requests(modules)))
    plan = plan_or_none(registry, enabled, data.draw(requests(modules)))
    assume(plan is not None and len(plan) <= 6)
    assert plan is not None
    wrong = out_of_order(plan, enabled, registry)
    if wrong:
        end = apply(enabled, plan)
        others = (p for p in permutations(plan) if apply(enabled, p) == end)
        assert all(out_of_order(p, enabled, registry) for p in others)


@given(st.data(), registries())
def test_what_is_planned_brute_force_finds_too(data: st.DataObject, modules: tuple[ModuleSummary, ...]) -> None:
    registry = Registry(modules)
    request = data.draw(requests(modules))
    plan = plan_or_none(registry, frozenset(), request)
    wanted = {c.id if c.id in registry else registry.latest(c.id) or "" for c in request}
    found = list(consistent_sets(modules, wanted))
    if plan is None:
        return
    assert apply((), plan) in found


@given(st.data(), registries(choice=False, most=7))
def test_where_there_is_no_choice_a_plan_exists_if_brute_force_finds_one(
    data: st.DataObject, modules: tuple[ModuleSummary, ...]
) -> None:
    """With a choice Okapi's rule is greedy: it takes the newest that fits, and may miss what a search would find."""
    request = data.draw(requests(modules))
    wanted = {f"{c.id.removesuffix('-1.0.0')}-1.0.0" for c in request}
    plan = plan_or_none(Registry(modules), frozenset(), request)
    smallest = min(consistent_sets(modules, wanted), key=len, default=None)
    assert smallest == (None if plan is None else apply((), plan))


@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_plans_over_parts_of_the_real_registry_are_consistent_and_in_order(data: st.DataObject) -> None:
    everything = real_modules()
    chance = data.draw(st.randoms(use_true_random=False))
    registry = Registry(chance.sample(everything, 800))
    modules = [m for i in registry.ids() if (m := registry.get(i)) is not None]
    enabled = after(registry, enable(*{m.product for m in chance.sample(modules, 3)}))
    request = enable(chance.choice(modules).id)
    plan = plan_or_none(registry, enabled, request)
    shuffled = Registry(chance.sample(modules, len(modules)))
    assert plan_or_none(shuffled, enabled, request) == plan
    if plan is not None:
        left = [m for i in apply(enabled, plan) if (m := registry.get(i)) is not None]
        assert wrongs(left) == []
        assert out_of_order(plan, enabled, registry) == []
        again = resolve(registry, apply(enabled, plan), request, OPTIONS)
        assert {c.action for c in again} == {Action.UPTODATE}
