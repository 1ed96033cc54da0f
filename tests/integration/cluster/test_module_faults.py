"""Modules that misbehave, each in its own way, in one run of forty jobs: every job reaches the end that it should."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fixtures.site import JOIN, LEFT, LONE, RIGHT, ROOT_MODULE, SIX, TOP, WITH_TENANT_JOB, Site
from tests.integration.cluster.fleet import MANY, Fleet

IMPATIENT = {
    "OKAPI_INSTALL_STEP_TIMEOUT": "9",
    "OKAPI_INSTALL_CALL_TIMEOUT": "3",
    "OKAPI_INSTALL_CONNECT_RETRY_SECONDS": "1",
    "OKAPI_INSTALL_CONNECT_RETRY_COUNT": "3",
    "OKAPI_INSTALL_POLL_RETRY_SECONDS": "2",
    "OKAPI_INSTALL_POLL_TIMEOUT": "1.5",
    "OKAPI_INSTALL_POLL_WAIT_MS": "1000",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What the module JOIN does, and what becomes of its job: done, or an error with these words."""

    name: str
    rules: tuple[Mapping[str, Any], ...]
    words: str | None = None
    most_calls: int = 1


A_WHILE = 1.2
JOB = {"seconds": 0.5}
FAULTS = (
    Fault(name="hangs", rules=({"hang": True},), words="no response within"),
    Fault(name="resets once", rules=({"reset": True, "times": 1},), most_calls=2),
    Fault(name="resets", rules=({"reset": True},), words="Connection", most_calls=4),
    Fault(name="speaks no HTTP", rules=({"garbage": "http"},), words="failed with", most_calls=4),
    Fault(name="cuts its answer off", rules=({"garbage": "cut"},), words="failed with", most_calls=4),
    Fault(name="says 503", rules=({"status": 503, "body": "overloaded"},), words="503: overloaded"),
    Fault(name="has a job with no id", rules=({"job": {"no_id": True}},), words="id"),
    Fault(
        name="forgets its job", rules=({"job": {"seconds": 60, "holds": False, "forgets_after": 2}},), words="not found"
    ),
    Fault(name="never ends its job", rules=({"job": {"never_ends": True}},), words="did not end within 9 s"),
    Fault(name="fails its job", rules=({"job": {"seconds": 0.1, "error": "no room"}},), words="no room"),
    Fault(name="polled: 503 for a while", rules=({"job": JOB}, {"call": "poll", "status": 503, "seconds": A_WHILE})),
    Fault(name="polled: 503", rules=({"job": JOB}, {"call": "poll", "status": 503}), words="503"),
    Fault(
        name="polled: its database is away for a while",
        rules=({"job": JOB}, {"call": "poll", "status": 404, "body": "Connection refused", "seconds": A_WHILE}),
    ),
    Fault(name="polled: resets for a while", rules=({"job": JOB}, {"call": "poll", "reset": True, "seconds": A_WHILE})),
    Fault(name="polled: garbage", rules=({"job": JOB}, {"call": "poll", "garbage": "json"}), words="no tenant job"),
    Fault(name="polled: hangs once", rules=({"job": JOB}, {"call": "poll", "hang": True, "times": 1})),
    Fault(name="polled: hangs", rules=({"job": JOB}, {"call": "poll", "hang": True}), words="no response within"),
)


@pytest.fixture(scope="module")
def impatient(site: Site) -> Iterator[Site]:
    site.fresh()
    with site.aside(IMPATIENT) as other:
        yield other


def test_every_kind_of_fault_ends_in_success_or_in_a_clear_error(impatient: Site, site: Site) -> None:
    tenants = [impatient.tenant() for _ in range(MANY)]
    given = {tenant: FAULTS[number % len(FAULTS)] for number, tenant in enumerate(tenants)}
    rules = [
        {"module": JOIN, "tenant": tenant, "call": "init", **rule}
        for tenant, fault in given.items()
        for rule in fault.rules
    ]
    site.back_end.behave_all(rules)
    jobs = {tenant: impatient.submit(tenant, TOP, options="&parallel=2") for tenant in tenants}
    for tenant, fault in given.items():
        check(impatient, tenant, impatient.complete(jobs[tenant]), fault)


def check(site: Site, tenant: str, job: Mapping[str, Any], fault: Fault) -> None:
    """The job has the end that its fault leads to, and the tenant has what its steps say."""
    done = {step["id"] for step in job["modules"] if step["status"] == "done"}
    assert site.enabled(tenant) == done, fault
    assert site.called(tenant, JOIN) <= fault.most_calls, fault
    assert {site.called(tenant, module) for module in (ROOT_MODULE, LEFT, RIGHT)} == {1}, fault
    if fault.words is None:
        assert job["status"] == "done", (fault, job)
        assert done == SIX, fault
        return
    assert (job["status"], job["reason"]) == ("error", "failed"), (fault, job)
    assert fault.words in job["message"], fault
    broken = next(step for step in job["modules"] if step["id"] == JOIN)
    assert (broken["status"], broken["message"]) == ("error", job["message"]), fault
    assert broken["errors"], fault
    assert site.called(tenant, TOP) == 0, fault


def test_forty_jobs_wait_for_modules_whose_database_is_away(site: Site) -> None:
    for module in WITH_TENANT_JOB:
        site.back_end.behave(module, call="poll", status=404, body="Connection refused", seconds=1)
    fleet = Fleet.start(site)
    fleet.check()
    assert {site.called(tenant, module) for tenant in fleet.jobs for module in SIX} == {1}


def test_a_module_that_refuses_connections_is_tried_again_until_it_listens(site: Site) -> None:
    site.request("DELETE", f"/_/discovery/modules/{LONE}").raise_for_status()
    url = site.back_end.close_door(LONE)
    instance = site.back_end.instance(LONE)
    try:
        site.request("POST", "/_/discovery/modules", json={**instance, "url": url}).raise_for_status()
        tenant = site.tenant()
        job = site.submit(tenant, LONE)
        site.worker_of(job)
        site.back_end.open_door(LONE)
        assert site.complete(job)["status"] == "done"
        assert site.called(tenant, LONE) == 1
    finally:
        site.request("DELETE", f"/_/discovery/modules/{LONE}").raise_for_status()
        site.request("POST", "/_/discovery/modules", json=instance).raise_for_status()
