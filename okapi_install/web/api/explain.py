"""POST /_/install/explain: why an install or upgrade would be refused, and solutions for it."""

from __future__ import annotations

from flask import Blueprint, request

from okapi_install.domain.errors import Unresolvable, UserError
from okapi_install.domain.jobs import Change, JobKind
from okapi_install.domain.problems import to_json
from okapi_install.domain.solutions.conflicts import Conflict
from okapi_install.domain.solutions.solution import Solution
from okapi_install.service.jobs.installs import Order
from okapi_install.service.jobs.solutions import Advice, Constraints, SolutionService
from okapi_install.web.http.order_parsing import change_list, install_options
from okapi_install.web.http.requests import body, json_body, parameter, whole_number
from okapi_install.web.http.responses import json_answer
from okapi_install.web.job_views import change_view

MOST_SOLUTIONS = 10


def blueprint(solutions: SolutionService) -> Blueprint:
    """`/_/install/explain`."""
    found = Blueprint("explain", __name__, url_prefix="/_/install")
    found.post("/explain")(lambda: json_answer(advice_view(solutions.advise(_order(), _constraints()))))
    return found


def _order() -> Order:
    """The order that the request describes: without a body an upgrade. Raises UserError."""
    tenant = parameter("tenant")
    if tenant is None:
        raise UserError("Missing value for parameter 'tenant'")
    document = json_body() if body() else None
    kind = JobKind.UPGRADE if document is None else JobKind.INSTALL
    changes = None if document is None else change_list(document)
    return Order(kind=kind, tenant=tenant, request=changes, options=install_options())


def _constraints() -> Constraints:
    most = whole_number("solutions", 3)
    if not 0 <= most <= MOST_SOLUTIONS:
        raise UserError(f"solutions must be 0 to {MOST_SOLUTIONS}")
    return Constraints(most=most, keep=_names("keep"), prefer=_names("prefer"))


def _names(name: str) -> tuple[str, ...]:
    """A parameter that may come several times, and have several names with commas between them."""
    return tuple(part.strip() for text in request.args.getlist(name) for part in text.split(",") if part.strip())


def advice_view(advice: Advice) -> dict[str, object]:
    """The response as JSON."""
    explanation, findings = advice.explanation, advice.findings
    refusal = explanation.refusal
    return {
        "message": refusal.message if refusal else None,
        "reasons": list(refusal.reasons) if isinstance(refusal, Unresolvable) else [],
        "explanation": list(explanation.lines),
        "plan": [change_view(change) for change in explanation.changes],
        "warnings": [to_json(problem) for problem in explanation.warnings],
        "solutions": [solution_view(solution) for solution in findings.solutions],
        "conflict": _conflict_view(findings.conflict) if findings.conflict else None,
        "solutionsComplete": findings.complete,
    }


def solution_view(solution: Solution) -> dict[str, object]:
    """One solution as JSON; its `request` is what can be posted to install."""
    return {
        "request": [_request_view(change) for change in solution.request],
        "plan": [change_view(change) for change in solution.plan],
        "removed": list(solution.removed),
        "changed": list(solution.changed),
        "added": list(solution.added),
        "choices": list(solution.choices),
        "sentence": solution.sentence,
        "best": solution.best,
    }


def _request_view(change: Change) -> dict[str, object]:
    return {"id": change.id, "action": change.action.value}


def _conflict_view(conflict: Conflict) -> dict[str, object]:
    return {"modules": list(conflict.demands), "message": conflict.sentence}
