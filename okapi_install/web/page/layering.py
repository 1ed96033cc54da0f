"""A layered layout of a graph of steps: the places of its nodes and the routes of its edges.

Layers are counted from nodes without predecessors (longest path); within a layer the order comes from barycentres, as
Sugiyama, Tagawa and Toda describe it. Nothing here knows of pixels or of what the nodes stand for. The same graph
always gets the same drawing.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Edge = tuple[int, int]
_Layers = list[list[int]]

_SWEEPS = 8
_BEND_HEIGHT = 0.4
"""How much of a node's height an edge takes where it passes through a layer."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands: its layer from 0, and its middle across the layer, in heights of a node."""

    layer: int
    across: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A drawing without pixels. `routes` holds for each edge the places that it runs through, both ends included."""

    places: Mapping[int, Place]
    routes: Mapping[Edge, tuple[Place, ...]]
    layers: int
    breadth: float


def layered(nodes: Sequence[int], edges: Iterable[Edge]) -> Layout:
    """The layout of a graph. Edges to unknown nodes and to oneself are left out; cycles are cut where they close."""
    known = set(nodes)
    kept = sorted({(a, b) for a, b in edges if a in known and b in known and a != b})
    depth = _depths(nodes, kept)
    graph = _Layered(nodes, kept, depth)
    across = graph.across(graph.ordered())
    places = {node: Place(depth[node], across[node]) for node in nodes}
    routes = {edge: _route(edge, bends, places, across) for edge, bends in graph.bends.items()}
    breadth = max((place.across for place in places.values()), default=-0.5) + 0.5
    lowest = max((p.across for route in routes.values() for p in route), default=0.0)
    return Layout(
        places=places,
        routes=routes,
        layers=max(depth.values(), default=-1) + 1,
        breadth=max(breadth, lowest + _BEND_HEIGHT / 2 if routes else 0.0),
    )


def _route(
    edge: Edge, bends: Sequence[int], places: Mapping[int, Place], across: Mapping[int, float]
) -> tuple[Place, ...]:
    begin, end = places[edge[0]], places[edge[1]]
    middle = (Place(begin.layer + number, across[bend]) for number, bend in enumerate(bends, 1))
    return (begin, *middle, end)


def _depths(nodes: Sequence[int], edges: Sequence[Edge]) -> dict[int, int]:
    """The longest path to each node. Where only cycles are left, their least node goes first."""
    after: defaultdict[int, list[int]] = defaultdict(list)
    waits = dict.fromkeys(nodes, 0)
    for before, later in edges:
        after[before].append(later)
        waits[later] += 1
    depth: dict[int, int] = {}
    reached = dict.fromkeys(nodes, 0)
    free = [node for node in nodes if waits[node] == 0]
    heapq.heapify(free)
    left = sorted(nodes, reverse=True)
    while len(depth) < len(waits):
        node = heapq.heappop(free) if free else _next_unplaced(left, depth)
        if node in depth:
            continue
        depth[node] = reached[node]
        for later in after[node]:
            waits[later] -= 1
            if later not in depth:
                reached[later] = max(reached[later], depth[node] + 1)
            if waits[later] == 0 and later not in depth:
                heapq.heappush(free, later)
    return depth


def _next_unplaced(left: list[int], depth: Mapping[int, int]) -> int:
    while left[-1] in depth:
        left.pop()
    return left[-1]


class _Layered:
    """The graph with a bend (a negative number) wherever an edge passes through a layer."""

    def __init__(self, nodes: Sequence[int], edges: Sequence[Edge], depth: Mapping[int, int]) -> None:
        self.bends: dict[Edge, tuple[int, ...]] = {}
        self._layers: _Layers = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        self._before: defaultdict[int, list[int]] = defaultdict(list)
        self._after: defaultdict[int, list[int]] = defaultdict(list)
        for node in sorted(nodes):
            self._layers[depth[node]].append(node)
        number = 0
        for edge in edges:
            begin, end = depth[edge[0]], depth[edge[1]]
            bends = tuple(-(number + n) for n in range(1, max(end - begin, 1)))
            number += len(bends)
            self.bends[edge] = bends
            if end > begin:
                self._connect(edge, bends, begin)

    def _connect(self, edge: Edge, bends: Sequence[int], begin: int) -> None:
        chain = [edge[0], *bends, edge[1]]
        for layer, bend in enumerate(bends, begin + 1):
            self._layers[layer].append(bend)
        for here, there in pairwise(chain):
            self._after[here].append(there)
            self._before[there].append(here)

    def ordered(self) -> _Layers:
        """The layers in the order with the fewest crossings that some sweeps find."""
        layers = [list(layer) for layer in self._layers]
        best, fewest = [list(layer) for layer in layers], self._crossings(layers)
        for sweep in range(_SWEEPS):
            if fewest == 0:
                break
            self._sweep(layers, down=sweep % 2 == 0)
            found = self._crossings(layers)
            if found < fewest:
                best, fewest = [list(layer) for layer in layers], found
        return best

    def _sweep(self, layers: _Layers, *, down: bool) -> None:
        neighbours = self._before if down else self._after
        for fixed, moved in pairwise(layers if down else layers[::-1]):
            rank = {node: place for place, node in enumerate(fixed)}
            here = {node: place for place, node in enumerate(moved)}
            scale = len(fixed) / max(len(moved), 1)
            weight = {node: _mean([rank[n] for n in neighbours[node]], here[node] * scale) for node in moved}
            moved[:] = sorted(moved, key=lambda node: (weight[node], here[node]))

    def _crossings(self, layers: _Layers) -> int:
        count = 0
        for upper, lower in pairwise(layers):
            rank = {node: place for place, node in enumerate(lower)}
            seen: list[int] = []
            for node in upper:
                ends = sorted(rank[later] for later in self._after[node])
                count += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return count

    def across(self, layers: _Layers) -> dict[int, float]:
        """Where each stands across its layer: near its neighbours, in the order of the layer, none on another."""
        found: dict[int, float] = {}
        for layer in layers:
            found.update(_spread(layer, dict.fromkeys(layer, 0.0)))
        for neighbours, order in ((self._before, layers), (self._after, layers[::-1]), (self._before, layers)):
            for layer in order:
                wish = {node: _mean([found[n] for n in neighbours[node]], found[node]) for node in layer}
                found.update(_spread(layer, wish))
        top = min((found[node] - _height(node) / 2 for layer in layers for node in layer), default=0.0)
        return {node: round(place - top, 2) for node, place in found.items()}


def _spread(layer: Sequence[int], wish: Mapping[int, float]) -> dict[int, float]:
    """Places in that order, without overlaps, whose mean is that of the wishes."""
    found: dict[int, float] = {}
    edge = float("-inf")
    for node in layer:
        half = _height(node) / 2
        found[node] = max(wish[node], edge + half)
        edge = found[node] + half
    pushed = _mean([found[node] - wish[node] for node in layer], 0.0)
    return {node: place - pushed for node, place in found.items()}


def _height(node: int) -> float:
    return _BEND_HEIGHT if node < 0 else 1.0


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
