"""What the page changes: abort and retry, and only for pages of this server."""

from __future__ import annotations

import pytest

from okapi_install.domain.jobs import JobStatus, Stage, StepStatus
from okapi_install.web.access.origin import is_same_origin
from tests.unit.web.page.page_site import HERE, Site


@pytest.fixture
def site() -> Site:
    return Site()


def test_abort_asks_first_and_keeps_the_job(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    assert "Abort the job" in site.text(f"/jobs/{job.id}/abort")
    answer = site.client.post(f"/jobs/{job.id}/abort", headers=HERE)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{job.id}")
    assert site.store.job(job.id).status is JobStatus.ERROR
    assert "Stopped" in site.text(f"/jobs/{job.id}")


def test_abort_of_a_running_job_revokes_its_task(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    site.store.claim(job.id, "w1", "task-1", 15)
    site.client.post(f"/jobs/{job.id}/abort", headers=HERE)
    assert site.queue.revoked == ["task-1"]
    assert "Aborting" in site.text(f"/jobs/{job.id}")


def test_abort_of_a_job_that_has_ended_changes_nothing(site: Site) -> None:
    job = site.failed_job()
    assert "There is nothing to abort" in site.text(f"/jobs/{job.id}/abort")
    assert site.client.post(f"/jobs/{job.id}/abort", headers=HERE).status_code == 303
    assert site.store.job(job.id) == job


def test_retry_runs_the_same_job_again_without_asking_for_a_token(site: Site) -> None:
    job = site.failed_job()
    form = site.text(f"/jobs/{job.id}/retry")
    assert "2 modules will run again" in form
    assert "token" not in form.lower()
    answer = site.client.post(f"/jobs/{job.id}/retry", headers=HERE, data={"token": "a\r\nsecret"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{job.id}")
    assert site.store.job(job.id).status is JobStatus.QUEUED
    headers = site.begin(job).headers
    assert "secret" not in str(headers)
    assert headers["X-Okapi-Request-Id"].endswith("/jobs")
    assert headers["X-Okapi-Match-Path-Pattern"] == "/jobs/{installId}/retry"


def test_retry_of_what_cannot_be_retried_says_why(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    assert "There is nothing to retry" in site.text(f"/jobs/{job.id}/retry")
    answer = site.client.post(f"/jobs/{job.id}/retry", headers=HERE)
    assert answer.status_code == 400
    assert "That did not work" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "http://evil"},
        {"Origin": "null"},
        {"Referer": "http://evil/http://localhost/"},
    ],
)
@pytest.mark.parametrize("action", ["abort", "retry"])
def test_another_site_changes_nothing(site: Site, action: str, headers: dict[str, str]) -> None:
    waiting, failed = site.job("mod-a-1.0.0", tenant="x"), site.failed_job()
    job = waiting if action == "abort" else failed
    answer = site.client.post(f"/jobs/{job.id}/{action}", headers=headers)
    assert answer.status_code == 403
    assert "nothing was changed" in answer.text
    assert site.store.job(job.id) == job


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost"}, {"Referer": "http://localhost/jobs/1"}])
def test_a_browser_that_knows_no_fetch_metadata_is_known_by_its_origin(site: Site, headers: dict[str, str]) -> None:
    job = site.job("mod-a-1.0.0")
    assert site.client.post(f"/jobs/{job.id}/abort", headers=headers).status_code == 303


def test_an_origin_that_cannot_be_read_is_another_one() -> None:
    assert not is_same_origin({"Origin": "http://[::1"}, "localhost")


def test_the_page_lets_a_browser_say_where_a_form_comes_from(site: Site) -> None:
    assert site.client.get("/").headers["Referrer-Policy"] == "same-origin"


def test_a_module_cut_short_by_an_abort_is_stopped_and_not_failed(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    claim = site.begin(job)
    site.step(claim, 0, stage=Stage.INVOKE, status=StepStatus.RUNNING, started=claim.now)
    site.client.post(f"/jobs/{job.id}/abort", headers=HERE)
    site.store.end_abort(claim, {})
    html = site.text(f"/jobs/{job.id}")
    assert "Stopped" in html
    assert "failed" not in html.lower().replace("go to what failed or runs", "")
