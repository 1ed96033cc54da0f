"""`GET /_/install/workers`: the worker processes, and whether they are alive."""

from __future__ import annotations

import time

from flask import Blueprint, Response

from okapi_install.service.jobs.waiting import WaitingService
from okapi_install.web.http.responses import json_answer
from okapi_install.web.job_views import worker_view


def blueprint(waiting: WaitingService) -> Blueprint:
    """`/_/install/workers`."""
    routes = Blueprint("workers", __name__)

    @routes.get("/_/install/workers")
    def show() -> Response:
        now = time.time()
        return json_answer({"workers": [worker_view(worker, now) for worker in waiting.workers()]})

    return routes
