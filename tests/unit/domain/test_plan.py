"""What is enabled after a plan, and why a step waits for another."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.planning.graph import ancestors, reduced
from okapi_install.domain.planning.schedule import apply, digest, edges
from okapi_install.domain.registry.registry import Registry
from tests.unit.domain.registries import disable, enable, module

CHAIN = Registry(
    [
        module("a-1.0.0", ["ia 1.0"]),
        module("a-2.0.0", ["ia 2.0"]),
        module("b-1.0.0", ["ib 1.0"], ["ia 1.0 2.0"]),
        module("c-1.0.0", [], ["ib 1.0", "ia 1.0 2.0"]),
        module("n-1.0.0", ["ia 1.0"], replaces=["a"]),
    ]
)


def edges_of(changes: Sequence[Change], *enabled: str) -> tuple[tuple[int, int], ...]:
    return edges(changes, CHAIN.get, enabled)


def test_a_digest_tells_sets_apart_and_nothing_else() -> None:
    assert digest(["a", "b"]) == digest(("b", "a", "b")) != digest(["ab"])
    assert digest([]) == digest(())


def test_a_plan_changes_what_is_enabled() -> None:
    changes = (Change(id="a-2.0.0", from_id="a-1.0.0"), *enable("b-1.0.0"), *disable("c-1.0.0"))
    ignored = (Change(id="x-1.0.0", action=Action.UPTODATE), Change(id="y-1.0.0", action=Action.SUGGEST))
    assert apply(["a-1.0.0", "c-1.0.0", "d-1.0.0"], changes + ignored) == {"a-2.0.0", "b-1.0.0", "d-1.0.0"}


def test_a_step_waits_for_what_it_requires_and_what_follows_is_left_out() -> None:
    assert edges_of(enable("a-1.0.0", "b-1.0.0", "c-1.0.0")) == ((0, 1), (1, 2))


def test_a_step_does_not_wait_for_what_is_there() -> None:
    assert edges_of(enable("a-2.0.0", "b-1.0.0", "c-1.0.0"), "a-1.0.0") == ((1, 2),)


def test_a_disable_waits_for_those_that_need_the_module() -> None:
    assert edges_of(disable("c-1.0.0", "b-1.0.0", "a-1.0.0"), "a-1.0.0", "b-1.0.0", "c-1.0.0") == ((0, 1), (1, 2))


def test_a_disable_waits_for_what_replaces_the_module() -> None:
    assert edges_of((*enable("n-1.0.0"), *disable("a-1.0.0")), "a-1.0.0", "b-1.0.0") == ((0, 1),)


def test_a_module_is_enabled_again_after_it_was_disabled() -> None:
    assert edges_of((*disable("a-1.0.0"), *enable("a-1.0.0")), "a-1.0.0") == ((0, 1),)


def test_unknown_modules_wait_for_nothing() -> None:
    assert edges_of((*enable("x-1.0.0"), *disable("y-1.0.0"))) == ()


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda e: e[0] < e[1])))
def test_fewer_edges_say_the_same(some: set[tuple[int, int]]) -> None:
    fewer = reduced(8, some)
    assert set(fewer) <= some
    assert ancestors(8, fewer) == ancestors(8, some)
    for edge in fewer:
        assert ancestors(8, set(fewer) - {edge}) != ancestors(8, some)
