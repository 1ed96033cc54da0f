"""The dependency graph of a job: layers of modules from left to right, each module in the colour of its state."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from markupsafe import Markup

from okapi_install.domain.jobs import Step
from okapi_install.domain.presentation.states import State
from okapi_install.service.jobs.snapshots import JobSummary
from okapi_install.web.page.layering import Edge, Layout, Place, layered
from okapi_install.web.page.svg import drawing, element, joined, shortened
from okapi_install.web.states import STYLES
from okapi_install.web.words import counted

_WIDTH, _HEIGHT = 232.0, 28.0
_GAP_X, _PITCH_Y, _MARGIN = 52.0, 36.0, 12.0
_MOST_CHARACTERS = 28


@lru_cache(maxsize=64)
def _layout(nodes: tuple[int, ...], edges: tuple[Edge, ...]) -> Layout:
    """Cached, because a job is drawn again at each change and its modules stay where they are."""
    return layered(nodes, edges)


def graph_svg(summary: JobSummary) -> Markup:
    """The picture as SVG, with a group `data-pos` for each module."""
    job = summary.job
    layout = _layout(tuple(step.pos for step in job.steps), job.edges)
    width = 2 * _MARGIN + max(layout.layers, 1) * (_WIDTH + _GAP_X) - _GAP_X
    height = 2 * _MARGIN + max(layout.breadth, 1.0) * _PITCH_Y
    edges = [_edge(edge, route) for edge, route in layout.routes.items()]
    states = zip(job.steps, summary.step_states, strict=True)
    nodes = [_node(step, state, layout.places[step.pos]) for step, state in states]
    modules, waits = counted(len(job.steps), "module"), counted(len(layout.routes), "dependency", "dependencies")
    return drawing(
        "graph",
        element("g", *edges, class_="edges", fill="none", stroke="#8b929a", stroke_width=1.25),
        element("g", *nodes, class_="nodes"),
        width=width,
        height=height,
        title=f"Dependency graph of the job: {modules}, {waits}",
        description="A module stands to the right of the modules that it waits for. The same is written below as text.",
    )


def _x(layer: int) -> float:
    return _MARGIN + layer * (_WIDTH + _GAP_X)


def _y(place: Place) -> float:
    return _MARGIN + place.across * _PITCH_Y


def _edge(edge: Edge, route: Sequence[Place]) -> Markup:
    """A curve from the right side of one node through its bends to the left side of another."""
    x, y = _x(route[0].layer) + _WIDTH, _y(route[0])
    path = [f"M{x:.0f} {y:.1f}"]
    for place in route[1:]:
        left, down = _x(place.layer), _y(place)
        middle = (x + left) / 2
        path.append(f"C{middle:.0f} {y:.1f} {middle:.0f} {down:.1f} {left:.0f} {down:.1f}")
        x, y = left + _WIDTH, down
        if place is not route[-1]:
            path.append(f"H{x:.0f}")
    return element("path", d="".join(path), data_from=edge[0], data_to=edge[1])


def _node(step: Step, state: State, place: Place) -> Markup:
    style = STYLES[state]
    x, y = _x(place.layer), _y(place) - _HEIGHT / 2
    label = shortened(step.change.id, _MOST_CHARACTERS)
    return element(
        "g",
        element("title", f"{step.change.id}: {step.change.action.value}, {style.word}"),
        element("rect", width=_WIDTH, height=_HEIGHT, rx=6, fill="#fff", stroke=style.tint, class_="box"),
        joined(
            element("path", d="M6 0H28V28H6A6 6 0 0 1 0 22V6A6 6 0 0 1 6 0Z", fill=style.tint, class_="badge"),
            element("path", d=style.icon, transform="translate(6 6)", class_="sign", **_SIGN),
        ),
        element("text", label, x=36, y=18, fill="#1d1d1d"),
        class_=f"node is-{style.key}",
        data_pos=step.pos,
        transform=f"translate({x:.0f} {y:.1f})",
    )


_SIGN = {"fill": "none", "stroke": "#fff", "stroke_width": 2}
