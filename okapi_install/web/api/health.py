"""`GET /_/install/health`: the health check for load balancers. Okapi's own `/_/proxy/health` says only `[]`."""

from __future__ import annotations

from flask import Blueprint, Response

from okapi_install.service.health import HealthService
from okapi_install.web.http.responses import json_answer


def blueprint(health: HealthService) -> Blueprint:
    """`/_/install/health`."""
    routes = Blueprint("health", __name__)

    @routes.get("/_/install/health")
    def show() -> Response:
        found = health.findings()
        parts = {finding.part: finding.problem or finding.note or "ok" for finding in found}
        healthy = all(finding.problem is None for finding in found)
        return json_answer({"status": "ok" if healthy else "error", **parts}, 200 if healthy else 503)

    return routes
