"""The list of jobs as HTML. All pages and event streams that show the same part of it share one query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import Environment
from markupsafe import Markup

from okapi_install.domain.presentation.states import states_named
from okapi_install.service.jobs.installs import InstallService
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.service.ports import JobFilter
from okapi_install.web.page.recent import Look, Recent
from okapi_install.web.page.views import JobLine

PER_PAGE = 25
_MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the list: of one tenant or all, in the states of that name or all. Pages count from 1."""

    tenant: str | None = None
    status: str | None = None
    page: int = 1

    @property
    def filter(self) -> JobFilter:
        """The filter for the store."""
        states = states_named(self.status or "") or frozenset()
        place = {"limit": PER_PAGE, "offset": (self.page - 1) * PER_PAGE, "most_counted": _MOST_COUNTED}
        return JobFilter(tenant=self.tenant, states=states, **place)


class Listing:
    """Reads parts of the list from the store, with one query at a time."""

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
        self._recent = Recent(self.fresh, monotonic)

    def fresh(self, part: Part) -> Look:
        """The part as of now."""
        found = self._installs.find(part.filter)
        lines = [JobLine.of(summary) for summary in self._snapshots.summaries(found.jobs)]
        html = Markup(self._template.render(jobs=lines, part=part))  # noqa: S704 - a template that escapes
        active = any(not job.complete for job in found.jobs)
        return Look((found.total, *map(_mark, lines)), html, found.total, active, PER_PAGE, more=found.more)

    def recent(self, part: Part) -> Look:
        """The part, at most a second old, or a little more if the store is slow."""
        return self._recent.look(part)


def _mark(line: JobLine) -> tuple[object, ...]:
    return line.id, line.revision, line.estimate
