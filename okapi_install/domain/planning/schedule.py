"""The execution of a plan: which steps may start when, why a step waits for another, and what is enabled afterwards.

It knows nothing of module calls, clocks or stores. Whoever runs the steps reports to it which have finished.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from okapi_install.domain import recording_messages
from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.planning.enabled import EnabledModules, provides
from okapi_install.domain.planning.frontier import Frontier, Lookup
from okapi_install.domain.planning.graph import PlanGraph, longest_chains, reduced, with_wishes


def digest(enabled: Iterable[str]) -> str:
    """A short digest of a set of module ids, the same in every process."""
    return hashlib.sha256("\n".join(sorted(set(enabled))).encode()).hexdigest()[:16]


def apply(enabled: Iterable[str], changes: Iterable[Change]) -> frozenset[str]:
    """The ids of the modules that are enabled after the changes."""
    result = set(enabled)
    for change in changes:
        if change.action is Action.ENABLE:
            result.discard(change.from_id or "")
            result.add(change.id)
        elif change.action is Action.DISABLE:
            result.discard(change.id)
    return frozenset(result)


def edges(changes: Sequence[Change], registry_get: Lookup, enabled: Collection[str]) -> tuple[tuple[int, int], ...]:
    """Pairs of positions (before, after): the second waits for the first. Pairs that follow from others are omitted."""
    return reduced(len(changes), PlanGraph(changes, registry_get, enabled).needs())


class Schedule:
    """Decides which steps of a plan start when.

    With `parallel` 1, steps run one at a time, always the first of the plan that may start (Okapi: jobRunPending).
    Above 1, the step with the longest chain of dependents goes first, and a step also waits for modules that provide
    its optional interfaces, where that is possible. A module that must run alone does: once it is next, nothing else
    starts before it. If no step may start and none is running, the first remaining step starts, as the plan orders it.
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
        """`done` are the positions already applied to `enabled`; `seconds` are the expected durations by position."""
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
        """Whether no step is running."""
        return not self._running

    @property
    def left(self) -> tuple[int, ...]:
        """The positions that have not started and were not given up."""
        return tuple(sorted(self._left))

    def begin(self) -> list[int]:
        """The positions that start now. They count as running from now on."""
        if self._stopped or not self._left or len(self._running) >= self._parallel or self._alone(self._running):
            return []
        starting = self._next_in_turn() if self._parallel == 1 else self._next_by_chain()
        if not starting and not self._running:
            starting = [min(self._frontier.ready(), key=self._rank, default=min(self._left))]
            self._start(starting[0])
        return starting

    def finished(self, pos: int) -> None:
        """Records that a step has succeeded, and applies its change."""
        self._running.discard(pos)
        self._left.discard(pos)
        self._frontier.made(pos)
        self._grant(pos)

    def failed(self, pos: int) -> list[int]:
        """Records that a step has failed while the job continues. Returns the positions that it gives up."""
        self._running.discard(pos)
        self._failed.add(pos)
        self._give_up(pos)
        hopeless = lost(self._changes, self._lookup, self._enabled, self._failed, self._left, self._running)
        self._failed.update(hopeless)
        for each in hopeless:
            self._give_up(each)
        return hopeless

    def stop(self) -> None:
        """From now on no step starts."""
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
        starting: list[int] = []
        for pos in sorted(self._frontier.ready(), key=self._rank):
            if self._wishes.get(pos):
                continue
            if len(self._running) >= self._parallel or self._alone(self._running):
                break
            if self._running and self._alone([pos]):
                break  # it starts next, once the running steps have finished; else it would starve
            self._start(pos)
            starting.append(pos)
        return starting

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
        """Whether one of the steps must run alone."""
        modules = (self._lookup(self._changes[p].id) for p in positions if not self._idles(p))
        return any(m is not None and m.exclusive for m in modules)


def newly_unmet(
    changes: Iterable[Change], enabled: Iterable[str], to_come: Iterable[Change], gone: Iterable[str], lookup: Lookup
) -> list[str]:
    """What those changes require, and only a module provided that is `gone`; in words.

    `to_come` are all changes that are still to be made to `enabled`.
    """
    later = EnabledModules(m for i in apply(enabled, to_come) if (m := lookup(i)) is not None)
    lost = [m for i in gone if (m := lookup(i)) is not None]
    modules = [m for c in changes if c.action is Action.ENABLE and (m := lookup(c.id)) is not None]
    return [
        recording_messages.module_requires(module.id, required.id, required.version)
        for module in modules
        for required in module.requires
        if not later.offers(required) and any(provides(m, required) for m in lost)
    ]


def lost(
    changes: Sequence[Change],
    lookup: Lookup,
    enabled: EnabledModules,
    failed: Collection[int],
    left: Collection[int],
    running: Collection[int],
) -> list[int]:
    """The remaining positions that can never run, because they need a failed step or another lost one.

    An enable is lost if no enabled or remaining module provides what it requires, and a failed step would have. A
    disable is lost if a module that a failed step should have removed still requires it.
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
