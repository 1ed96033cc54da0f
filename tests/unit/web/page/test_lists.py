"""The page's lists: jobs of all tenants, tenants, a tenant; and what it says when there is no such thing."""

from __future__ import annotations

import re

import pytest

from okapi_install.domain.jobs import JobStatus, StepStatus
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.jobs.waiting import WaitingService
from okapi_install.service.ports import Ending, WorkerAbout
from okapi_install.web.page.listing import PER_PAGE
from tests.unit.web.page.page_site import Site

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"


@pytest.fixture
def site() -> Site:
    return Site()


def rows(html: str) -> list[str]:
    return re.findall(r'<tr data-key="([^"]+)"', html)


def test_jobs_of_all_tenants_are_listed_newest_first(site: Site) -> None:
    first, second = site.job("mod-a-1.0.0", tenant="one"), site.job("mod-b-1.0.0", tenant="two")
    html = site.text("/")
    assert rows(html) == [second.id, first.id]
    assert "install mod-a-1.0.0" in html
    assert "by ada" in html


def test_an_empty_server_says_how_to_start_the_first_job(site: Site) -> None:
    html = site.text("/")
    assert "No jobs yet." in html
    assert "<code>okapi-install install --tenant TENANT MODULE</code>" in html
    assert "No jobs yet for tenant diku." in site.text("/?tenant=diku")


@pytest.mark.parametrize("query", ["status=done", "tenant=diku&status=done", "page=7"])
def test_a_filter_without_a_match_does_not_claim_that_there_are_no_jobs(site: Site, query: str) -> None:
    html = site.text(f"/?{query}")
    assert "No jobs match." in html
    assert "No jobs yet" not in html


def test_the_list_can_be_narrowed_to_a_tenant_and_to_a_state(site: Site) -> None:
    queued, other = site.job("mod-a-1.0.0", tenant="one"), site.job("mod-b-1.0.0", tenant="two")
    claim = site.begin(other)
    site.finish(claim, Ending(status=JobStatus.DONE))
    assert rows(site.text("/?tenant=one")) == [queued.id]
    assert rows(site.text("/?status=done")) == [other.id]
    assert rows(site.text("/?tenant=one&status=done")) == ["none"]


def test_above_the_list_are_counts_by_state_and_each_is_a_filter(site: Site) -> None:
    site.failed_job()
    site.begin(site.job("mod-a-1.0.0", tenant="one"))
    html = site.text("/?status=failed")
    assert re.findall(
        r'<a href="/\?tenant=&amp;status=(\w*)"[^>]*>.*?<span class="num">(\d+)</span> (\w+)</a>', html
    ) == [
        ("", "2", "jobs"),
        ("running", "1", "running"),
        ("failed", "1", "failed"),
    ]
    assert '<a href="/?tenant=&amp;status=failed" aria-current="true"' in html


def test_slow_jobs_are_counted_and_found(site: Site) -> None:
    site.store._durations["mod-a", "enable"] = [1.0]
    slow, other = site.job("mod-a-1.0.0", tenant="one"), site.job("mod-b-1.0.0", tenant="two")
    for job in (slow, other):
        claim = site.begin(job)
        site.step(claim, 0, status=StepStatus.RUNNING, started=claim.now - 60)
    assert rows(site.text("/?status=slow")) == [slow.id]
    assert '<span class="num">1</span> slow' in site.text("/")
    assert rows(site.text("/?status=slow&tenant=two")) == ["none"]


def test_the_page_of_workers_says_which_are_alive_and_what_they_run(site: Site) -> None:
    assert "No worker has sent a heartbeat" in site.text("/workers")
    site.store.beat("lost@host#1", 15.0)
    site.store.pass_time(100.0)
    site.store.beat("w1@host#2", 15.0, WorkerAbout(concurrency=500, version="0.9.0"))
    site.clock.sleep(2.0)
    html = site.text("/workers")
    assert re.findall(r'<th scope="row">(.*?)</th>', html) == ["lost@host", "w1@host"]
    assert "0 of 500" in html
    assert "0.9.0" in html
    assert "Lost" in html
    stream = site.client.get("/page/workers/events")
    assert stream.mimetype == "text/event-stream"
    assert "w1@host" in str(next(chunk for chunk in stream.response if "event: parts" in str(chunk)))
    stream.close()


def test_a_page_without_a_running_worker_says_so(site: Site) -> None:
    timings = TimingsService(site.store, site.clock)
    site.snapshots.waiting = WaitingService(site.store, timings, site.clock, alive_within=15.0)
    job = site.job("mod-a-1.0.0")
    for path in ("/", f"/jobs/{job.id}"):
        assert "No worker is running" in site.text(path)
    site.store.beat("w1", 15.0)
    site.clock.sleep(2.0)
    assert "No worker is running" not in site.text("/")


def test_a_job_behind_another_has_a_link_to_it(site: Site) -> None:
    timings = TimingsService(site.store, site.clock)
    site.snapshots.waiting = WaitingService(site.store, timings, site.clock, alive_within=15.0)
    site.store.beat("w1", 15.0)
    first, second = site.job("mod-a-1.0.0"), site.job("mod-b-1.0.0")
    assert f'<a href="/jobs/{first.id}">behind job {first.id}' in site.text(f"/jobs/{second.id}")
    assert "behind another job of the same tenant, place 2 in line" in site.text("/")


def test_a_state_that_there_is_not_is_refused(site: Site) -> None:
    assert "Jobs have no state gone" in site.text("/?status=gone", 400)


def test_the_list_has_pages_that_keep_the_filter(site: Site) -> None:
    jobs = [site.job(f"mod-{number}-1.0.0") for number in range(PER_PAGE + 3)]
    first, second = site.text("/?tenant=diku"), site.text("/?tenant=diku&page=2")
    assert rows(first) == [job.id for job in jobs[:2:-1]]
    assert rows(second) == [job.id for job in jobs[2::-1]]
    assert "/?tenant=diku&amp;status=&amp;page=2" in first
    assert "/?tenant=diku&amp;status=&amp;page=1" in second


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999"])
def test_a_page_number_that_is_none_means_the_first(site: Site, page: str) -> None:
    job = site.job("mod-a-1.0.0")
    assert rows(site.text(f"/?page={page}")) == [job.id]


def test_an_aborted_job_is_not_called_failed(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    site.store.abort(job.id, keep=True)
    assert "Stopped" in site.text("/")


def test_words_of_others_are_text_and_nothing_else(site: Site) -> None:
    site.failed_job(HOSTILE)
    site.job(HOSTILE, tenant="diku", by=HOSTILE)
    for path in ("/", "/?tenant=" + HOSTILE.replace("&", "%26"), "/tenants/diku"):
        html = site.text(path)
        assert "<img src=x" not in html
        assert "49" not in re.findall(r"\{\{.*?\}\}|>49<", html)


def test_a_tenant_shows_its_modules_and_its_history(site: Site) -> None:
    mine, _ = site.job("mod-a-1.0.0"), site.job("mod-b-1.0.0", tenant="other")
    site.store._enabled["diku"].add("mod-x-1.2.3")
    html = site.text("/tenants/diku")
    assert "mod-x-1.2.3" in html
    assert "Datalogisk Institut" in html
    assert rows(html) == [mine.id]


def test_tenants_are_listed_and_those_at_work_marked(site: Site) -> None:
    job = site.job("mod-a-1.0.0", tenant="busy")
    site.job("mod-a-1.0.0", tenant="idle")
    site.begin(job)
    html = site.text("/tenants")
    assert html.count("a job is running") == 1
    assert f'href="/jobs/{job.id}"' in html


@pytest.mark.parametrize("path", ["/jobs/none", "/tenants/none", "/jobs/none/abort", "/no-such-thing"])
def test_what_is_not_there_is_a_page_with_404(site: Site, path: str) -> None:
    assert "Not found" in site.text(path, 404)


def test_a_program_gets_okapis_words_for_a_path_that_nobody_has(site: Site) -> None:
    answer = site.client.get("/no-such-thing")
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    assert "No suitable module found" in answer.text


def test_the_policy_lets_in_nothing_but_our_own(site: Site) -> None:
    job = site.failed_job()
    for path in ("/", f"/jobs/{job.id}", "/tenants", "/tenants/diku", "/login", "/none", f"/jobs/{job.id}/retry"):
        answer = site.client.get(path, headers={"Accept": "text/html"})
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", answer.text)
        assert not re.findall(r"<script(?![^>]* src=\"/static/)", answer.text)
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", answer.text)


def test_the_files_of_the_page_are_served(site: Site) -> None:
    for path in re.findall(r'"(/static/[^"]+)"', site.text("/")):
        with site.client.get(path) as answer:
            assert answer.status_code == 200
