"""Server-sent events as they go over the wire, and the events of a job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from okapi_install.config import Settings
from okapi_install.domain.errors import StoreUnavailable
from okapi_install.domain.jobs import Job, JobStatus, StepStatus
from okapi_install.service.ports import Ending, Progress
from okapi_install.web.http import waiting
from okapi_install.web.http.sse import Event, encoded, event_stream, last_event_id
from okapi_install.web.job_events import job_events
from tests.contract.builders import claimed, submit
from tests.unit.web.jobs_site import JobsSite
from tests.unit.web.page.page_site import Site


def test_an_event_has_an_id_a_name_and_one_line_of_data() -> None:
    sent = b"".join(encoded([Event(name="job", id=7, data={"text": "two\nlines"})], 1500))
    assert sent == b'retry: 1500\n\nid: 7\nevent: job\ndata: {"text":"two\\nlines"}\n\n'


def test_an_event_without_an_id_leaves_the_id_of_the_client_as_it_is() -> None:
    assert list(encoded([Event(name="gone", data={})], 1))[1] == b"event: gone\ndata: {}\n\n"


def test_a_sign_of_life_is_a_comment() -> None:
    assert list(encoded([None], 1))[1] == b": still here\n\n"


def test_a_stream_is_neither_cached_nor_buffered() -> None:
    app = Flask(__name__)
    waiting.install(app, Settings())
    with app.test_request_context():
        response = event_stream([])
    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize(
    ("header", "parameter", "seen"),
    [
        ("12", None, 12),
        ("12", "3", 12),
        (None, "3", 3),
        (None, None, -1),
        ("", "3", -1),
        ("x", None, -1),
        ("-5", None, -1),
        ("²", None, -1),
        ("1234567890", None, -1),
    ],
)
def test_a_client_goes_on_where_it_stopped(header: str | None, parameter: str | None, seen: int) -> None:
    headers = {} if header is None else {"Last-Event-ID": header}
    with Flask(__name__).test_request_context(headers=headers):
        assert last_event_id(parameter) == seen


@pytest.fixture
def site() -> Site:
    return Site()


def stream(site: Site, job: Job, since: int = -1) -> Iterator[Event | None]:
    return job_events(site.installs, job.id, since, name="job", render=lambda _, seen: {"from": seen})


def test_each_change_is_one_event_whose_id_is_the_revision(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    events = stream(site, job)
    assert next(events) == Event(name="job", id=job.revision, data={"from": -1})
    claim = site.begin(job)
    site.step(claim, 0, status=StepStatus.RUNNING, started=claim.now)
    changed = site.store.job(job.id)
    assert next(events) == Event(name="job", id=changed.revision, data={"from": job.revision})
    site.finish(claim, Ending(status=JobStatus.DONE))
    last = site.store.job(job.id).revision
    assert next(events) == Event(name="job", id=last, data={"from": changed.revision})
    assert list(events) == [Event(name="end", id=last, data={"id": job.id, "status": "done"})]


def test_a_reader_that_has_seen_it_all_gets_a_sign_of_life_and_after_the_end_only_the_end(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    assert next(stream(site, job, job.revision)) is None
    site.store.abort(job.id, keep=False)
    failed = site.failed_job()
    assert [event and event.name for event in stream(site, failed, failed.revision)] == ["end"]


def test_a_job_that_is_deleted_is_gone(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    events = stream(site, job)
    next(events)
    site.store.abort(job.id, keep=False)
    assert list(events) == [Event(name="gone", data={"id": job.id})]


def test_a_stream_is_cut_when_the_store_is_unavailable(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    job = site.job("mod-a-1.0.0")
    events = stream(site, job, job.revision)
    next(events)

    def unavailable(job_id: str) -> Job:
        raise StoreUnavailable("the database is restarting")

    monkeypatch.setattr(site.installs, "job", unavailable)
    monkeypatch.setattr(site.installs, "wait_changed", lambda *_: None)
    assert list(events) == []


def test_two_events_of_a_busy_job_are_a_pause_apart(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    pauses: list[float] = []
    events = job_events(site.installs, job.id, -1, name="job", render=lambda *_: {}, pause=0.5, sleep=pauses.append)
    next(events)
    site.begin(job)
    next(events)
    assert pauses == [0.5]


def test_the_api_sends_a_reader_that_comes_back_the_modules_that_changed_since() -> None:
    site = JobsSite()
    job = submit(site.house.store, "diku", "mod-a-1.0.0", "mod-b-1.0.0")
    claim = claimed(site.house.store, job)
    begun = replace(job.steps[1], status=StepStatus.RUNNING, started=claim.now)
    site.house.store.save(claim, Progress(steps=(begun,)))
    site.house.store.finish(claim, Ending(status=JobStatus.DONE), Progress())
    path = f"/_/install/jobs/{job.id}/events"
    whole = site.client.get(path).text
    assert '"id":"mod-a-1.0.0"' in whole
    assert '"id":"mod-b-1.0.0"' in whole
    for again in (
        site.client.get(path, headers={"Last-Event-ID": str(job.revision)}),
        site.client.get(f"{path}?lastEventId={job.revision}"),
    ):
        assert '"id":"mod-a-1.0.0"' not in again.text
        assert '"id":"mod-b-1.0.0"' in again.text
        assert "event: end" in again.text
    assert site.client.get("/_/install/jobs/none/events").status_code == 404
