"""The history of a job on its page: a fold-out of what is notable, which stays current, and all events."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from okapi_install.domain.history import EventKind, JobEvent, step_event
from okapi_install.domain.jobs import EndReason, Job, JobStatus, Problem, Step, StepStatus
from okapi_install.service.ports import Ending, HistoryFilter, Progress
from okapi_install.web.page.history import PER_PAGE
from okapi_install.web.page.listing import Listing
from okapi_install.web.page.live import Live
from okapi_install.web.templating import page_templates
from tests.contract.builders import begun
from tests.unit.web.page.page_site import Site
from tests.unit.web.page.test_live import next_event


@pytest.fixture
def site() -> Site:
    return Site()


def _fail(site: Site, job: Job) -> None:
    """A run in which the module fails."""
    claim, step = site.begin(job), site.store.job(job.id).steps[0]
    running = begun(step, claim.now)
    problem = Problem(message="<b>disk full</b>", code="507")
    failed = step_event(running, _ended(running, claim.now, problem))
    started = step_event(step, running)
    assert failed is not None
    assert started is not None
    site.store.save(claim, Progress(steps=(running,), events=(started,)))
    site.store.save(claim, Progress(steps=(_ended(running, claim.now, problem),), events=(failed,)))
    site.finish(claim, Ending(status=JobStatus.ERROR, message="it broke", reason=EndReason.FAILED))


def _ended(step: Step, now: float, problem: Problem) -> Step:
    return replace(step, status=StepStatus.ERROR, ended=now + 1, message="it broke", errors=(problem,))


def _folded(text: str) -> str:
    found = re.search(r'<ol class="history" data-part="history">(.*?)</ol>', text, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_page_of_a_job_shows_what_is_notable_with_the_errors_of_an_attempt_that_was_retried(site: Site) -> None:
    job = site.job("mod-a-1.0.0", by="ada")
    _fail(site, job)
    retried = JobEvent(kind=EventKind.RETRIED, by="bob")
    site.store.retry(job.id, job.steps, {}, "t2", retried)
    text = _folded(site.text(f"/jobs/{job.id}"))
    for words in ("Requested by ada", "Claimed by worker w1", "mod-a-1.0.0: failed", "Retry requested by bob"):
        assert words in text
    assert "&lt;b&gt;disk full&lt;/b&gt;" in text
    assert "mod-a-1.0.0: enable started" not in text


def test_all_events_are_on_a_page_of_their_own_in_parts(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    claim = site.begin(job)
    events = [JobEvent(kind=EventKind.STEP_STARTED, at=claim.now + n, change=job.steps[0].change) for n in range(300)]
    site.store.save(claim, Progress(events=tuple(events)))
    first, second = site.text(f"/jobs/{job.id}/history"), site.text(f"/jobs/{job.id}/history?page=2")
    assert (first.count("<li>"), second.count("<li>")) == (PER_PAGE, 302 - PER_PAGE)
    assert ('href="?page=2"' in first, 'href="?page=1"' in second) == (True, True)
    assert "302 events, oldest first" in first


def test_many_notable_events_are_cut_to_the_newest(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    claim = site.begin(job)
    events = [JobEvent(kind=EventKind.STEP_FAILED, at=claim.now + n, message=f"no {n}") for n in range(150)]
    site.store.save(claim, Progress(events=tuple(events)))
    text = _folded(site.text(f"/jobs/{job.id}"))
    assert "52 earlier events" in text
    assert "no 149" in text
    assert "no 49<" not in text


def test_an_open_page_gets_the_history_when_something_notable_happened(site: Site) -> None:
    templates = page_templates()
    listing = Listing(site.installs, site.snapshots, templates, site.clock.monotonic)
    live = Live(site.installs, site.snapshots, listing, templates, sleep=site.clock.sleep)
    job = site.job("mod-a-1.0.0", "mod-b-1.0.0")
    stream = live.job(job.id, -1)
    assert "Requested by ada" in next_event(stream)[1]["whole"]["history"]
    claim = site.begin(job)
    assert "Claimed by" in next_event(stream)[1]["whole"]["history"]
    site.step(claim, 0, status=StepStatus.RUNNING, started=claim.now)
    assert "history" not in next_event(stream)[1]["whole"]
    site.step(claim, 0, status=StepStatus.ERROR, ended=claim.now)
    assert "history" in next_event(stream)[1]["whole"]


def test_a_job_of_an_earlier_version_says_that_it_has_no_history(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    site.store._records[job.id].events.clear()
    assert "no history" in site.text(f"/jobs/{job.id}/history")
    assert site.store.history(job.id, HistoryFilter()).total == 0
