"""How the page shows a state: a word, an icon and a class, so that nothing is shown by colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from okapi_install.domain.jobs import JobStatus
from okapi_install.service.jobs.snapshots import State


@dataclass(frozen=True, kw_only=True, slots=True)
class StateStyle:
    """`key` is its CSS class without `is-`, `icon` a path in a square of 16."""

    key: str
    word: str
    icon: str
    tint: str
    """The colour in a standalone picture. Within the page the style sheet sets it."""


_TICK = "M3.5 8.5 6.5 11.5 12.5 4.5"
_CROSS = "M4 4 12 12M12 4 4 12"
_PLAY = "M5.5 3.5 12 8 5.5 12.5Z"
_CIRCLE = "M8 3.5A4.5 4.5 0 1 0 8.01 3.5Z"
_DASH = "M4 8 12 8"
_SQUARE = "M4.5 4.5 11.5 4.5 11.5 11.5 4.5 11.5Z"

_BLUE, _GREEN, _RED, _BROWN, _GREY = "#1960a4", "#007700", "#990000", "#943e00", "#5b6168"

JOB_STYLES = {
    State.WAITING: StateStyle(key="waiting", word="Waiting", icon=_CIRCLE, tint=_GREY),
    State.RUNNING: StateStyle(key="running", word="Running", icon=_PLAY, tint=_BLUE),
    State.ABORTING: StateStyle(key="aborting", word="Aborting", icon=_SQUARE, tint=_BROWN),
    State.DONE: StateStyle(key="done", word="Done", icon=_TICK, tint=_GREEN),
    State.FAILED: StateStyle(key="error", word="Failed", icon=_CROSS, tint=_RED),
    State.STOPPED: StateStyle(key="aborted", word="Aborted", icon=_SQUARE, tint=_BROWN),
}
STEP_STYLES = {
    State.WAITING: StateStyle(key="waiting", word="Not started", icon=_CIRCLE, tint=_GREY),
    State.RUNNING: StateStyle(key="running", word="Running", icon=_PLAY, tint=_BLUE),
    State.DONE: StateStyle(key="done", word="Done", icon=_TICK, tint=_GREEN),
    State.FAILED: StateStyle(key="error", word="Failed", icon=_CROSS, tint=_RED),
    State.STOPPED: StateStyle(key="aborted", word="Stopped", icon=_SQUARE, tint=_BROWN),
    State.NOT_RUN: StateStyle(key="never", word="Not run", icon=_DASH, tint=_GREY),
}

WARNING_ICON = "M8 2.5 14.5 13.5 1.5 13.5ZM8 6.5 8 9.5M8 11.3 8 11.8"
CLOCK_ICON = "M8 2.5A5.5 5.5 0 1 0 8.01 2.5ZM8 5 8 8 10.5 9.5"


def status_words() -> list[tuple[JobStatus, str]]:
    """For a filter: the statuses of jobs and their words, in the order of a job's life."""
    return [
        (JobStatus.QUEUED, JOB_STYLES[State.WAITING].word),
        (JobStatus.RUNNING, JOB_STYLES[State.RUNNING].word),
        (JobStatus.ABORTING, JOB_STYLES[State.ABORTING].word),
        (JobStatus.DONE, JOB_STYLES[State.DONE].word),
        (JobStatus.ERROR, "Failed or aborted"),
    ]
