"""The limits of requests that hold a thread without using it."""

from __future__ import annotations

import io

import pytest
from werkzeug.test import TestResponse

from okapi_install.config import Settings, SettingsError
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

INSTALL = "/_/proxy/tenants/diku/install"


@pytest.fixture
def site() -> JobsSite:
    """One request may wait; one large body may be sent."""
    return JobsSite(api_threads=4, api_waiting=1)


def test_beyond_the_limit_who_waits_is_refused_and_all_others_are_served(site: JobsSite) -> None:
    job = site.house.submit(*enable("d-1.0.0"))
    events = f"/_/install/jobs/{job.id}/events"
    first = site.client.get(events)
    waiting = [
        site.client.get(events),
        site.client.get("/page/events"),
        site.client.get(f"/page/jobs/{job.id}/events"),
        site.client.get(f"{INSTALL}/{job.id}?wait=1000"),
        site.client.get(f"/_/install/jobs/{job.id}?wait=1000"),
        site.client.post(INSTALL, json=[{"id": "a-1.0.0"}]),
        site.client.post("/_/proxy/tenants/diku/upgrade"),
        site.client.post("/_/proxy/tenants/diku/modules", json={"id": "a-1.0.0"}),
        site.client.delete("/_/proxy/tenants/diku/modules/a-1.0.0"),
    ]
    assert {answer.status_code for answer in waiting} == {503}
    assert waiting[0].headers["Retry-After"] == "2"
    assert "api_waiting" in waiting[0].text
    assert [known.id for known in site.house.store.jobs_of("diku")] == [job.id]
    assert site.client.get(f"{INSTALL}/{job.id}").status_code == 200
    assert site.client.post(f"{INSTALL}?async=true", json=[{"id": "a-1.0.0"}]).status_code == 201
    assert site.client.post(f"{INSTALL}?simulate=true", json=[{"id": "a-1.0.0"}]).status_code == 200
    first.close()
    second = site.client.get(events)
    assert second.status_code == 200
    second.close()


def test_a_place_comes_back_however_a_stream_ends(site: JobsSite) -> None:
    job = site.house.carried_out(*enable("d-1.0.0"))
    for _ in range(3):
        with site.client.get(f"/_/install/jobs/{job.id}/events") as stream:
            assert b"event: end" in stream.data
        with site.client.head(f"/_/install/jobs/{job.id}/events") as head:
            assert head.status_code == 200
        assert site.client.get("/_/install/jobs/none/events").status_code == 404


def test_so_many_large_bodies_may_be_sent_at_once_and_no_more(site: JobsSite) -> None:
    answers: list[TestResponse] = []

    class Slow(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            if not answers:
                answers.append(site.client.post("/_/env", data=b" " * 100_000))
                answers.append(site.client.post("/_/env", json={"name": "a", "value": "b"}))
            return super().readinto(buffer)  # type: ignore[arg-type]

    body = b'{"name": "c", "value": "d"}' + b" " * 100_000
    sent = {"wsgi.input": Slow(body), "CONTENT_LENGTH": str(len(body))}
    assert site.client.post("/_/env", environ_overrides=sent).status_code == 201
    assert [answer.status_code for answer in answers] == [503, 201]


def test_a_form_of_the_page_is_small(site: JobsSite) -> None:
    assert site.client.post("/login", data={"key": "x" * 100_000}).status_code == 413


def test_waiting_requests_leave_threads_for_others() -> None:
    assert Settings.load({}).most_waiting_requests == 300
    with pytest.raises(SettingsError, match="OKAPI_INSTALL_API_WAITING"):
        Settings.load({"OKAPI_INSTALL_API_THREADS": "10", "OKAPI_INSTALL_API_WAITING": "10"})
