"""Our own paths below /_/install: jobs of all tenants, everything about one, its events, history, abort, retry."""

from __future__ import annotations

from flask import Blueprint, Response

from okapi_install.domain import messages
from okapi_install.domain.errors import UserError
from okapi_install.domain.history import NOTABLE
from okapi_install.domain.jobs import COMPLETE, Job
from okapi_install.domain.presentation.states import FILTER_NAMES, State, states_named
from okapi_install.service.jobs.installs import InstallService
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.service.ports import HistoryFilter, JobFilter
from okapi_install.web.api.retries import retry_choice, retry_plan_view
from okapi_install.web.http.conditional import with_etag
from okapi_install.web.http.module_headers import module_headers
from okapi_install.web.http.paging import with_links
from okapi_install.web.http.requests import flag, parameter, request_context, whole_number
from okapi_install.web.http.responses import json_answer
from okapi_install.web.http.sse import event_stream, last_event_id
from okapi_install.web.http.waiting import waiting_for_a_job
from okapi_install.web.job_events import job_events
from okapi_install.web.job_views import event_view, job_view, listed_view

MOST_JOBS = 500
MOST_EVENTS = 5000
LONGEST_WAIT = 60_000


def blueprint(installs: InstallService, snapshots: SnapshotService) -> Blueprint:
    """The paths below /_/install."""
    found = Blueprint("jobs_api", __name__, url_prefix="/_/install")
    handlers = JobHandlers(installs, snapshots)
    found.get("/jobs")(handlers.jobs)
    found.get("/jobs/<job_id>")(handlers.job)
    found.get("/jobs/<job_id>/events")(handlers.events)
    found.get("/jobs/<job_id>/history")(handlers.history)
    found.post("/jobs/<job_id>/abort")(handlers.abort)
    found.post("/jobs/<job_id>/retry")(handlers.retry)
    return found


class JobHandlers:
    """One method for each path and method."""

    def __init__(self, installs: InstallService, snapshots: SnapshotService) -> None:
        self._installs = installs
        self._snapshots = snapshots

    def jobs(self) -> Response:
        """GET /_/install/jobs"""
        limit, offset = _page(50, MOST_JOBS)
        which = JobFilter(tenant=parameter("tenant"), states=_states(), limit=limit, offset=offset)
        page = self._installs.find(which)
        summaries = [listed_view(summary) for summary in self._snapshots.summaries(page.jobs)]
        answer = json_answer({"jobs": summaries, "total": page.total, **({"more": True} if page.more else {})})
        return with_links(answer, limit=limit, offset=offset, total=page.total, more=page.more)

    def job(self, job_id: str) -> Response:
        """GET /_/install/jobs/{id}, which waits for another revision with `wait` and `revision`."""
        wait = min(whole_number("wait", 0), LONGEST_WAIT)
        found = self._installs.job(job_id)
        known = whole_number("revision", found.revision)
        if wait > 0 and found.revision == known and not found.complete:
            with waiting_for_a_job():
                self._installs.wait_changed(job_id, known, wait / 1000)
            found = self._installs.job(job_id)
        return with_etag(json_answer(self._view(found)), found)

    def _view(self, job: Job, since: int = -1) -> dict[str, object]:
        return job_view(self._snapshots.of(job), since)

    def events(self, job_id: str) -> Response:
        """GET …/events: server-sent events. The id of an event is the job's revision; see docs/api.md."""
        self._installs.job(job_id)
        since = last_event_id(parameter("lastEventId"))
        return event_stream(job_events(self._installs, job_id, since, name="job", render=self._view))

    def history(self, job_id: str) -> Response:
        """GET …/history: what happened to the job and its modules, oldest first."""
        limit, offset = _page(1000, MOST_EVENTS)
        kinds = NOTABLE if flag("notable", False) else None
        page = self._installs.history(job_id, HistoryFilter(kinds=kinds, limit=limit, offset=offset))
        answer = json_answer({"events": [event_view(event) for event in page.events], "total": page.total})
        return with_links(answer, limit=limit, offset=offset, total=page.total)

    def abort(self, job_id: str) -> Response:
        """POST …/abort: as DELETE, but the record of the job is kept."""
        if self._installs.abort(job_id, keep=True, by=request_context().requested_by).was in COMPLETE:
            raise UserError(f"Job {job_id} is complete: there is nothing to abort")
        return json_answer(self._view(self._installs.job(job_id)), 202)

    def retry(self, job_id: str) -> Response:
        """POST …/retry: runs the steps that are not done again, or some of them. With `simulate`, the plan of that."""
        choice = retry_choice()
        if flag("simulate", False):
            return json_answer(retry_plan_view(*self._installs.planned_retry(job_id, choice)))
        job = self._installs.retry(job_id, module_headers(), request_context().requested_by, choice)
        return json_answer(self._view(job), 202)


def _page(usual: int, most: int) -> tuple[int, int]:
    """The query parameters `limit` and `offset`. Raises UserError."""
    limit, offset = whole_number("limit", usual), whole_number("offset", 0)
    if not 0 <= limit <= most or offset < 0:
        raise UserError(f"limit must be 0 to {most}, and offset 0 or more")
    return limit, offset


def _states() -> frozenset[State]:
    name = parameter("status")
    if name is None:
        return frozenset()
    found = states_named(name)
    if found is None:
        raise UserError(messages.unknown_state(name, FILTER_NAMES))
    return found
