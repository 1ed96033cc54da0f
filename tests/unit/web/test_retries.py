"""Retries of chosen modules in the API and on the page."""

from __future__ import annotations

import pytest

from okapi_install.domain.jobs import Job
from tests.fakes.fake_modules import answer
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

MODULES = ("a-1.0.0", "b-1.0.0", "c-1.0.0", "d-1.0.0")
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def site() -> JobsSite:
    """A whole API in memory."""
    return JobsSite()


@pytest.fixture
def job(site: JobsSite) -> Job:
    """A job of a, b, c (a chain) and d, in which b has failed."""
    site.house.script("b-1.0.0", lambda _: answer(500, "boom"))
    return site.house.carried_out(*enable(*MODULES))


def _path(job: Job) -> str:
    return f"/_/install/jobs/{job.id}/retry"


def test_a_simulated_retry_says_what_would_run_and_changes_nothing(site: JobsSite, job: Job) -> None:
    answer = site.client.post(f"{_path(job)}?simulate=true", json={"skip": ["b-1.0.0"]})
    assert (answer.status_code, answer.get_json()) == (
        200,
        {
            "run": ["d-1.0.0"],
            "skipped": [{"id": "b-1.0.0", "because": "b-1.0.0"}, {"id": "c-1.0.0", "because": "b-1.0.0"}],
            "left": [],
            "unmet": [],
        },
    )
    assert site.house.store.job(job.id) == job


def test_chosen_modules_are_retried(site: JobsSite, job: Job) -> None:
    answer = site.client.post(_path(job), json={"modules": ["b-1.0.0"]}, headers={"X-Okapi-User-Id": "u1"})
    assert answer.status_code == 202
    assert [module["status"] for module in answer.get_json()["modules"]] == ["done", None, None, None]
    assert [module["state"] for module in answer.get_json()["modules"]] == ["done", "not_started", "not_run", "not_run"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "not a JSON object"),
        ({"module": ["b-1.0.0"]}, "Unknown property module"),
        ({"modules": "b-1.0.0"}, "modules is not a list of module ids"),
        ({"skip": [1]}, "skip is not a list of module ids"),
        ({"anyway": "yes"}, "anyway is not true or false"),
        ({"modules": ["c-1.0.0"]}, "c-1.0.0 requires b-1.0.0"),
    ],
)
def test_a_body_that_cannot_be_is_refused(site: JobsSite, job: Job, body: object, words: str) -> None:
    for path in (_path(job), f"{_path(job)}?simulate=true"):
        answer = site.client.post(path, json=body)
        assert answer.status_code == 400
        assert words in answer.text
    assert site.house.store.job(job.id) == job


def test_a_retry_without_a_body_is_one_of_everything(site: JobsSite, job: Job) -> None:
    site.house.modules.scripts.clear()
    assert site.client.post(_path(job)).status_code == 202
    site.house.work()
    assert site.house.store.job(job.id).status.value == "done"


def test_the_page_offers_each_module_that_failed_and_says_what_skipping_it_means(site: JobsSite, job: Job) -> None:
    offered = site.client.get(f"/jobs/{job.id}/retry").text
    assert 'href="?skip=b-1.0.0"' in offered
    assert 'href="?module=b-1.0.0"' in offered
    asked = site.client.get(f"/jobs/{job.id}/retry?skip=b-1.0.0").text
    assert "Skip b-1.0.0 and run the rest?" in asked
    assert "c-1.0.0, because it requires b-1.0.0" in asked
    assert '<input type="hidden" name="skip" value="b-1.0.0">' in asked
    sent = site.client.post(f"/jobs/{job.id}/retry", data={"skip": "b-1.0.0"}, headers=HERE)
    assert sent.status_code == 303
    site.house.work()
    states = [step.held for step in site.house.store.job(job.id).steps]
    assert states == [False, True, True, False]
    assert "Skipped by a client" in site.client.get(f"/jobs/{job.id}").text


def test_the_page_refuses_a_missing_requirement_until_the_operator_insists(site: JobsSite, job: Job) -> None:
    refused = site.client.get(f"/jobs/{job.id}/retry?module=c-1.0.0").text
    assert "c-1.0.0 requires b-1.0.0" in refused
    assert 'name="anyway" value="true"' in refused
    forced = site.client.get(f"/jobs/{job.id}/retry?module=c-1.0.0&anyway=true").text
    assert "although what they require is missing: c-1.0.0 requires b-1.0.0" in forced
