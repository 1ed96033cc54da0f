"""A plan being carried out: what is enabled after it, why a step waits for another, and what may run when.

It knows nothing of calls, times of day or stores: those who carry steps out tell it what has finished.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.planning.enabled import EnabledModules, provides
from okapi_install.domain.planning.frontier import Frontier, Lookup
from okapi_install.domain.planning.graph import PlanGraph, longest_chains, reduced, with_wishes


def digest(enabled: Iterable[str]) -> str:
    """A short text that is the same for the same set of module ids, in every process."""
    return hashlib.sha256("\n".join(sorted(set(enabled))).encode()).hexdigest()[:16]


def apply(enabled: Iterable[str], changes: Iterable[Change]) -> frozenset[str]:
    """What is enabled after the changes."""
    result = set(enabled)
    for change in changes:
        if change.action is Action.ENABLE:
            result.discard(change.from_id or "")
            result.add(change.id)
        elif change.action is Action.DISABLE:
            result.discard(change.id)
    return frozenset(result)


def edges(changes: Sequence[Change], registry_get: Lookup, enabled: Collection[str]) -> tuple[tuple[int, int], ...]:
    """Pairs of positions (before, after): the step waits for the one before; what follows from others is left out."""
    return reduced(len(changes), PlanGraph(changes, registry_get, enabled).needs())


class Schedule:
    """What may run when.

    With `parallel` 1 the first step of the plan that may begin does, one at a time (Okapi: jobRunPending). Above 1
    the one with the longest chain of dependents goes first, and a step waits also for what is optional to its
    module, where that is possible. A module that must run alone does: when it is the next, nothing else begins
    before it. If nothing may begin and nothing runs, the first step that is left begins: the plan has it at a
    place where that is right.
    """

    def __init__(
        self,
        changes: Sequence[Change],
        done: Collection[int],
        modules: Lookup | Mapping[str, ModuleSummary],
        enabled: Collection[str],
        *,
        dep_check: bool,
        parallel: int,
        seconds: Mapping[int, float] | None = None,
    ) -> None:
        """`done` are positions whose change is in `enabled` already, `seconds` expected durations by position."""
        self._changes = changes
        self._lookup = modules if callable(modules) else modules.get
        self._parallel = max(1, parallel)
        self._left = {pos for pos in range(len(changes)) if pos not in done}
        self._running: set[int] = set()
        self._stopped = False
        self._failed: set[int] = set()
        self._enabled = EnabledModules(m for i in set(enabled) if (m := self._lookup(i)) is not None)
        self._frontier = Frontier(changes, self._lookup, self._enabled, left=self._left, check=dep_check)
        self._wishes: dict[int, set[int]] = defaultdict(set)
        self._chains: dict[int, float] = {}
        if self._parallel > 1:
            self._weigh(enabled, seconds or {})

    @property
    def idle(self) -> bool:
        """Whether nothing is running."""
        return not self._running

    @property
    def left(self) -> tuple[int, ...]:
        """Positions that have not begun and were not given up."""
        return tuple(sorted(self._left))

    def begin(self) -> list[int]:
        """Positions that begin now; they count as running from now on."""
        if self._stopped or not self._left or len(self._running) >= self._parallel or self._alone(self._running):
            return []
        begun = self._next_in_turn() if self._parallel == 1 else self._next_by_chain()
        if not begun and not self._running:
            begun = [min(self._frontier.ready(), key=self._rank, default=min(self._left))]
            self._start(begun[0])
        return begun

    def finished(self, pos: int) -> None:
        """A step is done: its change counts."""
        self._running.discard(pos)
        self._left.discard(pos)
        self._frontier.made(pos)
        self._grant(pos)

    def failed(self, pos: int) -> list[int]:
        """A step has failed, and the job goes on: positions that can never run for that; they are given up."""
        self._running.discard(pos)
        self._failed.add(pos)
        self._give_up(pos)
        hopeless = lost(self._changes, self._lookup, self._enabled, self._failed, self._left, self._running)
        self._failed.update(hopeless)
        for each in hopeless:
            self._give_up(each)
        return hopeless

    def stop(self) -> None:
        """Nothing new begins."""
        self._stopped = True

    def _weigh(self, enabled: Collection[str], seconds: Mapping[int, float]) -> None:
        graph = PlanGraph(self._changes, self._lookup, enabled)
        needs = graph.needs()
        granted, order = with_wishes(len(self._changes), needs, graph.wishes())
        for before, after in granted:
            if before in self._left:
                self._wishes[after].add(before)
        works = {p: 0.0 if self._idles(p) else seconds.get(p, 1.0) for p in order}
        self._chains = longest_chains(order, [*needs, *granted], works)

    def _next_in_turn(self) -> list[int]:
        pos = self._frontier.first()
        if pos is None:
            return []
        self._start(pos)
        return [pos]

    def _next_by_chain(self) -> list[int]:
        begun: list[int] = []
        for pos in sorted(self._frontier.ready(), key=self._rank):
            if self._wishes.get(pos):
                continue
            if len(self._running) >= self._parallel or self._alone(self._running):
                break
            if self._running and self._alone([pos]):
                break  # it goes next, when what runs has finished: else it would starve
            self._start(pos)
            begun.append(pos)
        return begun

    def _rank(self, pos: int) -> tuple[bool, float, int]:
        return not self._idles(pos), -self._chains.get(pos, 0.0), pos

    def _start(self, pos: int) -> None:
        self._left.discard(pos)
        self._running.add(pos)
        self._frontier.take(pos)

    def _give_up(self, pos: int) -> None:
        self._left.discard(pos)
        self._frontier.over(pos)
        self._grant(pos)

    def _grant(self, pos: int) -> None:
        for waiting in self._wishes.values():
            waiting.discard(pos)

    def _idles(self, pos: int) -> bool:
        return self._changes[pos].action not in (Action.ENABLE, Action.DISABLE)

    def _alone(self, positions: Collection[int]) -> bool:
        """Whether one of them must run alone."""
        modules = (self._lookup(self._changes[p].id) for p in positions if not self._idles(p))
        return any(m is not None and m.exclusive for m in modules)


def lost(
    changes: Sequence[Change],
    lookup: Lookup,
    enabled: EnabledModules,
    failed: Collection[int],
    left: Collection[int],
    running: Collection[int],
) -> list[int]:
    """Of the positions left those that need what a failed step, or another lost one, should have done.

    An enable is lost if nothing that is enabled or still to come provides what it requires, and a failed step
    would have. A disable is lost if a module that a failed step should have taken away still requires it.
    """
    gone = set(failed)
    hopeful = set(left)
    while True:
        found = [p for p in sorted(hopeful) if _is_lost(changes, lookup, enabled, gone, hopeful | set(running), p)]
        if not found:
            return sorted(gone - set(failed))
        gone.update(found)
        hopeful.difference_update(found)


def _is_lost(
    changes: Sequence[Change],
    lookup: Lookup,
    enabled: EnabledModules,
    gone: Collection[int],
    to_come: Collection[int],
    pos: int,
) -> bool:
    change = changes[pos]
    module = lookup(change.id)
    if module is None:
        return False
    if change.action is Action.ENABLE:
        missing = [r for r in module.requires if not enabled.offers(r) and not provides(module, r)]
        hoped = list(_modules(changes, lookup, set(to_come) - {pos})) if missing else []
        wanted = [r for r in missing if not any(provides(m, r) for m in hoped)]
        return any(provides(m, r) for r in wanted for m in _modules(changes, lookup, gone))
    if change.action is Action.DISABLE:
        rest = _without(enabled, _leaving(changes, to_come))
        return (
            rest.first_needed(module) is not None
            and _without(rest, _leaving(changes, gone)).first_needed(module) is None
        )
    return False


def _modules(changes: Sequence[Change], lookup: Lookup, positions: Iterable[int]) -> Iterator[ModuleSummary]:
    for pos in positions:
        module = lookup(changes[pos].id) if changes[pos].action is Action.ENABLE else None
        if module is not None:
            yield module


def _leaving(changes: Sequence[Change], positions: Iterable[int]) -> Iterator[str]:
    for pos in positions:
        change = changes[pos]
        if change.action is Action.DISABLE:
            yield change.id
        elif change.action is Action.ENABLE and change.from_id is not None:
            yield change.from_id


def _without(enabled: EnabledModules, module_ids: Iterable[str]) -> EnabledModules:
    result = enabled.copy()
    for module_id in module_ids:
        result.remove(module_id)
    return result
