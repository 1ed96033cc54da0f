"""The solver in a process of its own: it answers as the one in this process does, is bounded, and leaves."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator

import psutil
import pytest

from okapi_install.adapters.solver.process import SolverProcess
from okapi_install.domain.errors import UserError
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.solutions.search import Findings
from okapi_install.domain.solutions.wish import Wish
from tests.fakes.inline_solver import InlineSolver
from tests.unit.domain.registries import enable, module

REGISTRY = Registry(
    [
        module("ui-1.0.0", [], ["login 1.0"]),
        module("mod-login-1.0.0", ["login 1.0"]),
        module("mod-keycloak-1.0.0", ["login 1.0"], ["users 1.0"]),
        module("mod-users-1.0.0", ["users 1.0"]),
        module("mod-\"quoted\\\n'-1.0.0", ["odd 1.0"]),
    ]
)
WISH = Wish(enabled=frozenset(["mod-users-1.0.0"]), request=enable("ui"))


@pytest.fixture
def solver() -> Iterator[SolverProcess]:
    made = SolverProcess(seconds=60.0, grace=60.0)
    yield made
    made.close()


def children() -> list[psutil.Process]:
    return [c for c in psutil.Process().children() if "okapi_install.adapters.solver" in c.cmdline()]


@pytest.mark.parametrize(
    "wish",
    [
        WISH,
        Wish(enabled=frozenset(), request=None),
        Wish(enabled=frozenset(), request=enable("ui", "nothing"), keep=("mod-login",), prefer=("mod-keycloak",)),
        Wish(enabled=frozenset(), request=enable("mod-\"quoted\\\n'")),
    ],
)
def test_it_finds_what_the_solver_in_this_process_finds(solver: SolverProcess, wish: Wish) -> None:
    assert solver.find(REGISTRY, wish, 3) == InlineSolver().find(REGISTRY, wish, 3)


def test_it_learns_of_a_change_of_the_registry(solver: SolverProcess) -> None:
    registry = Registry([module("ui-1.0.0")])
    assert solver.find(registry, Wish(enabled=frozenset(), request=enable("mod-users")), 1).solutions == ()
    registry.apply([("mod-users-2.0.0", module("mod-users-2.0.0"))])
    (solution,) = solver.find(registry, Wish(enabled=frozenset(), request=enable("mod-users")), 1).solutions
    assert [c.id for c in solution.request] == ["mod-users-2.0.0"]


def test_many_threads_share_one_process(solver: SolverProcess) -> None:
    found: list[Findings] = []
    threads = [threading.Thread(target=lambda: found.append(solver.find(REGISTRY, WISH, 3))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(map(repr, found))) == 1
    assert len(children()) == 1


def test_after_the_loss_of_its_process_it_starts_another_one(solver: SolverProcess) -> None:
    before = solver.find(REGISTRY, WISH, 3)
    (child,) = children()
    child.kill()
    assert solver.find(REGISTRY, WISH, 3) == before
    assert [c.pid for c in children()] != [child.pid]


def test_a_solver_that_does_not_answer_is_ended_and_its_request_gets_no_solutions() -> None:
    solver = SolverProcess(seconds=0.2, grace=60.0)
    try:
        solver.find(REGISTRY, WISH, 3)
        (child,) = children()
        os.kill(child.pid, signal.SIGSTOP)
        solver._grace = 0.3
        assert solver.find(REGISTRY, WISH, 3) == Findings(complete=False)
        assert children() == []
    finally:
        solver.close()


def test_without_time_nothing_is_offered_and_that_is_said() -> None:
    solver = SolverProcess(seconds=0.0, grace=60.0)
    try:
        assert solver.find(REGISTRY, WISH, 3) == Findings(complete=False)
    finally:
        solver.close()


def hard_registry(size: int) -> Registry:
    """Products whose newer versions exclude each other at random: which of them go together is a hard question."""
    chance = random.Random(7)
    pairs = [(a, b) for a in range(size) for b in range(a) if chance.random() < 0.3]
    newer = [module(f"p{n}-2.0.0", [f"i{a}x{b} 1.0" for a, b in pairs if n in (a, b)]) for n in range(size)]
    return Registry([*newer, *(module(f"p{n}-1.0.0") for n in range(size))])


def test_when_the_time_is_up_the_best_so_far_is_given_and_said_to_be_that() -> None:
    size = 200
    wish = Wish(enabled=frozenset(f"p{n}-1.0.0" for n in range(size)), request=None)
    found = InlineSolver(seconds=12.0).find(hard_registry(size), wish, 1)
    (solution,) = found.solutions
    assert (solution.removed, solution.best, found.complete) == ((), False, False)
    assert len(solution.changed) < size


def test_an_id_that_cannot_be_read_is_refused(solver: SolverProcess) -> None:
    with pytest.raises(UserError, match="invalid semver"):
        solver.find(REGISTRY, Wish(enabled=frozenset(), request=enable("ui"), keep=("mod-users-1.0.0x",)), 3)


def test_an_idle_process_ends_and_gives_its_memory_back_and_the_next_wish_starts_another() -> None:
    solver = SolverProcess(seconds=60.0, grace=60.0, idle=0.5)
    try:
        before = solver.find(REGISTRY, WISH, 3)
        assert solver._child is not None
        assert solver._child._process.wait(timeout=30) == 0
        assert solver.find(REGISTRY, WISH, 3) == before
    finally:
        solver.close()


def test_the_process_ends_when_nobody_is_there_to_ask_it(solver: SolverProcess) -> None:
    solver.find(REGISTRY, WISH, 3)
    (child,) = children()
    assert solver._child is not None
    solver._child._input.close()
    assert child.wait(timeout=30) == 0
