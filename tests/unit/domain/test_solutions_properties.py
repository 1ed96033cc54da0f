"""What holds for every solution, against brute force over small generated registries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import product

from hypothesis import assume, given
from hypothesis import strategies as st

from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.planning.resolver import resolve
from okapi_install.domain.planning.schedule import apply
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.solutions.solution import Solution
from okapi_install.domain.solutions.wish import Wish
from tests.fakes.inline_solver import InlineSolver
from tests.unit.domain.registries import OPTIONS, disable, enable, out_of_order, registries, wrongs

Products = dict[str, ModuleSummary]


@st.composite
def situations(draw: st.DrawFn) -> tuple[Registry, frozenset[str], tuple[Change, ...] | None]:
    """A registry, a tenant in whatever state, and a request, or None for an upgrade."""
    modules = draw(registries())
    chosen = draw(st.lists(st.sampled_from(modules), max_size=4, unique_by=lambda m: m.product))
    wanted = draw(st.lists(st.sampled_from(modules), min_size=1, max_size=2, unique_by=lambda m: m.product))
    request = enable(*(m.product if draw(st.booleans()) else m.id for m in wanted))
    enabled = [] if wrongs(chosen) else [m.id for m in chosen]
    if draw(st.booleans()) and enabled:
        request += disable(draw(st.sampled_from(enabled)))
    return Registry(modules), frozenset(enabled), None if draw(st.integers(0, 3)) == 0 else request


def everything(registry: Registry) -> Iterator[Products]:
    """By brute force: all sets of modules in which nothing is wrong, by product."""
    products = list(registry.index.products.items())
    for versions in product(*([None, *modules] for _, modules in products)):
        chosen = [m for m in versions if m is not None]
        if not wrongs(chosen):
            yield {m.product: m for m in chosen}


def allowed(registry: Registry, request: Sequence[Change] | None) -> Iterator[Products]:
    """Those that the request allows."""
    again = {ModuleId.parse(c.id).product for c in request or () if c.action is Action.ENABLE}
    for chosen in everything(registry):
        ids = {m.id for m in chosen.values()} | chosen.keys()
        gone = {ModuleId.parse(c.id).product for c in request or () if c.action is Action.DISABLE} - again
        if all(c.id in ids for c in request or () if c.action is Action.ENABLE) and not gone & chosen.keys():
            yield chosen


def cost(
    registry: Registry, enabled: Collection[str], request: Sequence[Change] | None, chosen: Products
) -> tuple[int, int]:
    """How many products are removed, and how many are changed (or of an upgrade: not in their newest version)."""
    had = {m.product: m for i in enabled if (m := registry.get(i)) is not None}
    asked = {ModuleId.parse(c.id).product for c in request or ()}
    replaced = {p for m in chosen.values() for p in m.replaces}
    removed = had.keys() - chosen.keys() - asked - replaced
    stays = (had.keys() & chosen.keys()) - asked
    unchanged = {p: registry.of_product(p)[-1] if request is None else had[p] for p in stays}
    return len(removed), sum(chosen[p] != unchanged[p] for p in stays)


def after(registry: Registry, enabled: Collection[str], solution: Solution) -> Products:
    plan = resolve(registry, enabled, solution.request, OPTIONS)
    assert plan == solution.plan
    return {m.product: m for i in apply(enabled, plan) if (m := registry.get(i)) is not None}


@given(situations())
def test_no_cheaper_solution_exists_and_none_is_offered_where_there_is_none(
    situation: tuple[Registry, frozenset[str], tuple[Change, ...] | None],
) -> None:
    registry, enabled, request = situation
    findings = InlineSolver().find(registry, Wish(enabled=enabled, request=request), 3)
    possible = [cost(registry, enabled, request, chosen) for chosen in allowed(registry, request)]
    assert findings.complete
    assert bool(findings.solutions) == bool(possible)
    assert (findings.conflict is None) == bool(possible)
    if possible:
        first = findings.solutions[0]
        assert (len(first.removed), len(first.changed)) == min(possible)


@given(situations())
def test_a_solution_is_accepted_as_it_is_does_what_it_says_and_posted_again_changes_nothing(
    situation: tuple[Registry, frozenset[str], tuple[Change, ...] | None],
) -> None:
    registry, enabled, request = situation
    had = {m.product: m for i in enabled if (m := registry.get(i)) is not None}
    for solution in InlineSolver().find(registry, Wish(enabled=enabled, request=request), 3).solutions:
        left = after(registry, enabled, solution)
        assert wrongs(list(left.values())) == []
        assert (len(solution.removed), len(solution.changed)) == cost(registry, enabled, request, left)
        assert {ModuleId.parse(i).product for i in solution.removed} <= had.keys() - left.keys()
        assert set(solution.added) <= {m.id for m in left.values()} - enabled
        now = apply(enabled, solution.plan)
        again = [c for c in solution.request if c.action is Action.ENABLE]
        assert {c.action for c in resolve(registry, now, again, OPTIONS)} <= {Action.UPTODATE}


@given(situations())
def test_no_module_of_a_solution_could_be_newer_with_the_others_as_they_are(
    situation: tuple[Registry, frozenset[str], tuple[Change, ...] | None],
) -> None:
    registry, enabled, request = situation
    findings = InlineSolver().find(registry, Wish(enabled=enabled, request=request), 1)
    assume(findings.solutions)
    (solution,) = findings.solutions
    left = after(registry, enabled, solution)
    least = cost(registry, enabled, request, left)
    named = {c.id for c in request or ()}
    for name in left.keys() - {m.product for m in left.values() if m.id in named or m.id in enabled}:
        for newer in (m for m in registry.of_product(name) if m.module_id > left[name].module_id):
            others = left | {name: newer}
            worse = wrongs(list(others.values())) or cost(registry, enabled, request, others) > least
            assert worse or _disorderly(registry, enabled, others)


def _disorderly(registry: Registry, enabled: Collection[str], chosen: Products) -> bool:
    """Whether no order is right: then an older version may be the better one."""
    had = {m.product: m.id for i in enabled if (m := registry.get(i)) is not None}
    request = enable(*(m.id for m in chosen.values())) + disable(*(had[p] for p in had.keys() - chosen.keys()))
    return bool(out_of_order(resolve(registry, enabled, request, OPTIONS), enabled, registry))


@given(situations())
def test_a_conflict_is_one_and_goes_when_any_part_of_it_does(
    situation: tuple[Registry, frozenset[str], tuple[Change, ...] | None],
) -> None:
    registry, enabled, request = situation
    conflict = InlineSolver().find(registry, Wish(enabled=enabled, request=request), 1).conflict
    assume(conflict is not None)
    assert conflict is not None
    changes = [Change(id=d.id, action=Action(d.action)) for d in conflict.demands]
    assert not list(allowed(registry, changes))
    for change in changes:
        assert list(allowed(registry, [c for c in changes if c is not change]))


@given(situations())
def test_solutions_differ_in_the_providers_they_choose_or_are_the_careful_and_the_new_one(
    situation: tuple[Registry, frozenset[str], tuple[Change, ...] | None],
) -> None:
    registry, enabled, request = situation
    solutions = InlineSolver().find(registry, Wish(enabled=enabled, request=request), 5).solutions
    newest = 1 if request is None else 0
    chosen = [tuple((c.interface, c.chosen) for c in s.choices) for s in solutions]
    assert len(set(chosen)) >= len(chosen) - newest
    assert len({s.request for s in solutions}) == len(solutions)
