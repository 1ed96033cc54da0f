"""What the API does beyond Okapi by the conventions of HTTP: ETag, Retry-After, Prefer, Idempotency-Key, Link, CORS."""

from __future__ import annotations

import pytest

from okapi_install.domain.jobs import Job
from tests.fakes.fake_modules import answer
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

INSTALL = "/_/proxy/tenants/diku/install"
WANTED = [{"id": "b-1.0.0"}]
KEY = {"Idempotency-Key": "deploy-42"}


def paths(job: Job) -> list[str]:
    """Okapi's path of a job, and ours."""
    return [f"{INSTALL}/{job.id}", f"/_/install/jobs/{job.id}"]


def test_an_unfinished_job_tells_when_to_ask_again() -> None:
    site = JobsSite()
    job = site.house.submit(*enable("b-1.0.0"))
    for path in paths(job):
        assert site.client.get(path).headers["Retry-After"] == "1"
    site.house.work()
    for path in paths(job):
        assert "Retry-After" not in site.client.get(path).headers


def test_a_job_that_has_not_changed_is_not_sent_again() -> None:
    site = JobsSite()
    job = site.house.submit(*enable("b-1.0.0"))
    before = {path: site.client.get(path).headers["ETag"] for path in paths(job)}
    for path, etag in before.items():
        assert etag.startswith('W/"')
        again = site.client.get(path, headers={"If-None-Match": etag})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    site.house.work()
    for path, etag in before.items():
        changed = site.client.get(path, headers={"If-None-Match": etag})
        assert changed.status_code == 200
        known = site.client.get(path, headers={"If-None-Match": changed.headers["ETag"]})
        assert known.status_code == 304


def test_a_preference_for_an_asynchronous_answer_is_followed_and_told() -> None:
    site = JobsSite()
    sent = site.client.post(INSTALL, json=WANTED, headers={"Prefer": "wait=10, Respond-Async; x=1"})
    assert (sent.status_code, sent.headers["Preference-Applied"]) == (201, "respond-async")
    assert sent.headers["Location"].startswith(INSTALL + "/")


def test_the_parameter_wins_over_the_preference() -> None:
    site = JobsSite()
    asked = site.client.post(f"{INSTALL}?async=true", json=WANTED, headers={"Prefer": "respond-async"})
    assert (asked.status_code, "Preference-Applied" in asked.headers) == (201, False)
    path = f"{INSTALL}?simulate=true&async=false"
    simulated = site.client.post(path, json=WANTED, headers={"Prefer": "respond-async"})
    assert (simulated.status_code, "Preference-Applied" in simulated.headers) == (200, False)


def test_an_order_that_comes_again_under_its_key_begins_nothing_new() -> None:
    site = JobsSite()
    first = site.client.post(f"{INSTALL}?async=true", json=WANTED, headers=KEY)
    again = site.client.post(f"{INSTALL}?async=true", json=WANTED, headers=KEY)
    assert "Idempotency-Replayed" not in first.headers
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert (again.headers["Location"], again.json) == (first.headers["Location"], first.json)
    assert len(site.house.queue.published) == 1


def test_an_order_comes_again_under_its_key_after_it_was_carried_out() -> None:
    site = JobsSite()
    disable = [{"id": "b-1.0.0", "action": "disable"}]
    site.house.carried_out(*enable("b-1.0.0"))
    first = site.client.post(f"{INSTALL}?async=true", json=disable, headers=KEY)
    site.house.work()
    again = site.client.post(f"{INSTALL}?async=true", json=disable, headers=KEY)
    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])


def test_a_key_of_another_order_is_refused() -> None:
    site = JobsSite()
    site.client.post(f"{INSTALL}?async=true", json=WANTED, headers=KEY)
    other = site.client.post(f"{INSTALL}?async=true", json=[{"id": "d-1.0.0"}], headers=KEY)
    assert (other.status_code, other.text) == (422, "Idempotency-Key deploy-42 was used before with another request")


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_must_be_of_some_use(key: str) -> None:
    refused = JobsSite().client.post(f"{INSTALL}?async=true", json=WANTED, headers={"Idempotency-Key": key})
    assert refused.status_code == 400


def test_an_order_that_was_refused_leaves_its_key_free() -> None:
    site = JobsSite()
    refused = site.client.post(f"{INSTALL}?async=true", json=[{"id": "no-such-1.0.0"}], headers=KEY)
    assert refused.status_code == 400
    assert site.client.post(f"{INSTALL}?async=true", json=WANTED, headers=KEY).status_code == 201


def links(site: JobsSite, query: str) -> dict[str, str]:
    """The links of a page by their relation."""
    found = site.client.get(f"/_/install/jobs?{query}").headers["Link"]
    parts = [link.split("; rel=") for link in found.split(", ")]
    return {relation.strip('"'): address.strip("<>") for address, relation in parts}


def test_pages_of_jobs_are_linked() -> None:
    site = JobsSite()
    for _ in range(5):
        site.house.submit(*enable("b-1.0.0"))
    first = links(site, "tenant=diku&limit=2")
    assert first == {
        "first": "/_/install/jobs?tenant=diku&limit=2&offset=0",
        "next": "/_/install/jobs?tenant=diku&limit=2&offset=2",
        "last": "/_/install/jobs?tenant=diku&limit=2&offset=4",
    }
    assert links(site, "limit=2&offset=4").keys() == {"first", "prev", "last"}
    seen, page = [], "/_/install/jobs?limit=2"
    while page:
        found = site.client.get(page)
        seen += [job["id"] for job in found.json["jobs"]] if found.json else []
        page = links(site, page.partition("?")[2]).get("next", "")
    assert len(set(seen)) == 5


def test_a_page_without_entries_has_no_links() -> None:
    assert "Link" not in JobsSite().client.get("/_/install/jobs?limit=0").headers
    assert links(JobsSite(), "").keys() == {"first", "last"}


def test_pages_of_listed_origins_may_use_our_own_paths_too() -> None:
    site = JobsSite(allowed_origins="http://ui")
    asked = {"Origin": "http://ui", "Access-Control-Request-Method": "POST"}
    preflight = site.client.options("/_/install/jobs/x/abort", headers=asked)
    assert preflight.status_code == 204
    assert {"Prefer", "Idempotency-Key", "If-None-Match"} <= set(
        preflight.headers["Access-Control-Allow-Headers"].split(",")
    )
    found = site.client.get("/_/install/jobs", headers={"Origin": "http://ui"})
    assert found.headers["Access-Control-Allow-Origin"] == "http://ui"
    shown = found.headers["Access-Control-Expose-Headers"].split(",")
    assert {"Link", "ETag", "Retry-After", "Idempotency-Replayed", "Preference-Applied"} <= set(shown)


def test_modules_do_not_get_to_know_where_the_end_is_told() -> None:
    site = JobsSite()
    site.house.script("a-1.0.0", lambda _: answer())
    headers = {"X-Okapi-Install-Callback": "http://127.0.0.1/?secret=1", "X-Other": "passed"}
    site.client.post(f"{INSTALL}?async=true", json=[{"id": "a-1.0.0"}], headers=headers)
    site.house.work()
    seen = site.house.modules.calls[0].headers
    assert seen["X-Other"] == "passed"
    assert "secret" not in str(seen)
