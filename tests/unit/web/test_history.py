"""The history of a job in the API."""

from __future__ import annotations

import pytest

from okapi_install.domain.jobs import Job
from tests.fakes.fake_modules import answer
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite


@pytest.fixture
def site() -> JobsSite:
    """A whole API in memory."""
    return JobsSite()


def _failed_job(site: JobsSite) -> Job:
    site.house.script("b-1.0.0", lambda _: answer(422, {"errors": [{"message": "no disk", "parameters": []}]}))
    return site.house.carried_out(*enable("b-1.0.0"))


def _path(job: Job) -> str:
    return f"/_/install/jobs/{job.id}/history"


def test_the_history_of_a_job_says_what_happened_when_to_which_module(site: JobsSite) -> None:
    job = _failed_job(site)
    page = site.client.get(_path(job)).get_json()
    assert [event["kind"] for event in page["events"]] == [
        *("requested", "claimed", "step_started", "step_done", "step_started", "step_failed", "failed")
    ]
    assert page["total"] == 7
    failed = page["events"][5]
    assert failed["module"] == {"id": "b-1.0.0", "action": "enable"}
    assert failed["errors"] == [{"message": "no disk"}]
    assert failed["text"].startswith("b-1.0.0: failed: ")
    assert failed["date"].endswith("Z")
    assert page["events"][1]["worker"] == "w1"


def test_the_notable_events_leave_out_what_went_well(site: JobsSite) -> None:
    page = site.client.get(_path(_failed_job(site)), query_string={"notable": "true"}).get_json()
    assert [event["kind"] for event in page["events"]] == ["requested", "claimed", "step_failed", "failed"]
    assert page["total"] == 4


def test_a_history_has_pages_with_links(site: JobsSite) -> None:
    answer = site.client.get(_path(_failed_job(site)), query_string={"limit": 2, "offset": 2})
    assert [event["kind"] for event in answer.get_json()["events"]] == ["step_started", "step_done"]
    assert 'limit=2&offset=4>; rel="next"' in answer.headers["Link"]
    assert site.client.get(_path(_failed_job(site)), query_string={"limit": 5001}).status_code == 400


def test_who_retries_and_who_aborts_is_in_the_history(site: JobsSite) -> None:
    job = _failed_job(site)
    path, who = f"/_/install/jobs/{job.id}", {"X-Okapi-User-Id": "night-shift"}
    assert site.client.post(f"{path}/retry", headers=who).status_code == 202
    assert site.client.post(f"{path}/abort", headers=who).status_code == 202
    events = site.client.get(_path(job)).get_json()["events"][-2:]
    assert [(event["kind"], event["by"]) for event in events] == [
        ("retried", "night-shift"),
        ("aborted", "night-shift"),
    ]


def test_a_job_that_is_not_there_has_no_history(site: JobsSite) -> None:
    assert site.client.get("/_/install/jobs/none/history").status_code == 404


def test_a_job_says_where_its_modules_ran_and_where_their_logs_are() -> None:
    site = JobsSite(log_url="https://logs/?m={module}&t={tenant}")
    job = _failed_job(site)
    modules = site.client.get(f"/_/install/jobs/{job.id}").get_json()["modules"]
    assert [(m["instance"], m["tenantJob"], m["log"]) for m in modules] == [
        ("http://modules/a-1.0.0", None, "https://logs/?m=a-1.0.0&t=diku"),
        ("http://modules/b-1.0.0", None, "https://logs/?m=b-1.0.0&t=diku"),
    ]
    page = site.client.get(f"/jobs/{job.id}").text
    assert 'href="https://logs/?m=b-1.0.0&amp;t=diku"' in page
    assert "at http://modules/b-1.0.0" in page
    assert "at http://modules/a-1.0.0" not in page
