"""POST /_/install/preflight: what would stand in the way of an install, an upgrade or a rollout."""

from __future__ import annotations

from flask import Blueprint, Response

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import JobKind
from okapi_install.service.jobs.proposals import Wanted
from okapi_install.service.jobs.solutions import Constraints
from okapi_install.service.rollouts.preflight import (
    NO_DURATION,
    Duration,
    Finding,
    Preflight,
    PreflightService,
    Severity,
)
from okapi_install.service.rollouts.rollouts import RolloutService
from okapi_install.web.api.rollout_parsing import rollout_order
from okapi_install.web.http.order_parsing import change_list, install_options
from okapi_install.web.http.requests import body, json_body, parameter
from okapi_install.web.http.responses import json_answer
from okapi_install.web.job_views import change_view

_NO_SOLUTIONS = Constraints(most=0)


def blueprint(preflight: PreflightService, rollouts: RolloutService) -> Blueprint:
    """`/_/install/preflight`."""
    found = Blueprint("preflight", __name__, url_prefix="/_/install")

    @found.post("/preflight")
    def look() -> Response:
        return json_answer(preflight_view(preflight.look(_wanted(rollouts))))

    return found


def _wanted(rollouts: RolloutService) -> Wanted:
    """The request: with the parameter `tenant` that of an install or upgrade, else the body of a rollout."""
    tenant = parameter("tenant")
    if tenant is not None:
        document = json_body() if body() else None
        return Wanted(
            kind=JobKind.UPGRADE if document is None else JobKind.INSTALL,
            tenants=(tenant,),
            request=None if document is None else change_list(document),
            options=install_options(),
            constraints=_NO_SOLUTIONS,
        )
    if not body():
        raise UserError("Name the tenant with the parameter `tenant`, or send the body of a rollout")
    order = rollout_order(name="preflight")
    return Wanted(
        kind=order.kind,
        tenants=rollouts.members(order),
        request=order.request,
        options=order.options,
        constraints=_NO_SOLUTIONS,
    )


def preflight_view(found: Preflight) -> dict[str, object]:
    """The response as JSON."""
    counts = {severity.name.lower(): 0 for severity in Severity}
    for one in found.findings:
        counts[one.severity.name.lower()] += 1
    return {
        "worst": found.worst.name.lower(),
        "counts": counts,
        "findings": [_finding_view(one) for one in found.findings],
        "plans": [
            {
                "tenants": list(proposal.tenants),
                "plan": [change_view(change) for change in proposal.changes],
                **_duration_view(duration),
            }
            for proposal, duration in found.plans
        ],
    }


def _finding_view(one: Finding) -> dict[str, object]:
    return {
        "severity": one.severity.name.lower(),
        "code": one.code,
        "message": one.message,
        "module": one.module,
        "tenants": list(one.tenants),
    }


def _duration_view(duration: Duration | None) -> dict[str, object]:
    found = duration or NO_DURATION
    return {
        "expectedSeconds": _rounded(found.total),
        "criticalSeconds": _rounded(found.critical),
        "largest": found.largest,
        "largestSeconds": _rounded(found.largest_seconds),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
