"""The body of a retry, and its plan as JSON."""

from __future__ import annotations

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import Job
from okapi_install.domain.planning.retries import RetryChoice, RetryPlan
from okapi_install.web.http.requests import body, read_json

_LISTS, _FLAGS = ("modules", "skip"), ("failed", "anyway")


def retry_choice() -> RetryChoice:
    """What the current request wants to run again; without a body, everything. Raises UserError."""
    sent = body()
    document = read_json(sent, "The body") if sent.strip() else {}
    if not isinstance(document, dict):
        raise UserError(f"The body is not a JSON object. It may have {_known()}")
    unknown = sorted(document.keys() - {*_LISTS, *_FLAGS})
    if unknown:
        raise UserError(f"Unknown property {unknown[0]} in the body. It may have {_known()}")
    for name in _LISTS:
        value = document.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise UserError(f"{name} is not a list of module ids")
    for name in _FLAGS:
        if not isinstance(document.get(name, False), bool):
            raise UserError(f"{name} is not true or false")
    return RetryChoice(
        modules=frozenset(document.get("modules", ())),
        failed=document.get("failed", False),
        skip=frozenset(document.get("skip", ())),
        anyway=document.get("anyway", False),
    )


def _known() -> str:
    return ", ".join((*_LISTS, *_FLAGS))


def retry_plan_view(job: Job, plan: RetryPlan) -> dict[str, object]:
    """What a retry would do, by module ids."""
    ids = {step.pos: step.change.id for step in job.steps}
    return {
        "run": [ids[pos] for pos in plan.run],
        "skipped": [{"id": ids[pos], "because": plan.skipped[pos]} for pos in sorted(plan.skipped)],
        "left": [ids[pos] for pos in plan.left],
        "unmet": [{"id": ids[later], "requires": ids[before]} for later, before in plan.unmet],
    }
