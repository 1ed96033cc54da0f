"""Responses are compressed for those who accept it, where it is worth it."""

from __future__ import annotations

import gzip

import pytest

from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

ASKED = {"Accept-Encoding": "gzip"}


@pytest.fixture(scope="module")
def site() -> JobsSite:
    return JobsSite()


def test_a_large_response_is_compressed_for_who_accepts_it(site: JobsSite) -> None:
    plain = site.client.get("/openapi.json")
    packed = site.client.get("/openapi.json", headers=ASKED)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 4
    assert gzip.decompress(packed.data) == plain.data
    assert "Accept-Encoding" in plain.headers["Vary"]


def test_a_small_response_and_an_event_stream_are_sent_as_they_are(site: JobsSite) -> None:
    job = site.house.carried_out(*enable("d-1.0.0"))
    assert "Content-Encoding" not in site.client.get("/_/version", headers=ASKED).headers
    with site.client.get(f"/_/install/jobs/{job.id}/events", headers=ASKED) as stream:
        assert "Content-Encoding" not in stream.headers
        assert b"event: end" in stream.data


def test_an_etag_holds_for_the_compressed_response_too(site: JobsSite) -> None:
    job = site.house.carried_out(*enable("c-1.0.0"))
    path = f"/_/install/jobs/{job.id}"
    packed = site.client.get(path, headers=ASKED)
    assert packed.headers["Content-Encoding"] == "gzip"
    again = site.client.get(path, headers={**ASKED, "If-None-Match": packed.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert site.client.get(path).headers["ETag"] == packed.headers["ETag"]
