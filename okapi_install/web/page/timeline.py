"""The timeline of a job (Gantt): when each module started and ended, and how long it usually takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from okapi_install.domain.presentation.states import State
from okapi_install.service.jobs.snapshots import JobSnapshot, StepSnapshot
from okapi_install.web.page.svg import drawing, element, shortened
from okapi_install.web.states import STYLES
from okapi_install.web.words import counted, duration

_LABEL, _CHART, _RIGHT = 200.0, 440.0, 70.0
_TOP, _ROW, _BAR = 26.0, 22.0, 12.0
_MOST_CHARACTERS = 28
_NICE = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps seconds since 1970 to x coordinates of the chart."""

    begin: float
    span: float

    def x(self, moment: float) -> float:
        return _LABEL + min(max((moment - self.begin) / self.span, 0.0), 1.0) * _CHART


def timeline_svg(snapshot: JobSnapshot) -> Markup:
    """The picture of the job's last run, with the modules in the order in which they started."""
    bars, now = _bars(snapshot), snapshot.summary.at
    begin = min((bar.start for bar in bars), default=now)
    end = max((bar.end for bar in bars), default=now)
    scale = _Scale(begin, max(end - begin, 0.1))
    height = _TOP + max(len(bars), 1) * _ROW + 8
    rows = [_row(bar, number, scale) for number, bar in enumerate(bars)]
    return drawing(
        "timeline",
        element("g", *_ticks(scale, height), class_="ticks", stroke="#d3d6da", fill="#5b6168", font_size=11),
        *(rows or [element("text", "No module has started yet.", x=8, y=_TOP + 15, fill="#5b6168", class_="muted")]),
        width=_LABEL + _CHART + _RIGHT,
        height=height,
        title=f"Timeline of the job: {counted(len(bars), 'module')} over {duration(end - begin)}",
        description="A bar for each module from its start to its end. The table of modules has the same times.",
    )


@dataclass(frozen=True, slots=True)
class _Bar:
    """A module that has started, with its start and end in seconds since 1970."""

    it: StepSnapshot
    start: float
    end: float


def _bars(snapshot: JobSnapshot) -> list[_Bar]:
    """The modules that have started, oldest first, without those that were done before a retry."""
    since = snapshot.job.started or 0.0
    bars = [
        _Bar(it, it.step.started, it.step.started + it.elapsed)
        for it in snapshot.steps
        if it.step.started is not None and it.elapsed is not None and (it.step.ended is None or it.step.ended >= since)
    ]
    return sorted(bars, key=lambda bar: (bar.start, bar.it.step.pos))


def _row(bar: _Bar, number: int, scale: _Scale) -> Markup:
    it, step, style = bar.it, bar.it.step, STYLES[bar.it.state]
    x, y = scale.x(bar.start), _TOP + number * _ROW
    width = max(scale.x(bar.end) - x, 2.0)
    took = duration(it.elapsed)
    words = f"{step.change.id}: {style.word}, {took}"
    known = [] if it.expected is None else [_usual_bar(scale, bar.start, it.expected, y)]
    return element(
        "g",
        element("title", words + ("" if it.expected is None else f", usually {duration(it.expected)}")),
        element("rect", x=0, y=y, width=_LABEL + _CHART + _RIGHT, height=_ROW, fill="transparent", class_="field"),
        element("text", shortened(step.change.id, _MOST_CHARACTERS), x=8, y=y + 14, fill="#1d1d1d"),
        *known,
        element("rect", x=x, y=y + 4, width=width, height=_BAR, rx=2, fill=style.tint, class_="span"),
        *_mark(it, x + width + 5, y, style.tint),
        element("text", took, x=x + width + (20 if _marked(it) else 5), y=y + 14, **_SMALL),
        class_=f"row is-{style.key}",
        data_pos=step.pos,
    )


_SMALL = {"font_size": 11, "fill": "#5b6168", "class_": "muted"}


def _usual_bar(scale: _Scale, start: float, usual: float, y: float) -> Markup:
    width = max(scale.x(start + usual) - scale.x(start), 1.0)
    return element(
        "rect", x=scale.x(start), y=y + 5 + _BAR, width=width, height=3, rx=1, fill="#858b92", class_="usual"
    )


def _marked(it: StepSnapshot) -> bool:
    """Whether its bar gets a cross, so that a failure can be seen without colour."""
    return it.state in (State.FAILED, State.STOPPED)


def _mark(it: StepSnapshot, x: float, y: float, tint: str) -> Sequence[Markup]:
    if not _marked(it):
        return ()
    cross = element(
        "path",
        d="M0 0 8 8M8 0 0 8",
        transform=f"translate({x:.1f} {y + 6:.1f})",
        stroke=tint,
        stroke_width=2,
        class_="cross",
    )
    return (cross,)


def _ticks(scale: _Scale, height: float) -> list[Markup]:
    pace = next((nice for nice in _NICE if scale.span / nice <= 6), scale.span / 5)
    if scale.span < 3:
        pace = 0.1 if scale.span < 0.6 else 0.5
    marks = [number * pace for number in range(int(scale.span / pace) + 1)]
    return [mark for at in marks for mark in _tick(scale, at, height)]


def _tick(scale: _Scale, at: float, height: float) -> tuple[Markup, Markup]:
    x = scale.x(scale.begin + at)
    line = element("line", x1=x, x2=x, y1=_TOP - 6, y2=height)
    return line, element("text", _tick_words(at), x=x, y=14, text_anchor="middle", stroke="none")


def _tick_words(at: float) -> str:
    if at < 60:
        return f"{at:g} s"
    return f"{at / 60:g} min" if at < 3600 else f"{at / 3600:g} h"
