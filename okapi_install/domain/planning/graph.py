"""The dependencies between the steps of a plan, as a graph over their positions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.planning.enabled import EnabledModules, provides
from okapi_install.domain.planning.frontier import Lookup

Edge = tuple[int, int]
"""Positions (before, after)."""


class PlanGraph:
    """The dependencies between the steps of a plan, given the modules enabled before it starts.

    All edges lead forward. Dependencies that a plan cannot respect (circular requirements) are left out.
    """

    def __init__(self, changes: Sequence[Change], lookup: Lookup, enabled: Collection[str]) -> None:
        self._changes = changes
        self._lookup = lookup
        self._known = [m for i in enabled if (m := lookup(i)) is not None]
        self._enabled = EnabledModules(self._known)
        self._coming: defaultdict[str, list[tuple[int, ModuleSummary]]] = defaultdict(list)
        self._going: dict[str, int] = {}
        for pos, change in enumerate(changes):
            self._note(pos, change)

    def needs(self) -> set[Edge]:
        """The edges from each step to those that must wait for it."""
        return {(b, a) for a, change in enumerate(self._changes) for b in self._before(a, change) if b < a}

    def wishes(self) -> list[Edge]:
        """The edges from steps that provide an optional interface to those that use it; forward edges first."""
        edges = {
            (b, a)
            for a, module in self._steps(Action.ENABLE)
            for b in self._providers(a, module.optional, self._old(a))
        }
        return sorted(edges, key=lambda e: (e[0] > e[1], e))

    def _note(self, pos: int, change: Change) -> None:
        module = self._lookup(change.id)
        if change.action is Action.ENABLE and module is not None:
            for ident in {i.id for i in module.provides if i.regular}:
                self._coming[ident].append((pos, module))
            if change.from_id is not None:
                self._going[change.from_id] = pos
        elif change.action is Action.DISABLE:
            self._going[change.id] = pos

    def _steps(self, action: Action) -> Iterator[tuple[int, ModuleSummary]]:
        for pos, change in enumerate(self._changes):
            module = self._lookup(change.id) if change.action is action else None
            if module is not None:
                yield pos, module

    def _before(self, pos: int, change: Change) -> Iterator[int]:
        module = self._lookup(change.id)
        if module is None:
            return
        if change.action is Action.ENABLE:
            yield from self._providers(pos, module.requires, self._old(pos))
        elif change.action is Action.DISABLE and self._enabled.first_needed(module) is not None:
            yield from self._releasing(module)
        if change.action is Action.ENABLE and self._going.get(change.id, pos) < pos:
            yield self._going[change.id]

    def _old(self, pos: int) -> ModuleSummary | None:
        leaving = self._changes[pos].from_id
        return self._lookup(leaving) if leaving is not None and leaving in self._enabled else None

    def _providers(self, pos: int, wanted: Iterable[InterfaceRef], leaving: ModuleSummary | None) -> Iterator[int]:
        for interface in wanted:
            if not self._enabled.offers(interface, leaving):
                coming = self._coming.get(interface.id, ())
                yield from (p for p, module in coming if p != pos and provides(module, interface))

    def _releasing(self, module: ModuleSummary) -> Iterator[int]:
        """The steps that disable a module that requires this one, or enable one that replaces it."""
        for user in self._known:
            if user.id in self._going and any(provides(module, r) for r in user.requires):
                yield self._going[user.id]
        for pos, coming in self._steps(Action.ENABLE):
            if module.product in coming.replaces:
                yield pos


def ancestors(count: int, edges: Iterable[Edge]) -> list[int]:
    """For each position a bit set of all positions that it depends on. The edges must lead forward."""
    before: list[list[int]] = [[] for _ in range(count)]
    for b, a in edges:
        before[a].append(b)
    bits = [0] * count
    for a in range(count):
        for b in before[a]:
            bits[a] |= bits[b] | 1 << b
    return bits


def reduced(count: int, edges: Collection[Edge]) -> tuple[Edge, ...]:
    """The edges without those that follow from others (transitive reduction). The edges must lead forward."""
    bits = ancestors(count, edges)
    kept = []
    covered = [0] * count
    for b, a in sorted(edges, key=lambda e: (e[1], -e[0])):
        if not covered[a] >> b & 1:
            kept.append((b, a))
        covered[a] |= bits[b] | 1 << b
    return tuple(sorted(kept))


def with_wishes(count: int, needs: Collection[Edge], wishes: Iterable[Edge]) -> tuple[list[Edge], list[int]]:
    """The optional edges that can be added without a cycle, and an order of all positions that respects them."""
    bits = ancestors(count, needs)
    granted = []
    for b, a in wishes:
        if b == a or bits[b] >> a & 1:
            continue
        granted.append((b, a))
        new = bits[b] | 1 << b
        bits = [x | new if v == a or x >> a & 1 else x for v, x in enumerate(bits)]
    return granted, sorted(range(count), key=lambda v: (bits[v].bit_count(), v))


def longest_chains(order: Sequence[int], edges: Iterable[Edge], seconds: Mapping[int, float]) -> dict[int, float]:
    """The length in seconds of the longest chain that starts at each position. `order` is a topological order."""
    after: defaultdict[int, list[int]] = defaultdict(list)
    for b, a in edges:
        after[b].append(a)
    chains: dict[int, float] = {}
    for pos in reversed(order):
        chains[pos] = seconds.get(pos, 1.0) + max((chains[a] for a in after[pos]), default=0.0)
    return chains
