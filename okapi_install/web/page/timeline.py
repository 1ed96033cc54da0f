"""The timeline of a job (Gantt): when each module began and ended, and how long it usually takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from okapi_install.domain.jobs import Job, Step, StepStatus
from okapi_install.service.ports import Durations
from okapi_install.web.job_views import step_key
from okapi_install.web.page.svg import drawing, element, shortened
from okapi_install.web.states import step_state
from okapi_install.web.words import counted, duration

_LABEL, _CHART, _RIGHT = 200.0, 440.0, 70.0
_TOP, _ROW, _BAR = 26.0, 22.0, 12.0
_MOST_CHARACTERS = 28
_NICE = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From seconds since 1970 to places on the chart."""

    begin: float
    span: float

    def x(self, moment: float) -> float:
        return _LABEL + min(max((moment - self.begin) / self.span, 0.0), 1.0) * _CHART


def timeline_svg(job: Job, seen: Mapping[tuple[str, str], Durations], now: float) -> Markup:
    """The picture of the job's last run; modules in the order in which they began. Times in seconds since 1970."""
    steps = shown_steps(job)
    begin = min((step.started for step in steps if step.started is not None), default=now)
    end = max((_end(step, now) for step in steps), default=now)
    scale = _Scale(begin, max(end - begin, 0.1))
    height = _TOP + max(len(steps), 1) * _ROW + 8
    rows = [_row(step, number, job, scale, _usual(step, seen), now) for number, step in enumerate(steps)]
    return drawing(
        "timeline",
        element("g", *_ticks(scale, height), class_="ticks", stroke="#d3d6da", fill="#5b6168", font_size=11),
        *(rows or [element("text", "No module has begun yet.", x=8, y=_TOP + 15, fill="#5b6168", class_="muted")]),
        width=_LABEL + _CHART + _RIGHT,
        height=height,
        title=f"Timeline of the job: {counted(len(steps), 'module')} over {duration(end - begin)}",
        description="A bar for each module from its begin to its end. The table of modules has the same times.",
    )


def shown_steps(job: Job) -> list[Step]:
    """The steps that have begun, oldest first; not those that a run before a retry was done with."""
    since = job.started or 0.0
    begun = [step for step in job.steps if step.started is not None and (step.ended is None or step.ended >= since)]
    return sorted(begun, key=lambda step: (step.started or 0.0, step.pos))


def _end(step: Step, now: float) -> float:
    return max(step.ended if step.ended is not None else now, step.started or 0.0)


def _usual(step: Step, seen: Mapping[tuple[str, str], Durations]) -> float | None:
    known = seen.get(step_key(step))
    return known.mean if known else None


def _row(step: Step, number: int, job: Job, scale: _Scale, usual: float | None, now: float) -> Markup:
    state, began, ended = step_state(step, job), step.started or 0.0, _end(step, now)
    x, y = scale.x(began), _TOP + number * _ROW
    width = max(scale.x(ended) - x, 2.0)
    words = f"{step.change.id}: {state.word}, {duration(ended - began)}"
    known = [] if usual is None else [_usual_bar(scale, began, usual, y)]
    return element(
        "g",
        element("title", words + (f", usually {duration(usual)}" if usual is not None else "")),
        element("rect", x=0, y=y, width=_LABEL + _CHART + _RIGHT, height=_ROW, fill="transparent", class_="field"),
        element("text", shortened(step.change.id, _MOST_CHARACTERS), x=8, y=y + 14, fill="#1d1d1d"),
        *known,
        element("rect", x=x, y=y + 4, width=width, height=_BAR, rx=2, fill=state.tint, class_="span"),
        *_mark(step, x + width + 5, y, state.tint),
        element("text", duration(ended - began), x=x + width + (20 if _marked(step) else 5), y=y + 14, **_SMALL),
        class_=f"row is-{state.key}",
        data_pos=step.pos,
    )


_SMALL = {"font_size": 11, "fill": "#5b6168", "class_": "muted"}


def _usual_bar(scale: _Scale, began: float, usual: float, y: float) -> Markup:
    width = max(scale.x(began + usual) - scale.x(began), 1.0)
    return element(
        "rect", x=scale.x(began), y=y + 5 + _BAR, width=width, height=3, rx=1, fill="#858b92", class_="usual"
    )


def _marked(step: Step) -> bool:
    """Whether it did not end well: a cross stands beside its bar, so that colour does not say it alone."""
    return step.status is StepStatus.ERROR


def _mark(step: Step, x: float, y: float, tint: str) -> Sequence[Markup]:
    if not _marked(step):
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
