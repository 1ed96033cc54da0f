"""The list of jobs as HTML. All pages and event streams that show the same part of it share one query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import Environment
from markupsafe import Markup

from okapi_install.domain.presentation.states import State, states_named
from okapi_install.service.jobs.installs import MOST_COUNTED, InstallService, JobCounts
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.service.ports import JobFilter
from okapi_install.web.page.recent import Look, Recent
from okapi_install.web.page.views import JobLine
from okapi_install.web.states import STYLES, StateStyle

PER_PAGE = 25


SLOW = "slow"
"""The filter for running jobs with a module that runs longer than it ever did."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the list: of one tenant or all, in the states of that name, slow, or all. Pages count from 1."""

    tenant: str | None = None
    status: str | None = None
    page: int = 1

    def filter(self, slow: frozenset[str]) -> JobFilter:
        """The filter for the store."""
        states = states_named(self.status or "") or frozenset()
        place = {"limit": PER_PAGE, "offset": (self.page - 1) * PER_PAGE, "most_counted": MOST_COUNTED}
        return JobFilter(tenant=self.tenant, states=states, ids=slow if self.status == SLOW else None, **place)


@dataclass(frozen=True, slots=True)
class Count:
    """How many jobs a filter finds. `name` is its name, empty for all jobs."""

    name: str
    word: str
    number: int
    style: StateStyle | None = None

    @property
    def text(self) -> str:
        """The number, as far as it was counted."""
        return f"{MOST_COUNTED}+" if self.number > MOST_COUNTED else str(self.number)


def counts_of(found: JobCounts) -> tuple[Count, ...]:
    """The counts above the list: what needs attention first. Those without jobs are left out."""
    order = (State.RUNNING, State.WAITING, State.ABORTING, State.FAILED, State.STOPPED, State.DONE)
    states = [Count(state.value, state.word, found.by_state.get(state, 0), STYLES[state]) for state in order]
    running, *others = states
    told = [Count("", "jobs" if found.total != 1 else "job", found.total), running, Count(SLOW, SLOW, len(found.slow))]
    return tuple(count for count in (*told, *others) if count.number or not count.name)


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
        self._counts = templates.get_template("jobs_counts.html")
        self._pulse = templates.get_template("pulse.html")
        self._snapshots = snapshots
        self._recent = Recent(self.fresh, monotonic)

    def fresh(self, part: Part) -> Look:
        """The part as of now."""
        counts = self._installs.counts(part.tenant)
        found = self._installs.find(part.filter(counts.slow))
        lines = [JobLine.of(summary) for summary in self._snapshots.summaries(found.jobs)]
        html = Markup(self._template.render(jobs=lines, part=part))  # noqa: S704 - a template that escapes
        active = any(not job.complete for job in found.jobs)
        parts = {
            "counts": Markup(self._counts.render(counts=counts_of(counts), part=part)),  # noqa: S704
            "pulse": Markup(self._pulse.render(no_worker=self._snapshots.no_worker())),  # noqa: S704
        }
        mark = (found.total, *parts.values(), *map(_mark, lines))
        return Look(mark, html, found.total, active, PER_PAGE, more=found.more, parts=parts)

    def recent(self, part: Part) -> Look:
        """The part, at most a second old, or a little more if the store is slow."""
        return self._recent.look(part)


def _mark(line: JobLine) -> tuple[object, ...]:
    return line.id, line.revision, line.estimate, line.waiting
