"""The layered layout of the dependency graph, by properties that every drawing has."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from okapi_install.web.page.layering import Edge, Layout, layered

NODES = st.integers(min_value=0, max_value=14)
EDGES = st.lists(st.tuples(NODES, NODES), max_size=40)


def forward(edges: list[Edge]) -> list[Edge]:
    return [(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]]


def overlaps(layout: Layout) -> bool:
    columns: dict[int, list[float]] = {}
    for place in layout.places.values():
        columns.setdefault(place.layer, []).append(place.across)
    return any(later - sooner < 0.98 for column in columns.values() for sooner, later in pairwise(sorted(column)))


@given(EDGES)
def test_what_waits_stands_in_a_later_layer_than_what_it_waits_for(edges: list[Edge]) -> None:
    acyclic = forward(edges)
    places = layered(range(15), acyclic).places
    assert all(places[before].layer < places[later].layer for before, later in acyclic)


@given(EDGES)
def test_no_node_covers_another_whatever_the_graph(edges: list[Edge]) -> None:
    assert not overlaps(layered(range(15), edges))


@given(EDGES)
def test_everything_lies_within_the_drawing(edges: list[Edge]) -> None:
    layout = layered(range(15), edges)
    points = [*layout.places.values(), *(place for route in layout.routes.values() for place in route)]
    assert all(0 <= place.layer < layout.layers and 0 <= place.across <= layout.breadth for place in points)


@given(EDGES)
def test_the_same_graph_in_another_order_gets_the_same_drawing(edges: list[Edge]) -> None:
    assert layered(range(15), edges) == layered(range(15), edges[::-1])


@given(EDGES)
def test_an_edge_passes_every_layer_between_its_ends(edges: list[Edge]) -> None:
    for route in layered(range(15), forward(edges)).routes.values():
        assert [place.layer for place in route] == list(range(route[0].layer, route[-1].layer + 1))


def test_a_cycle_is_cut_and_does_not_hang() -> None:
    layout = layered(range(300), [(n, (n + 1) % 300) for n in range(300)])
    assert layout.places[0].layer == 0
    assert layout.places[299].layer == 299
    assert layout.routes[299, 0][0] == layout.places[299]


def test_edges_to_oneself_and_to_strangers_are_left_out() -> None:
    assert layered([1, 2], [(1, 1), (1, 7), (1, 2)]).routes.keys() == {(1, 2)}


def test_nothing_is_drawn_of_nothing() -> None:
    assert layered([], []) == Layout(places={}, routes={}, layers=0, breadth=0.0)


def test_two_pairs_do_not_cross() -> None:
    places = layered(range(4), [(0, 3), (1, 2)]).places
    assert (places[0].across < places[1].across) == (places[3].across < places[2].across)
