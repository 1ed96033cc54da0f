"""The page of workers: which are alive, what they run, and their versions. It stays current while it is open."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Blueprint, Response
from markupsafe import Markup

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.jobs.waiting import WaitingService
from okapi_install.web.access.login import PageLogin
from okapi_install.web.http.sse import event_stream
from okapi_install.web.page.recent import Look, Recent, look_events
from okapi_install.web.page.rendering import Rendering, while_signed_in


def blueprint(waiting: WaitingService, login: PageLogin, rendering: Rendering, now: Callable[[], float]) -> Blueprint:
    """`/workers`, and the stream of its changes."""
    routes = Blueprint("page_workers", __name__)
    pulse = rendering.templates.get_template("pulse.html")
    template = rendering.templates.get_template("workers_rows.html")

    def look(_part: str = "") -> Look:
        found = waiting.workers()
        html = Markup(template.render(workers=found, at=now()))  # noqa: S704 - a template that escapes
        beats = tuple((worker, round(now() - worker.info.age)) for worker in found)
        warning = Markup(pulse.render(no_worker=waiting.no_worker()))  # noqa: S704 - a template that escapes
        return Look((beats, warning), html, len(found), True, max(len(found), 1), parts={"pulse": warning})

    recent = Recent(look, time.monotonic)

    @routes.get("/workers")
    def show() -> Response:
        return rendering.html("workers.html", look=look())

    @routes.get("/page/workers/events")
    def changes() -> Response:
        events = look_events(lambda: recent.look(""), "workers", time.sleep)
        return event_stream(while_signed_in(login, events), retry=2000)

    routes.register_error_handler(OkapiInstallError, rendering.problem)
    return routes
