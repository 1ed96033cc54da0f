"""Finds solutions of a wish with a solver: the best first, then the newest for an upgrade, then those that choose other
providers; or, where there are none, what of the wish cannot be together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from okapi_install.domain.errors import OkapiInstallError, Unresolvable
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.solutions.candidates import candidates, gateway
from okapi_install.domain.solutions.conflicts import Conflict, conflict_of, needs_of
from okapi_install.domain.solutions.facts import Fact, Term, facts
from okapi_install.domain.solutions.solution import Solution, SolutionMaker
from okapi_install.domain.solutions.wish import Target, Wish


class Goal(StrEnum):
    """Which solution is the best: a program of folio.lp."""

    LEAST = "least"
    NEWEST = "newest"


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What a solver found: the modules, the chosen providers (interface, product), how many products are removed.

    `costs` are those of the goal, the most important first. `proven` is false if the time was up before it was known
    that there is nothing better.
    """

    modules: frozenset[str]
    choices: tuple[tuple[str, str], ...]
    removed: int
    costs: tuple[int, ...] = ()
    proven: bool = True

    @property
    def order(self) -> tuple[object, ...]:
        """Sorts models of one goal: the best first, those that are as good by the names of the chosen providers."""
        return self.costs, self.choices


class OutOfTime(OkapiInstallError):
    """The solver found nothing in its time, and does not know whether there is something."""

    code = "out_of_time"

    def __init__(self) -> None:
        super().__init__("The solver has found nothing in its time")


class Search(Protocol):
    """One program and its facts, which may be asked for one model after another."""

    def best(self) -> Model | None:
        """The best model; None if there is none. Raises OutOfTime."""

    def exclude(self, model: Model) -> None:
        """From now on only models that make other choices and remove no more."""


class Solver(Protocol):
    """An answer set solver with the rules of folio.lp."""

    def search(self, told: Sequence[Fact], goal: Goal) -> Search:
        """Begins to look for models."""

    def conflict(self, told: Sequence[Fact]) -> frozenset[Term]:
        """The smallest set of what the facts `ask` for that cannot be together, empty if all can. Raises OutOfTime."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """Solutions, best first; or the conflict because of which there are none. `complete`: there was time for all."""

    solutions: tuple[Solution, ...] = ()
    conflict: Conflict | None = None
    complete: bool = True


def find(registry: Registry, wish: Wish, solver: Solver, most: int) -> Findings:
    """At most `most` solutions of a wish. Raises UserError if an id of it cannot be read."""
    index = registry.index
    target = Target.of(index, wish)
    found, always = candidates(index, target), gateway(index)
    told = list(facts(index, target, found, always))
    try:
        models = _models(told, target, solver, most)
        if not models:
            return Findings(conflict=_conflict(registry, target, solver))
    except OutOfTime:
        return Findings(complete=False)
    solutions = tuple(_made(SolutionMaker(registry, wish, target, found), models))
    return Findings(solutions=solutions, complete=all(s.best for s in solutions))


def _models(told: Sequence[Fact], target: Target, solver: Solver, most: int) -> list[Model]:
    least = solver.search(told, Goal.LEAST)
    first = least.best()
    if first is None:
        return []
    newest = _in_time(solver.search(told, Goal.NEWEST)) if target.upgrade and most > 1 else None
    extra = [newest] if newest is not None and newest.modules != first.modules else []
    models: list[Model] = [first]
    other: Model | None = first
    while len(models) + len(extra) < most and other is not None and other.proven and other.choices:
        least.exclude(other)
        other = _in_time(least)
        models += [other] if other is not None else []
    best, *others = sorted(models, key=lambda model: model.order)
    return [best, *extra, *others]


def _in_time(search: Search) -> Model | None:
    try:
        return search.best()
    except OutOfTime:
        return None


def _made(maker: SolutionMaker, models: Sequence[Model]) -> Iterator[Solution]:
    for model in models:
        try:
            yield maker.solution(model.modules, model.choices, best=model.proven)
        except Unresolvable:
            continue


def _conflict(registry: Registry, target: Target, solver: Solver) -> Conflict:
    index = registry.index
    found, always = candidates(index, target, strict=False), gateway(index)
    asks = solver.conflict(list(facts(index, target, found, always)))
    needs = needs_of(index, target, asks)
    deeper = solver.conflict(list(facts(index, target, found, always, sorted(needs)))) if needs else frozenset()
    return conflict_of(index, target, asks, deeper)
