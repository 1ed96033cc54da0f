"""The history of a job on the page: what is notable in a fold-out, and everything on a page of its own."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment
from markupsafe import Markup

from okapi_install.domain.history import NOTABLE, EventKind, JobEvent, words
from okapi_install.domain.jobs import Job, Problem, StepStatus
from okapi_install.service.jobs.installs import InstallService
from okapi_install.service.ports import HistoryFilter

PER_PAGE = 200
_MOST_NOTABLE = 100
_STYLES = {
    EventKind.STEP_FAILED: "error",
    EventKind.FAILED: "error",
    EventKind.UNPLANNABLE: "error",
    EventKind.TAKEN_OVER: "warning",
    EventKind.WAITS: "warning",
    EventKind.STEP_WAITS: "warning",
    EventKind.STEP_RECORDED_AGAIN: "warning",
    EventKind.CHANGED_BY_OTHERS: "warning",
    EventKind.STEP_SKIPPED: "warning",
    EventKind.STEP_STOPPED: "aborted",
    EventKind.ABORT_REQUESTED: "aborted",
    EventKind.ABORTED: "aborted",
    EventKind.REVOKED: "aborted",
    EventKind.DONE: "done",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLine:
    """An event in a list. `style` is its CSS class without `is-`."""

    at: float | None
    text: str
    style: str
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @classmethod
    def of(cls, event: JobEvent) -> EventLine:
        """The event as a line."""
        return cls(
            at=event.at,
            text=words(event),
            style=_STYLES.get(event.kind, "plain"),
            errors=event.errors,
            warnings=event.warnings,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPage:
    """A page of all events. Pages count from 1."""

    html: Markup
    page: int
    pages: int
    total: int


class History:
    """Reads the events of jobs, and renders them."""

    def __init__(self, installs: InstallService, templates: Environment) -> None:
        self._installs = installs
        self._lines = templates.get_template("history_lines.html")

    def notable(self, job_id: str) -> Markup:
        """The newest of the events that not every job has for every module, as the items of a list. Raises NotFound."""
        page = self._installs.history(job_id, HistoryFilter(kinds=NOTABLE, limit=_MOST_NOTABLE, newest=True))
        return self._rendered(page.events, page.total - len(page.events))

    def page(self, job_id: str, number: int) -> EventPage:
        """One page of all events. Raises NotFound."""
        found = self._installs.history(job_id, HistoryFilter(limit=PER_PAGE, offset=(number - 1) * PER_PAGE))
        pages = max(1, -(-found.total // PER_PAGE))
        return EventPage(html=self._rendered(found.events, 0), page=number, pages=pages, total=found.total)

    def _rendered(self, events: tuple[JobEvent, ...], earlier: int) -> Markup:
        lines = [EventLine.of(event) for event in events]
        return Markup(self._lines.render(lines=lines, earlier=earlier))  # noqa: S704 - a template that escapes


class HistoryNews:
    """The notable events for one open page of a job, when there may be new ones."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._seen: object = None

    def of(self, job: Job) -> dict[str, str]:
        """The part `history`, unless nothing has changed since the last call that would add a notable event."""
        failed = sum(step.status is StepStatus.ERROR for step in job.steps)
        seen = job.epoch, job.retries, job.status, failed
        if seen == self._seen:
            return {}
        self._seen = seen
        return {"history": str(self._history.notable(job.id))}
