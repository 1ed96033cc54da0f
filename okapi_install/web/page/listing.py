"""The list of jobs as HTML, for pages and for event streams: looked up once for all who look at the same part of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import Environment
from markupsafe import Markup

from okapi_install.domain.jobs import Job, JobStatus
from okapi_install.service.installs import InstallService
from okapi_install.service.ports import JobFilter
from okapi_install.service.snapshots import SnapshotService
from okapi_install.web.page.views import JobLine

PER_PAGE = 25
_YOUNG = 1.0
_SHARE = 20
"""A look is kept for that many times as long as it took: however slow the store, looking takes a twentieth of it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the list: of a tenant or all, of a status or all, and the page from 1."""

    tenant: str | None = None
    status: JobStatus | None = None
    page: int = 1

    @property
    def filter(self) -> JobFilter:
        """For the store."""
        return JobFilter(tenant=self.tenant, status=self.status, limit=PER_PAGE, offset=(self.page - 1) * PER_PAGE)


@dataclass(frozen=True, slots=True)
class Look:
    """What a part of the list was at a moment. Two looks with the same mark show the same jobs in the same states."""

    mark: tuple[object, ...]
    html: Markup
    total: int
    active: bool
    """Whether a job in it is not complete."""

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // PER_PAGE))


class Listing:
    """Looks at the list, one at a time."""

    def __init__(
        self,
        installs: InstallService,
        snapshots: SnapshotService,
        templates: Environment,
        monotonic: Callable[[], float],
    ) -> None:
        self._installs = installs
        self._template = templates.get_template("jobs_table.html")
        self._snapshots = snapshots
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: dict[Part, tuple[float, Look]] = {}

    def fresh(self, part: Part) -> Look:
        """That part as it is now."""
        found = self._installs.find(part.filter)
        lines = [JobLine.of(self._snapshots.summary(job)) for job in found.jobs]
        html = Markup(self._template.render(jobs=lines, part=part))  # noqa: S704 - a template that escapes
        active = any(not job.complete for job in found.jobs)
        return Look((found.total, *map(_mark, found.jobs)), html, found.total, active)

    def recent(self, part: Part) -> Look:
        """That part as it was a second ago at the most, or a little longer where looking is slow."""
        with self._lock:
            until, look = self._kept.get(part, (0.0, None))
            began = self._monotonic()
            if look is not None and began < until:
                return look
            look = self.fresh(part)
            ended = self._monotonic()
            if len(self._kept) > 200:
                self._kept.clear()
            self._kept[part] = ended + max(_YOUNG, (ended - began) * _SHARE), look
            return look


def _mark(job: Job) -> tuple[str, int]:
    return job.id, job.revision
