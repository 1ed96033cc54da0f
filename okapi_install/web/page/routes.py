"""The routes of the page: jobs, one job and its history, tenants, abort and retry, login."""

from __future__ import annotations

import time

from flask import Blueprint, Response, current_app, redirect, request
from werkzeug.wrappers import Response as BareResponse

from okapi_install.domain import messages, okapi_messages
from okapi_install.domain.errors import OkapiInstallError, UserError
from okapi_install.domain.jobs import Job
from okapi_install.domain.presentation.states import FILTER_NAMES, OF_JOBS, states_named
from okapi_install.service.jobs.installs import InstallService
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.service.tenants import TenantService
from okapi_install.web.access.key_brake import BRAKE, KeyBrake
from okapi_install.web.access.login import COOKIE, LOGIN_PATH, PageLogin, safe_target
from okapi_install.web.access.roles import holder_name
from okapi_install.web.http.errors import refusal
from okapi_install.web.http.module_headers import module_headers
from okapi_install.web.http.sse import event_stream, last_event_id
from okapi_install.web.page.curl import curl_commands
from okapi_install.web.page.graph import graph_svg
from okapi_install.web.page.history import History
from okapi_install.web.page.listing import SLOW, Listing, Part
from okapi_install.web.page.live import Live
from okapi_install.web.page.rendering import Rendering, page_number, while_signed_in
from okapi_install.web.page.retrying import RetryView, choice_of
from okapi_install.web.page.timeline import timeline_svg
from okapi_install.web.page.views import JobPageView, dependencies
from okapi_install.web.words import segment

_MOST_DRAWN = 500
"""The pictures of a job with more modules come after the page: drawing them takes as long as all the rest."""


def blueprint(
    installs: InstallService, snapshots: SnapshotService, tenants: TenantService, login: PageLogin, rendering: Rendering
) -> Blueprint:
    """The paths of the page. `login` checks the API key, if there is one."""
    found = Blueprint("page", __name__)
    page = Page(installs, snapshots, tenants, login, rendering)
    found.before_request(rendering.check_origin)
    found.get("/")(page.jobs)
    found.get("/page/events")(page.job_events)
    found.get("/jobs/<job_id>")(page.job)
    found.get("/page/jobs/<job_id>/events")(page.one_job_events)
    found.get("/jobs/<job_id>/history")(page.history)
    found.get("/jobs/<job_id>/graph.svg")(page.graph)
    found.get("/jobs/<job_id>/timeline.svg")(page.timeline)
    found.get("/jobs/<job_id>/abort")(page.confirm_abort)
    found.post("/jobs/<job_id>/abort", endpoint="abort")(page.abort)
    found.get("/jobs/<job_id>/retry")(page.confirm_retry)
    found.post("/jobs/<job_id>/retry", endpoint="retry")(page.retry)
    found.get("/tenants/<tenant>")(page.tenant)
    found.get("/login")(page.login_form)
    found.post("/login", endpoint="login")(page.login)
    found.post("/logout")(page.logout)
    found.register_error_handler(OkapiInstallError, rendering.problem)
    found.app_errorhandler(404)(page.no_such_page)
    return found


class Page:
    """One method for each path and method."""

    def __init__(
        self,
        installs: InstallService,
        snapshots: SnapshotService,
        tenants: TenantService,
        login: PageLogin,
        rendering: Rendering,
    ) -> None:
        self._installs = installs
        self._snapshots = snapshots
        self._tenants = tenants
        self._login = login
        self._html = rendering.html
        self._missing = rendering.missing
        self._listing = Listing(installs, snapshots, rendering.templates, time.monotonic)
        self._history = History(installs, rendering.templates)
        self._live = Live(installs, snapshots, self._listing, rendering.templates)

    def jobs(self) -> Response:
        """GET /"""
        part = _part()
        names = [tenant.id for tenant in self._tenants.all()]
        return self._html("jobs.html", look=self._listing.fresh(part), part=part, tenants=names, states=OF_JOBS)

    def job_events(self) -> Response:
        """GET /page/events, with the parameters of the list."""
        return event_stream(while_signed_in(self._login, self._live.jobs(_part())), retry=2000)

    def job(self, job_id: str) -> Response:
        """GET /jobs/{id}"""
        job = self._installs.job(job_id)
        snapshot = self._snapshots.of(job)
        view, show = JobPageView.of(snapshot), request.args.get("show", "")
        drawn = len(job.steps) <= _MOST_DRAWN
        return self._html(
            "job.html",
            job=view,
            show=show,
            show_key=next((chip.key for chip in view.chips if chip.name == show), ""),
            no_worker=not job.complete and self._snapshots.no_worker(),
            graph=graph_svg(snapshot.summary) if drawn else None,
            timeline=timeline_svg(snapshot) if drawn else None,
            dependencies=dependencies(job),
            history=self._history.notable(job_id),
            commands=curl_commands(job, request.host_url.rstrip("/")),
        )

    def one_job_events(self, job_id: str) -> Response:
        """GET /page/jobs/{id}/events"""
        self._installs.job(job_id)
        events = self._live.job(job_id, last_event_id(request.args.get("since")))
        return event_stream(while_signed_in(self._login, events))

    def history(self, job_id: str) -> Response:
        """GET /jobs/{id}/history"""
        return self._html("history.html", job=self._view(job_id), events=self._history.page(job_id, page_number()))

    def graph(self, job_id: str) -> Response:
        """GET /jobs/{id}/graph.svg"""
        return _picture(graph_svg(self._snapshots.summary(self._installs.job(job_id))))

    def timeline(self, job_id: str) -> Response:
        """GET /jobs/{id}/timeline.svg"""
        return _picture(timeline_svg(self._snapshots.of(self._installs.job(job_id))))

    def confirm_abort(self, job_id: str) -> Response:
        """GET /jobs/{id}/abort"""
        return self._html("abort.html", job=self._view(job_id))

    def abort(self, job_id: str) -> BareResponse:
        """POST /jobs/{id}/abort: the job stays in the list."""
        job = self._installs.job(job_id)
        if not job.complete:
            self._installs.abort(job_id, keep=True, by=holder_name())
        return _back_to(job)

    def confirm_retry(self, job_id: str) -> Response:
        """GET /jobs/{id}/retry"""
        job = self._installs.job(job_id)
        view = JobPageView.of(self._snapshots.of(job))
        return self._html("retry.html", job=view, view=RetryView.of(job, choice_of(request.args)))

    def retry(self, job_id: str) -> BareResponse:
        """POST /jobs/{id}/retry"""
        job = self._installs.retry(job_id, module_headers(), holder_name(), choice_of(request.form))
        return _back_to(job)

    def tenant(self, tenant: str) -> Response:
        """GET /tenants/{id}"""
        known = self._tenants.get(tenant)
        part = Part(tenant=tenant, page=page_number())
        enabled = self._tenants.enabled(tenant)
        return self._html("tenant.html", tenant=known, enabled=enabled, look=self._listing.fresh(part), part=part)

    def login_form(self) -> Response:
        """GET /login"""
        target = safe_target(request.args.get("next"))
        return self._html("login.html", needed=self._login.keys.needed, refused=False, target=target)

    def login(self) -> BareResponse:
        """POST /login"""
        target = safe_target(request.form.get("next"))
        brake: KeyBrake = current_app.extensions[BRAKE]
        address, sent = request.remote_addr or "", request.form.get("key", "")
        if brake.blocks(address):
            return self._html("problem.html", 429, title="Too many wrong keys", text=messages.too_many_wrong_keys())
        session = self._login.new_session(sent)
        if session is None:
            brake.wrong(address, sent)
            return self._html("login.html", 403, needed=self._login.keys.needed, refused=True, target=target)
        answer = redirect(target, 303)
        answer.set_cookie(COOKIE, session, httponly=True, samesite="Strict", secure=request.is_secure, path="/")
        return answer

    def logout(self) -> BareResponse:
        """POST /logout"""
        self._login.end_session(request.cookies.get(COOKIE))
        answer = redirect(LOGIN_PATH, 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=request.is_secure, path="/")
        return answer

    def no_such_page(self, _error: Exception) -> Response:
        """An unknown path: a page for a browser, Okapi's words for all others."""
        wants_html = any(kind == "text/html" for kind, _ in request.accept_mimetypes)
        if wants_html and not request.path.startswith("/_/"):
            return self._missing()
        return refusal(404, okapi_messages.no_such_path(), "no_such_path")

    def _view(self, job_id: str) -> JobPageView:
        return JobPageView.of(self._snapshots.of(self._installs.job(job_id)))


def _part() -> Part:
    """The part of the list that the query parameters select. Raises UserError for an unknown status."""
    status = request.args.get("status") or None
    if status is not None and status != SLOW and states_named(status) is None:
        raise UserError(messages.unknown_state(status, (*FILTER_NAMES, SLOW)))
    return Part(request.args.get("tenant") or None, status, page_number())


def _back_to(job: Job) -> BareResponse:
    return redirect(f"/jobs/{segment(job.id)}", 303)


def _picture(svg: str) -> Response:
    answer = Response(svg, mimetype="image/svg+xml")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    return answer
