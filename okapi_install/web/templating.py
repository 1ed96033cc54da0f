"""Jinja for the page: everything is escaped, and an unknown name is an error."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from okapi_install import __version__
from okapi_install.domain.foreign_text import one_line, visible
from okapi_install.web import words
from okapi_install.web.states import CLOCK_ICON, TICK_ICON, WARNING_ICON


def page_templates() -> Environment:
    """The templates, with the words of page_words as filters."""
    found = Environment(
        loader=PackageLoader("okapi_install.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )
    found.filters.update(
        duration=words.duration,
        moment=words.moment,
        machine_moment=words.machine_moment,
        segment=words.segment,
        one_line=one_line,
        milliseconds=_milliseconds,
    )
    found.globals.update(
        icon=icon,
        counted=words.counted,
        warning_icon=WARNING_ICON,
        clock_icon=CLOCK_ICON,
        tick_icon=TICK_ICON,
        version=__version__,
    )
    found.globals["asset"] = {
        name: f"/static/{name}?{_digest(name)}"
        for name in ("page.css", "page.js", "matrix.css", "rollouts.css", "start.css", "start.js", "favicon.svg")
    }
    return found


def _shown(value: object) -> object:
    """Shows a value with control and direction characters escaped, so that foreign text cannot reverse the page."""
    return visible(value, lines=True) if type(value) is str else value


def icon(path: str) -> Markup:
    """A small icon beside a word with the same meaning. Screen readers skip it."""
    return Markup(
        '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">'
        '<path d="{}"></path></svg>'
    ).format(path)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _digest(name: str) -> str:
    """A digest for the address of a file, so that browsers do not use an old version from their cache."""
    return hashlib.sha256(files("okapi_install.web").joinpath("static", name).read_bytes()).hexdigest()[:12]
