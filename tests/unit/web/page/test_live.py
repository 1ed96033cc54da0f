"""The streams that keep an open page current."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from okapi_install.domain.jobs import EndReason, JobStatus, Stage, StepStatus
from okapi_install.service.ports import Ending
from okapi_install.web.http.sse import Event
from okapi_install.web.page.listing import Listing, Part
from okapi_install.web.page.live import Live
from okapi_install.web.templating import page_templates
from tests.unit.web.page.page_site import Site


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def live(site: Site) -> Live:
    templates = page_templates()
    listing = Listing(site.installs, site.snapshots, templates, site.clock.monotonic)
    return Live(site.installs, site.snapshots, listing, templates, sleep=site.clock.sleep)


def next_event(stream: Iterator[Event | None]) -> tuple[str, dict[str, Any]]:
    for event in stream:
        if event is not None:
            return event.name, dict(event.data)
    return "closed", {}


def test_a_new_job_and_a_changed_one_come_to_an_open_list(site: Site, live: Live) -> None:
    site.job("mod-a-1.0.0")
    stream = live.jobs(Part())
    assert "mod-a-1.0.0" in next_event(stream)[1]["whole"]["jobs"]
    second = site.job("mod-b-1.0.0", tenant="two")
    assert "mod-b-1.0.0" in next_event(stream)[1]["whole"]["jobs"]
    site.begin(second)
    assert "Running" in next_event(stream)[1]["whole"]["jobs"]


def test_a_quiet_list_sends_signs_of_life_only(site: Site, live: Live) -> None:
    stream = live.jobs(Part())
    assert next_event(stream)[0] == "parts"
    began = site.clock.monotonic()
    assert next(stream) is None
    assert site.clock.monotonic() - began >= 15


def test_many_readers_of_one_list_cost_one_look(site: Site, live: Live) -> None:
    site.job("mod-a-1.0.0")
    looks: list[object] = []
    find = site.installs.find

    def counted(which: Any) -> Any:
        looks.append(which)
        return find(which)

    site.installs.find = counted  # type: ignore[method-assign]
    for _ in range(50):
        next_event(live.jobs(Part()))
    assert len(looks) == 1


def test_a_look_that_took_long_is_kept_for_longer(site: Site) -> None:
    listing = Listing(site.installs, site.snapshots, page_templates(), site.clock.monotonic)
    find = site.installs.find

    def slowly(which: Any) -> Any:
        site.clock.sleep(1.0)
        return find(which)

    site.installs.find = slowly  # type: ignore[method-assign]
    first = listing.recent(Part())
    site.clock.sleep(19.0)
    assert listing.recent(Part()) is first
    site.clock.sleep(1.5)
    assert listing.recent(Part()) is not first


def test_a_job_stream_sends_the_head_and_the_rows_that_changed(site: Site, live: Live) -> None:
    job = site.job("mod-a-1.0.0", "mod-b-1.0.0")
    claim = site.begin(job)
    stream = live.job(job.id, site.store.job(job.id).revision)
    site.step(claim, 1, stage=Stage.INVOKE, status=StepStatus.RUNNING, started=claim.now)
    name, news = next_event(stream)
    assert name == "parts"
    assert "1 running" in news["whole"]["head"]
    assert "mod-b-1.0.0" in news["changed"]["modules"]
    assert "mod-a-1.0.0" not in news["changed"]["modules"]
    assert news["announcement"] == "Job running"


def test_a_new_reader_gets_all_rows(site: Site, live: Live) -> None:
    job = site.job("mod-a-1.0.0", "mod-b-1.0.0")
    news = next_event(live.job(job.id, -1))[1]
    assert "mod-a-1.0.0" in news["whole"]["modules"]
    assert "mod-b-1.0.0" in news["whole"]["modules"]


def test_the_end_shows_what_was_not_run_and_closes_the_stream(site: Site, live: Live) -> None:
    job = site.job("mod-a-1.0.0", "mod-b-1.0.0")
    claim = site.begin(job)
    stream = live.job(job.id, site.store.job(job.id).revision)
    site.step(claim, 0, status=StepStatus.ERROR, message="broken")
    site.finish(claim, Ending(status=JobStatus.ERROR, message="broken", reason=EndReason.FAILED))
    name, news = next_event(stream)
    assert (name, news["announcement"]) == ("parts", "Job failed, 1 module failed")
    assert "Not run" in news["whole"]["modules"]
    assert next_event(stream)[0] == "end"
    assert next_event(stream)[0] == "closed"


def test_while_nothing_happens_the_estimate_is_sent_again_when_it_has_changed(site: Site, live: Live) -> None:
    site.store._durations["mod-a", "enable"] = [1.0, 1.0]
    job = site.job("mod-a-1.0.0")
    claim = site.begin(job)
    site.step(claim, 0, stage=Stage.INVOKE, status=StepStatus.RUNNING, started=claim.now)

    def pass_time(job_id: str, revision: int, seconds: float) -> None:
        del job_id, revision
        site.clock.sleep(seconds)

    site.installs.wait_changed = pass_time  # type: ignore[method-assign]
    stream = live.job(job.id, -1)
    assert "head" in next_event(stream)[1]["whole"]
    assert "overdue" not in next_event(stream)[1]["whole"]["meter"]
    assert next(stream) is None
    site.snapshots.now = lambda: claim.now + 60.0
    name, news = next_event(stream)
    assert (name, list(news), list(news["whole"])) == ("parts", ["whole"], ["meter", "pulse"])
    assert "overdue: mod-a-1.0.0 runs longer than ever" in news["whole"]["meter"]


def test_a_job_that_is_removed_says_so(site: Site, live: Live) -> None:
    job = site.job("mod-a-1.0.0")
    stream = live.job(job.id, 0)
    next(stream)
    site.store.abort(job.id, keep=False)
    assert next_event(stream)[0] == "gone"


def test_the_streams_have_addresses(site: Site) -> None:
    job = site.failed_job()
    answer = site.client.get(f"/page/jobs/{job.id}/events", headers={"Last-Event-ID": "999999"})
    assert answer.mimetype == "text/event-stream"
    assert "event: end" in answer.text
    assert "event: parts" not in answer.text
    assert site.client.get("/page/jobs/none/events").status_code == 404
    listing = site.client.get("/page/events?tenant=diku")
    assert listing.mimetype == "text/event-stream"
    listing.close()
