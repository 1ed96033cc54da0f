"""Our own paths below /_/install/rollouts: requests for many tenants, and what can be done about them."""

from __future__ import annotations

from flask import Blueprint, Response

from okapi_install.domain.errors import UserError
from okapi_install.domain.rollouts.rollout import Rollout, TenantStatus
from okapi_install.service.rollouts.rollouts import RolloutService
from okapi_install.web.api.rollout_parsing import abort_request, retry_request, rollout_order
from okapi_install.web.http.paging import with_links
from okapi_install.web.http.requests import flag, parameter, request_context, whole_number
from okapi_install.web.http.responses import created, json_answer, no_content
from okapi_install.web.http.sse import event_stream, last_event_id
from okapi_install.web.rollouts.events import rollout_events
from okapi_install.web.rollouts.views import (
    RolloutPicture,
    listed_rollout_view,
    of_status,
    rollout_view,
    simulation_view,
    tenant_view,
)

MOST_ROLLOUTS, MOST_TENANTS = 500, 10_000


def blueprint(rollouts: RolloutService) -> Blueprint:
    """The paths below /_/install/rollouts."""
    found = Blueprint("rollouts_api", __name__, url_prefix="/_/install/rollouts")
    handlers = RolloutHandlers(rollouts)
    found.post("")(handlers.submit)
    found.get("")(handlers.list)
    found.get("/<rollout_id>")(handlers.one)
    found.delete("/<rollout_id>")(handlers.remove)
    found.get("/<rollout_id>/tenants")(handlers.tenants)
    found.get("/<rollout_id>/events")(handlers.events)
    found.post("/<rollout_id>/pause")(handlers.pause)
    found.post("/<rollout_id>/resume")(handlers.resume)
    found.post("/<rollout_id>/retry")(handlers.retry)
    found.post("/<rollout_id>/abort")(handlers.abort)
    return found


class RolloutHandlers:
    """One method for each path and method."""

    def __init__(self, rollouts: RolloutService) -> None:
        self._rollouts = rollouts

    def submit(self) -> Response:
        """POST /_/install/rollouts; with `simulate=true`, what it would do."""
        simulate, order = flag("simulate", False), rollout_order()
        if simulate:
            return json_answer(simulation_view(self._rollouts.simulate(order)))
        submitted = self._rollouts.submit(order)
        answer = created(self._view(submitted.rollout.id), submitted.rollout.id, base="/_/install/rollouts")
        if submitted.replayed:
            answer.headers["Idempotency-Replayed"] = "true"
        return answer

    def list(self) -> Response:
        """GET /_/install/rollouts"""
        limit, offset = _page(50, MOST_ROLLOUTS)
        page = self._rollouts.find(limit, offset)
        views = [listed_rollout_view(RolloutPicture.of(view)) for view in page.views]
        answer = json_answer({"rollouts": views, "total": page.total})
        return with_links(answer, limit=limit, offset=offset, total=page.total)

    def one(self, rollout_id: str) -> Response:
        """GET /_/install/rollouts/{id}"""
        return json_answer(self._view(rollout_id))

    def remove(self, rollout_id: str) -> Response:
        """DELETE /_/install/rollouts/{id}, if it is complete."""
        self._rollouts.remove(rollout_id)
        return no_content()

    def _view(self, rollout_id: str) -> dict[str, object]:
        view, tenants = self._rollouts.view(rollout_id), self._rollouts.tenants(rollout_id)
        return rollout_view(RolloutPicture.of(view, tenants))

    def tenants(self, rollout_id: str) -> Response:
        """GET …/tenants, in the order of the rollout."""
        limit, offset = _page(1000, MOST_TENANTS)
        found = of_status(self._rollouts.tenants(rollout_id), _status())
        shown = [tenant_view(one) for one in found[offset : offset + limit]]
        answer = json_answer({"tenants": shown, "total": len(found)})
        return with_links(answer, limit=limit, offset=offset, total=len(found))

    def events(self, rollout_id: str) -> Response:
        """GET …/events: server-sent events. The id of an event is the rollout's revision."""
        self._rollouts.view(rollout_id)
        since = last_event_id(parameter("lastEventId"))
        return event_stream(rollout_events(self._rollouts, rollout_id, since, name="rollout", render=self._view))

    def pause(self, rollout_id: str) -> Response:
        """POST …/pause"""
        return self._changed(self._rollouts.pause(rollout_id))

    def resume(self, rollout_id: str) -> Response:
        """POST …/resume"""
        return self._changed(self._rollouts.resume(rollout_id))

    def retry(self, rollout_id: str) -> Response:
        """POST …/retry: all that failed, or some of them."""
        tenants, group = retry_request()
        return self._changed(self._rollouts.retry(rollout_id, tenants, group))

    def abort(self, rollout_id: str) -> Response:
        """POST …/abort: nothing starts any more; with `jobs`, running jobs are aborted too."""
        by = request_context().requested_by
        return self._changed(self._rollouts.abort(rollout_id, jobs=abort_request(), by=by))

    def _changed(self, rollout: Rollout) -> Response:
        return json_answer(self._view(rollout.id), 202)


def _page(usual: int, most: int) -> tuple[int, int]:
    """The query parameters `limit` and `offset`. Raises UserError."""
    limit, offset = whole_number("limit", usual), whole_number("offset", 0)
    if not 0 <= limit <= most or offset < 0:
        raise UserError(f"limit must be 0 to {most}, and offset 0 or more")
    return limit, offset


def _status() -> TenantStatus | None:
    text = parameter("status")
    if text is None:
        return None
    try:
        return TenantStatus(text)
    except ValueError:
        known = ", ".join(status.value for status in TenantStatus)
        raise UserError(f"Bad value for parameter status: {text}; known are {known}") from None
