"""What keeps open pages current: streams of server-sent events that carry the HTML of the parts that changed.

The script of the page puts the parts in their places; it knows nothing of jobs. The id of an event is what a browser
sends back as Last-Event-ID when it connects again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import orjson
from jinja2 import Environment

from okapi_install.domain.errors import NotFound, StoreUnavailable
from okapi_install.domain.jobs import Job
from okapi_install.service.installs import InstallService
from okapi_install.service.snapshots import SnapshotService
from okapi_install.web.page.listing import Listing, Part
from okapi_install.web.page.views import JobPageView

KEEP_ALIVE = 15.0
PACE = 0.5
"""Seconds between two events of a job at the least: people cannot read faster."""
LIST_PACE = 1.0

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
        self._head = templates.get_template("job_head.html")
        self._rows = templates.get_template("module_rows.html")
        self._sleep = sleep

    def jobs(self, part: Part) -> Iterator[bytes]:
        """The table of jobs whenever a job in that part of the list is new, has changed or is gone."""
        yield b"retry: 2000\n\n"
        told: tuple[object, ...] | None = None
        quiet = 0.0
        while True:
            try:
                look = self._listing.recent(part)
            except StoreUnavailable:
                return
            if look.mark != told:
                told, quiet = look.mark, 0.0
                yield event("parts", {"whole": {"jobs": look.html}})
            elif quiet >= KEEP_ALIVE:
                quiet = 0.0
                yield b": still here\n\n"
            self._sleep(LIST_PACE)
            quiet += LIST_PACE

    def job(self, job_id: str, since: int) -> Iterator[bytes]:
        """The head of a job's page and the rows that have changed since that revision, until the job is complete."""
        yield b"retry: 1000\n\n"
        told = since
        while True:
            try:
                job = self._installs.job(job_id)
            except NotFound:
                yield event("gone", {})
                return
            except StoreUnavailable:
                return
            if job.revision > told:
                yield event("parts", self._parts(job, told), job.revision)
            else:
                yield b": still here\n\n"
            told = max(told, job.revision)
            if job.complete:
                yield event("end", {})
                return
            self._sleep(PACE)
            self._installs.wait_changed(job_id, told, KEEP_ALIVE)

    def _parts(self, job: Job, told: int) -> Mapping[str, object]:
        view = JobPageView.of(self._snapshots.of(job))
        changed = [row for row in view.rows if row.revision > told]
        # A job that ends, or is planned again, changes how modules look that have not changed themselves.
        rows = view.rows if job.complete or told < 0 or len(changed) == len(view.rows) else changed
        return {
            "whole": {"head": self.head(view)} | ({"modules": self.rows(rows)} if rows is view.rows else {}),
            "changed": {} if rows is view.rows else {"modules": self.rows(rows)},
            "pictures": True,
            "announcement": view.announcement,
        }

    def head(self, view: JobPageView) -> str:
        """The part of the page that says how the job stands."""
        return self._head.render(job=view)

    def rows(self, rows: object) -> str:
        """Rows of the table of modules."""
        return self._rows.render(rows=rows)


def event(name: str, document: Mapping[str, object], ident: int | None = None) -> bytes:
    """A server-sent event with JSON as its data."""
    number = b"" if ident is None else b"id: %d\n" % ident
    return b"%sevent: %s\ndata: %s\n\n" % (number, name.encode(), orjson.dumps(document, default=str))
