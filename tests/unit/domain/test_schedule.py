"""What may run when: Okapi's rules, what goes first, what runs alone, and that it always comes to an end."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okapi_install.domain.errors import Unresolvable
from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.domain.planning.enabled import EnabledModules
from okapi_install.domain.planning.resolver import resolve
from okapi_install.domain.planning.schedule import Schedule, apply
from okapi_install.domain.registry.registry import Registry
from tests.unit.domain.registries import OPTIONS, disable, enable, module, read_shared, registries


def schedule(
    modules: Sequence[ModuleSummary],
    changes: Sequence[Change],
    enabled: Collection[str] = (),
    *,
    parallel: int = 1,
    dep_check: bool = True,
    done: Collection[int] = (),
    seconds: dict[int, float] | None = None,
) -> Schedule:
    return Schedule(
        changes, done, Registry(modules).get, enabled, dep_check=dep_check, parallel=parallel, seconds=seconds
    )


def one_by_one(plan: Schedule) -> list[int]:
    order = []
    while begun := plan.begin():
        order += begun
        for pos in begun:
            plan.finished(pos)
    assert plan.idle
    return order


ABCD = (
    module("a-1.0.0", ["ia 1.0"]),
    module("b-1.0.0", ["ib 1.0"], ["ia 1.0"]),
    module("c-1.0.0", ["ic 1.0"], ["ib 1.0"]),
    module("d-1.0.0", ["id 1.0"]),
)


def test_one_at_a_time_the_first_that_may_begin_does() -> None:
    plan = schedule(ABCD, enable("c-1.0.0", "b-1.0.0", "d-1.0.0", "a-1.0.0"))
    assert plan.begin() == [2]
    assert plan.begin() == []
    assert not plan.idle
    plan.finished(2)
    assert plan.left == (0, 1, 3)
    assert one_by_one(plan) == [3, 1, 0]


def test_side_by_side_all_that_may_begin_do() -> None:
    plan = schedule(ABCD, enable("a-1.0.0", "b-1.0.0", "c-1.0.0", "d-1.0.0"), parallel=9)
    assert plan.begin() == [0, 3]
    plan.finished(0)
    assert plan.begin() == [1]


def test_no_more_run_side_by_side_than_allowed() -> None:
    modules = [module(f"m{n}-1.0.0") for n in range(5)]
    plan = schedule(modules, enable(*(m.id for m in modules)), parallel=2)
    assert plan.begin() == [0, 1]
    assert plan.begin() == []
    plan.finished(1)
    assert plan.begin() == [2]


def test_the_longest_chain_goes_first() -> None:
    changes = enable("d-1.0.0", "a-1.0.0", "b-1.0.0", "c-1.0.0")
    assert schedule(ABCD, changes, parallel=2).begin() == [1, 0]
    assert schedule(ABCD, changes, parallel=2, seconds={0: 9.0}).begin() == [0, 1]


def test_what_is_optional_is_waited_for_side_by_side_but_not_one_at_a_time() -> None:
    modules = (module("u-1.0.0", [], [], ["io 1.0"]), module("o-1.0.0", ["io 1.0"]))
    changes = enable("u-1.0.0", "o-1.0.0")
    assert schedule(modules, changes, parallel=2).begin() == [1]
    assert one_by_one(schedule(modules, changes)) == [0, 1]


def test_what_is_optional_both_ways_is_not_waited_for() -> None:
    modules = (module("u-1.0.0", ["iu 1.0"], [], ["io 1.0"]), module("o-1.0.0", ["io 1.0"], ["iu 1.0"]))
    assert one_by_one(schedule(modules, enable("u-1.0.0", "o-1.0.0"), parallel=2)) == [0, 1]


def test_an_optional_provider_that_failed_is_not_waited_for() -> None:
    modules = (module("u-1.0.0", [], [], ["io 1.0"]), module("o-1.0.0", ["io 1.0"]))
    plan = schedule(modules, enable("u-1.0.0", "o-1.0.0"), parallel=2)
    assert plan.begin() == [1]
    assert plan.failed(1) == []
    assert plan.begin() == [0]


def test_what_must_run_alone_does_and_does_not_starve() -> None:
    modules = (
        module("x-1.0.0", ["ix 1.0"], exclusive=True),
        module("y-1.0.0", [], ["ix 1.0"]),
        *(module(f"m{n}-1.0.0") for n in range(3)),
    )
    changes = enable("m0-1.0.0", "m1-1.0.0", "m2-1.0.0", "x-1.0.0", "y-1.0.0")
    plan = schedule(modules, changes, parallel=2)
    assert plan.begin() == [3]
    assert plan.begin() == []
    plan.finished(3)
    assert plan.begin() == [0, 1]
    late = schedule(modules, changes, parallel=3, seconds={0: 9.0, 1: 1.0, 2: 1.0})
    assert late.begin() == [0]
    assert late.begin() == []
    late.finished(0)
    assert late.begin() == [3]


def test_a_module_that_is_up_to_date_is_never_in_the_way() -> None:
    modules = (module("x-1.0.0", exclusive=True), module("y-1.0.0"))
    changes = (*enable("y-1.0.0"), Change(id="x-1.0.0", action=Action.UPTODATE))
    assert schedule(modules, changes, ["x-1.0.0"], parallel=5).begin() == [1, 0]


def test_without_dependency_checks_the_order_is_the_requests() -> None:
    assert one_by_one(schedule(ABCD, enable("c-1.0.0", "x-9.0.0", "a-1.0.0"), dep_check=False)) == [0, 1, 2]


def test_a_replaced_provider_goes_at_last() -> None:
    modules = (module("p-1.0.0", ["ip 1.0"]), module("q-1.0.0", ["ip 1.0"]), module("r-1.0.0", [], ["ip 1.0"]))
    changes = (*disable("p-1.0.0"), *enable("q-1.0.0"))
    assert one_by_one(schedule(modules, changes, ["p-1.0.0", "r-1.0.0"])) == [1, 0]


def test_what_can_never_begin_by_the_rules_begins_when_nothing_else_can() -> None:
    assert one_by_one(schedule(ABCD, enable("c-1.0.0", "b-1.0.0"), parallel=4)) == [0, 1]


def test_what_is_done_is_not_begun_again() -> None:
    plan = schedule(ABCD, enable("a-1.0.0", "b-1.0.0"), ["a-1.0.0"], done=[0])
    assert plan.left == (1,)
    assert one_by_one(plan) == [1]


def test_nothing_begins_after_a_stop() -> None:
    plan = schedule(ABCD, enable("a-1.0.0", "d-1.0.0"))
    assert plan.begin() == [0]
    plan.stop()
    plan.finished(0)
    assert plan.begin() == []
    assert plan.left == (1,)


@pytest.mark.parametrize("parallel", [1, 4])
def test_what_needs_a_failed_module_is_given_up(parallel: int) -> None:
    plan = schedule(ABCD, enable("a-1.0.0", "b-1.0.0", "c-1.0.0", "d-1.0.0"), parallel=parallel)
    begun = plan.begin()
    assert begun[0] == 0
    assert plan.failed(0) == [1, 2]
    for pos in begun[1:]:
        plan.finished(pos)
    assert one_by_one(plan) == [pos for pos in [3] if pos not in begun]


def test_what_another_module_provides_is_not_given_up() -> None:
    modules = (*ABCD, module("a-2.0.0", ["ia 1.1"]))
    plan = schedule(modules, (Change(id="a-2.0.0", from_id="a-1.0.0"), *enable("b-1.0.0")), ["a-1.0.0"])
    assert plan.begin() == [0]
    assert plan.failed(0) == []
    assert one_by_one(plan) == [1]


def test_a_disable_is_given_up_when_what_needs_the_module_could_not_go() -> None:
    plan = schedule(ABCD, disable("b-1.0.0", "a-1.0.0", "d-1.0.0"), ["a-1.0.0", "b-1.0.0", "d-1.0.0"])
    assert plan.begin() == [0]
    assert plan.failed(0) == [1]
    assert one_by_one(plan) == [2]


@given(st.data(), registries(), st.integers(1, 4))
def test_every_step_runs_once_by_the_rules_whatever_fails(
    data: st.DataObject, modules: tuple[ModuleSummary, ...], parallel: int
) -> None:
    """A step that begins while others run has what it requires, and nothing runs beside what must run alone."""
    registry = Registry(modules)
    ids = data.draw(st.lists(st.sampled_from([m.id for m in modules]), min_size=1, max_size=4, unique=True))
    try:
        changes = resolve(registry, [], enable(*ids), OPTIONS)
    except Unresolvable:
        return
    failing = data.draw(st.sets(st.integers(0, len(changes) - 1), max_size=2))
    plan = schedule(modules, changes, parallel=parallel)
    running: list[int] = []
    enabled: set[str] = set()
    ended: list[int] = []
    while True:
        for pos in plan.begin():
            running.append(pos)
            _check_begin([changes[p] for p in running], registry, enabled)
        assert len(running) <= parallel
        if not running:
            break
        pos = running.pop(data.draw(st.integers(0, len(running) - 1)))
        ended.append(pos)
        if pos in failing:
            ended += plan.failed(pos)
        else:
            plan.finished(pos)
            enabled = set(apply(enabled, [changes[pos]]))
    assert sorted(ended) == list(range(len(changes)))
    assert plan.idle
    assert plan.left == ()
    assert failing or enabled == apply((), changes)


def _check_begin(running: Sequence[Change], registry: Registry, enabled: Collection[str]) -> None:
    summaries = [m for c in running if (m := registry.get(c.id)) is not None and c.action is Action.ENABLE]
    bag = EnabledModules(m for i in enabled if (m := registry.get(i)) is not None)
    if len(running) > 1:
        assert bag.first_unmet(summaries[-1]) is None
        assert not any(m.exclusive for m in summaries)


def test_the_platform_takes_little_longer_than_its_longest_chain() -> None:
    documents = read_shared("bench/platform.json")
    modules = [ModuleDescriptor.parse(d).summary() for d in documents]
    registry = Registry(modules)
    provider = {i.id: m.id for m in modules for i in m.provides if i.regular}
    seconds = {
        m.id: 0.2 + zlib.crc32(m.id.encode()) % 1800 / 1000
        for m in modules
        if any(i.id == "_tenant" for i in m.provides)
    }
    needs = {m.id: {provider[r.id] for r in m.requires + m.optional if r.id in provider} - {m.id} for m in modules}
    changes = resolve(registry, [], enable(*needs), OPTIONS)
    plan = Schedule(changes, (), registry.get, [], dep_check=True, parallel=1000)
    assert _makespan(plan, changes, seconds) / _longest(needs, seconds) < 1.2


def _makespan(plan: Schedule, changes: Sequence[Change], seconds: dict[str, float]) -> float:
    now, running = 0.0, set[tuple[float, int]]()
    while True:
        running |= {(now + seconds.get(changes[pos].id, 0.0), pos) for pos in plan.begin()}
        if not running:
            return now
        first = min(running)
        running.remove(first)
        now = first[0]
        plan.finished(first[1])


def _longest(needs: dict[str, set[str]], seconds: dict[str, float]) -> float:
    done: dict[str, float] = {}

    def finish(ident: str) -> float:
        if ident not in done:
            done[ident] = 0.0
            done[ident] = seconds.get(ident, 0.0) + max(map(finish, needs[ident]), default=0.0)
        return done[ident]

    return max(map(finish, needs))
