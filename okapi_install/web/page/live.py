"""Event streams for open pages, with the HTML of the changed parts.

The script of the page replaces the parts and has no knowledge of jobs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from jinja2 import Environment

from okapi_install.domain.jobs import Job
from okapi_install.service.jobs.installs import InstallService
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.web.http.sse import Event
from okapi_install.web.job_events import job_events
from okapi_install.web.page.history import History, HistoryNews
from okapi_install.web.page.listing import Listing, Part
from okapi_install.web.page.recent import look_events
from okapi_install.web.page.views import JobPageView

JOB_PAUSE = 0.5
"""The least time in seconds between two events of a job: people cannot read faster."""

Sleep = Callable[[float], None]


class Live:
    """The streams of the page."""

    def __init__(
        self,
        installs: InstallService,
        snapshots: SnapshotService,
        listing: Listing,
        templates: Environment,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._installs = installs
        self._snapshots = snapshots
        self._listing = listing
        self._history = History(installs, templates)
        self._head = templates.get_template("job_head.html")
        self._meter = templates.get_template("job_meter.html")
        self._chips = templates.get_template("job_chips.html")
        self._pulse = templates.get_template("pulse.html")
        self._rows = templates.get_template("module_rows.html")
        self._sleep = sleep

    def jobs(self, part: Part) -> Iterator[Event | None]:
        """The table of jobs whenever a job in that part of the list is new, has changed or was removed."""
        return look_events(lambda: self._listing.recent(part), "jobs", self._sleep)

    def job(self, job_id: str, since: int) -> Iterator[Event | None]:
        """The head of a job's page and the rows that have changed since that revision, until the job is complete."""
        history = HistoryNews(self._history)

        def render(job: Job, seen: int) -> Mapping[str, object]:
            return self._parts(job, seen, history)

        return job_events(
            self._installs,
            job_id,
            since,
            name="parts",
            render=render,
            refresh=self._times,
            pause=JOB_PAUSE,
            sleep=self._sleep,
        )

    def _times(self, job: Job) -> Mapping[str, object]:
        """The part with the estimate, which changes while the job does not."""
        meter = self._meter.render(job=JobPageView.of(self._snapshots.of(job)))
        return {"whole": {"meter": meter, "pulse": self._pulse.render(no_worker=self._snapshots.no_worker())}}

    def _parts(self, job: Job, seen: int, history: HistoryNews) -> Mapping[str, object]:
        view = JobPageView.of(self._snapshots.of(job))
        changed = [row for row in view.rows if row.revision > seen]
        # A job that ends, or is planned again, changes how modules look that have not changed themselves.
        rows = view.rows if job.complete or seen < 0 or len(changed) == len(view.rows) else changed
        return {
            "whole": {"head": self.head(view), "chips": self._chips.render(job=view, show="")}
            | history.of(job)
            | ({"modules": self.rows(rows)} if rows is view.rows else {}),
            "changed": {} if rows is view.rows else {"modules": self.rows(rows)},
            "pictures": True,
            "announcement": view.announcement,
        }

    def head(self, view: JobPageView) -> str:
        """The part of the page with the state of the job."""
        return self._head.render(job=view)

    def rows(self, rows: object) -> str:
        """Rows of the table of modules."""
        return self._rows.render(rows=rows)
