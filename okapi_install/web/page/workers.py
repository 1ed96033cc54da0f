"""The page of workers: which are alive, what they run, and their versions."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.jobs.waiting import WaitingService
from okapi_install.web.page.rendering import Rendering


def blueprint(waiting: WaitingService, rendering: Rendering, now: Callable[[], float]) -> Blueprint:
    """`/workers`."""
    routes = Blueprint("page_workers", __name__)

    @routes.get("/workers")
    def show() -> Response:
        return rendering.html("workers.html", workers=waiting.workers(), at=now())

    routes.register_error_handler(OkapiInstallError, rendering.problem)
    return routes
