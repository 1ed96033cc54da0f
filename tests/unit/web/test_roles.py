"""Keys with a name and a role: who requests something, and what a key that only reads is refused."""

from __future__ import annotations

import re

import pytest

from okapi_install.domain.access import Role
from okapi_install.service.access import KeyService
from okapi_install.service.ports import Tenant
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

OPERATES, READS = {"X-Okapi-Token": "a-key-that-operates"}, {"X-Okapi-Token": "a-key-that-reads"}
KEYS = "jenkins:operate:a-key-that-operates,night-shift:read:a-key-that-reads"
BODY = [{"id": "a-1.0.0", "action": "enable"}]
INSTALL = "/_/proxy/tenants/diku/install"


@pytest.fixture
def site() -> JobsSite:
    """A whole API in memory, with two keys."""
    return JobsSite(api_keys=KEYS)


def test_a_key_with_a_name_is_who_requests_a_job_aborts_it_and_retries_it(site: JobsSite) -> None:
    answer = site.client.post(f"{INSTALL}?async=true", json=BODY, headers={**OPERATES, "X-Okapi-User-Id": "u1"})
    job = answer.headers["Location"].rpartition("/")[2]
    path = f"/_/install/jobs/{job}"
    assert site.client.post(f"{path}/abort", headers=OPERATES).status_code == 202
    assert site.client.post(f"{path}/retry", headers=OPERATES).status_code == 202
    assert site.client.get(path, headers=READS).get_json()["requestedBy"] == "jenkins (u1)"
    events = site.client.get(f"{path}/history", headers=READS).get_json()["events"]
    assert [(event["kind"], event["by"]) for event in events] == [
        *[("requested", "jenkins (u1)"), ("aborted", "jenkins"), ("retried", "jenkins")]
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{INSTALL}?async=true"),
        ("POST", "/_/proxy/tenants/diku/upgrade"),
        ("POST", "/_/proxy/tenants"),
        ("DELETE", "/_/proxy/tenants/diku"),
        ("DELETE", INSTALL),
        ("POST", "/_/proxy/modules"),
        ("POST", "/_/proxy/pull/modules"),
        ("POST", "/_/discovery/modules"),
        ("PUT", "/_/proxy/tenants/diku"),
        ("POST", "/_/install/jobs/x/abort"),
        ("POST", "/_/install/jobs/x/retry"),
        ("DELETE", "/_/install/rollouts/x"),
        ("POST", "/_/install/rest/that/may/come"),
        ("PATCH", "/"),
    ],
)
def test_a_key_that_reads_changes_nothing(site: JobsSite, method: str, path: str) -> None:
    answer = site.client.open(path, method=method, json=BODY, headers=READS)
    assert answer.status_code == 403
    assert "The API key night-shift may only read" in answer.text


def test_a_refusal_is_a_problem_document_for_those_who_want_one(site: JobsSite) -> None:
    headers = {**READS, "Accept": "application/problem+json"}
    assert site.client.delete(INSTALL, headers=headers).get_json(force=True)["code"] == "key_may_only_read"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_/proxy/tenants"),
        ("GET", "/_/install/jobs"),
        ("HEAD", "/_/install/jobs"),
        ("POST", f"{INSTALL}?simulate=true"),
        ("POST", f"{INSTALL}?Simulate=true"),
        ("POST", "/_/install/explain?tenant=diku"),
        ("GET", "/metrics"),
    ],
)
def test_a_key_that_reads_sees_and_plans(site: JobsSite, method: str, path: str) -> None:
    assert site.client.open(path, method=method, json=BODY, headers=READS).status_code == 200


@pytest.mark.parametrize("query", ["simulate=false", "simulate=false&simulate=true", "x=simulate=true"])
def test_what_only_looks_like_a_simulation_is_refused(site: JobsSite, query: str) -> None:
    assert site.client.post(f"{INSTALL}?{query}", json=BODY, headers=READS).status_code == 403
    assert site.client.get(INSTALL, headers=READS).get_json() == []


@pytest.mark.parametrize("path", ["/_/env", "/_/env/DB_PASSWORD"])
def test_a_key_that_reads_does_not_see_the_environment_of_modules(site: JobsSite, path: str) -> None:
    answer = site.client.get(path, headers=READS)
    assert answer.status_code == 403
    assert "can contain passwords" in answer.text
    assert site.client.get("/_/env", headers=OPERATES).status_code == 200


def _signed_in(site: JobsSite, key: str) -> dict[str, str]:
    answer = site.client.post("/login", data={"key": key}, headers={"Sec-Fetch-Site": "same-origin"})
    return {"Sec-Fetch-Site": "same-origin", "Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


def test_on_the_page_a_reader_neither_sees_nor_uses_the_start_form(site: JobsSite) -> None:
    form = {"kind": "install", "tenant": "diku", "modules": "a-1.0.0"}
    reader, operator = _signed_in(site, "a-key-that-reads"), _signed_in(site, "a-key-that-operates")
    site.house.store.add_tenant(Tenant(id="old"), ["a-0.1.0"])
    for path in ("/", "/tenants", "/tenants/diku", "/versions"):
        assert 'href="/start' in site.client.get(path, headers=operator).text
        assert "/start" not in site.client.get(path, headers=reader).text
    answers = [site.client.get("/start", headers=reader)]
    answers += [site.client.post(path, data=form, headers=reader) for path in ("/start/plan", "/start/form")]
    assert {(answer.status_code, "may only read" in answer.text) for answer in answers} == {(403, True)}
    plan = site.client.post("/start/plan", data=form, headers=operator)
    fields = dict(re.findall(r'name="(key|seen)" value="([^"]*)"', plan.text))
    assert site.client.post("/start", data=form | fields, headers=reader).status_code == 403
    started = site.client.post("/start", data=form | fields, headers=operator)
    assert started.status_code == 303
    job = site.client.get(f"/_/install{started.headers['Location']}", headers=READS).get_json()
    assert job["requestedBy"] == "jenkins"


def test_a_key_that_is_added_closes_an_open_server_and_works_as_those_of_the_settings() -> None:
    site = JobsSite()
    key = KeyService(site.house.store, ()).add("jenkins", Role.OPERATE)
    assert site.client.get("/_/install/jobs").status_code == 401
    assert site.client.get("/_/install/jobs", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert site.client.get("/_/proxy/health").status_code == 200


def test_the_key_itself_reaches_neither_the_job_nor_a_module(site: JobsSite) -> None:
    site.client.post(f"{INSTALL}?async=true", json=BODY, headers=OPERATES)
    site.house.work()
    assert site.house.modules.calls
    assert "a-key-that-operates" not in repr([call.headers for call in site.house.modules.calls])


def test_two_keys_in_one_request_are_both_taken_out(site: JobsSite) -> None:
    sent = {**OPERATES, "Authorization": "Bearer a-key-that-reads"}
    assert site.client.post(f"{INSTALL}?async=true", json=BODY, headers=sent).status_code == 201
    site.house.submit(*enable("d-1.0.0"))
