"""Twenty modules that answer with megabytes: what is kept and shown of it is small, and hides nothing."""

from __future__ import annotations

import pytest

from tests.fakes.fake_modules import answer
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

MIB = 1 << 20
FORGED = "\x1b[2J\u202ered\r\nforged <b>line</b>"


@pytest.fixture
def site() -> JobsSite:
    return JobsSite()


def test_bodies_of_megabytes_make_small_lists_and_small_jobs(site: JobsSite) -> None:
    site.house.script("d-1.0.0", lambda _: answer(500, "E" * 4 * MIB))
    jobs = [site.house.carried_out(*enable("d-1.0.0")) for _ in range(20)]
    for path, most in (
        ("/_/install/jobs", 40_000),
        ("/_/proxy/tenants/diku/install", 30_000),
        ("/", 60_000),
        (f"/_/install/jobs/{jobs[0].id}", 20_000),
        (f"/_/proxy/tenants/diku/install/{jobs[0].id}", 20_000),
    ):
        got = site.client.get(path)
        assert got.status_code == 200
        assert len(got.data) < most, path
    assert "characters)" in str(jobs[0].message)


def test_a_list_carries_one_line_and_a_job_all_of_them(site: JobsSite) -> None:
    site.house.script("d-1.0.0", lambda _: answer(500, "no room\non the disk\nof the module"))
    job = site.house.carried_out(*enable("d-1.0.0"))
    for path in ("/_/install/jobs", "/_/proxy/tenants/diku/install"):
        assert b"no room" in site.client.get(path).data
        assert b"on the disk" not in site.client.get(path).data
    assert b"on the disk" in site.client.get(f"/_/install/jobs/{job.id}").data
    assert b"on the disk" in site.client.get(f"/_/proxy/tenants/diku/install/{job.id}").data


def test_the_page_shows_what_would_turn_it_around(site: JobsSite) -> None:
    site.house.script("d-1.0.0", lambda _: answer(500, FORGED))
    job = site.house.carried_out(*enable("d-1.0.0"))
    for path in ("/", f"/jobs/{job.id}"):
        html = site.client.get(path).get_data(as_text=True)
        assert r"\u202ered" in html
        assert not set(html) & set("\x1b\u202e")
        assert "<b>line" not in html
