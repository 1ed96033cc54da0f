"""How the page shows a state: its word, an icon and a class, so that nothing is shown by colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from okapi_install.domain.presentation.states import State


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

_SKIP = "M4 4 8.5 8 4 12M8.5 4 13 8 8.5 12"
_LOOKS = {
    State.WAITING: ("waiting", _CIRCLE, _GREY),
    State.NOT_STARTED: ("waiting", _CIRCLE, _GREY),
    State.RUNNING: ("running", _PLAY, _BLUE),
    State.ABORTING: ("aborting", _SQUARE, _BROWN),
    State.DONE: ("done", _TICK, _GREEN),
    State.FAILED: ("error", _CROSS, _RED),
    State.STOPPED: ("stopped", _SQUARE, _BROWN),
    State.SKIPPED: ("skipped", _SKIP, _BROWN),
    State.NOT_RUN: ("never", _DASH, _GREY),
}
STYLES = {
    state: StateStyle(key=key, word=state.word.capitalize(), icon=icon, tint=tint)
    for state, (key, icon, tint) in _LOOKS.items()
}

TICK_ICON = _TICK
WARNING_ICON = "M8 2.5 14.5 13.5 1.5 13.5ZM8 6.5 8 9.5M8 11.3 8 11.8"
CLOCK_ICON = "M8 2.5A5.5 5.5 0 1 0 8.01 2.5ZM8 5 8 8 10.5 9.5"
