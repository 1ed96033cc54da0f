"""The pages of rollouts: the list, one with a grid of its tenants, and what can be done there. Works without script."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as BareResponse

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.rollouts.rollouts import RolloutService
from okapi_install.web.access.login import PageLogin
from okapi_install.web.access.roles import holder_name
from okapi_install.web.http.sse import event_stream, last_event_id
from okapi_install.web.page.rendering import Rendering, page_number, while_signed_in
from okapi_install.web.page.rollouts.views import RolloutLine, RolloutPageView
from okapi_install.web.rollouts.events import rollout_events

PER_PAGE = 50


def blueprint(rollouts: RolloutService, login: PageLogin, rendering: Rendering) -> Blueprint:
    """`/rollouts` and what is below it."""
    found = Blueprint("page_rollouts", __name__)
    handlers = RolloutPages(rollouts, login, rendering)
    found.before_request(rendering.check_origin)
    found.get("/rollouts")(handlers.list)
    found.get("/rollouts/<rollout_id>")(handlers.one)
    found.get("/page/rollouts/<rollout_id>/events")(handlers.events)
    found.post("/rollouts/<rollout_id>/pause")(handlers.pause)
    found.post("/rollouts/<rollout_id>/resume")(handlers.resume)
    found.post("/rollouts/<rollout_id>/retry")(handlers.retry)
    found.get("/rollouts/<rollout_id>/abort")(handlers.confirm_abort)
    found.post("/rollouts/<rollout_id>/abort")(handlers.abort)
    found.register_error_handler(OkapiInstallError, rendering.problem)
    return found


class RolloutPages:
    """One method for each path and method."""

    def __init__(
        self,
        rollouts: RolloutService,
        login: PageLogin,
        rendering: Rendering,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rollouts = rollouts
        self._login = login
        self._html = rendering.html
        self._head = rendering.templates.get_template("rollouts/head.html")
        self._grid = rendering.templates.get_template("rollouts/grid.html")
        self._sleep = sleep

    def list(self) -> Response:
        """GET /rollouts"""
        number = page_number()
        page = self._rollouts.find(PER_PAGE, (number - 1) * PER_PAGE)
        lines = [RolloutLine.of(view) for view in page.views]
        pages = max(1, -(-page.total // PER_PAGE))
        return self._html("rollouts/list.html", lines=lines, total=page.total, number=number, pages=pages)

    def one(self, rollout_id: str) -> Response:
        """GET /rollouts/{id}"""
        return self._html("rollouts/one.html", it=self._view(rollout_id))

    def _view(self, rollout_id: str) -> RolloutPageView:
        return RolloutPageView.of(self._rollouts.view(rollout_id), self._rollouts.tenants(rollout_id))

    def events(self, rollout_id: str) -> Response:
        """GET /page/rollouts/{id}/events: the parts of the page that have changed."""
        self._rollouts.view(rollout_id)
        since = last_event_id(request.args.get("since"))
        found = rollout_events(
            self._rollouts, rollout_id, since, name="parts", render=_Changed(self._parts), sleep=self._sleep
        )
        return event_stream(while_signed_in(self._login, found), retry=2000)

    def _parts(self, rollout_id: str) -> dict[str, str]:
        view = self._view(rollout_id)
        return {"head": self._head.render(it=view, may_operate=True), "grid": self._grid.render(it=view)}

    def pause(self, rollout_id: str) -> BareResponse:
        """POST /rollouts/{id}/pause"""
        return _back_to(self._rollouts.pause(rollout_id).id)

    def resume(self, rollout_id: str) -> BareResponse:
        """POST /rollouts/{id}/resume"""
        return _back_to(self._rollouts.resume(rollout_id).id)

    def retry(self, rollout_id: str) -> BareResponse:
        """POST /rollouts/{id}/retry: all that failed, or a group of failures."""
        return _back_to(self._rollouts.retry(rollout_id, group=request.form.get("group") or None).id)

    def confirm_abort(self, rollout_id: str) -> Response:
        """GET /rollouts/{id}/abort"""
        return self._html("rollouts/abort.html", it=self._view(rollout_id))

    def abort(self, rollout_id: str) -> BareResponse:
        """POST /rollouts/{id}/abort"""
        jobs = request.form.get("jobs") == "true"
        return _back_to(self._rollouts.abort(rollout_id, jobs=jobs, by=holder_name()).id)


class _Changed:
    """Renders the parts of a page, and leaves out those that are as they were sent last."""

    def __init__(self, parts: Callable[[str], Mapping[str, str]]) -> None:
        self._parts = parts
        self._sent: dict[str, str] = {}

    def __call__(self, rollout_id: str) -> Mapping[str, object]:
        parts = self._parts(rollout_id)
        changed = {name: html for name, html in parts.items() if self._sent.get(name) != html}
        self._sent |= changed
        return {"whole": changed}


def _back_to(rollout_id: str) -> BareResponse:
    return redirect(url_for("page_rollouts.one", rollout_id=rollout_id), 303)
