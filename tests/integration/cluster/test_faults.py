"""Faults cost time, never work: forty jobs of six steps go on to their end through each of them."""

from __future__ import annotations

import random
import uuid

from tests.fixtures.cluster import start_again
from tests.fixtures.site import SIX, TOP, Site
from tests.integration.cluster.fleet import Fleet


def test_forty_jobs_without_a_fault_are_called_once_each(site: Site) -> None:
    fleet = Fleet.start(site)
    fleet.check()
    assert {site.called(tenant, module) for tenant in fleet.jobs for module in SIX} == {1}


def test_workers_that_are_killed_are_survived_by_their_jobs(site: Site) -> None:
    fleet = Fleet.start(site)
    for steps in (20, 80, 140):
        fleet.until_begun(steps)
        victim = random.choice(site.cluster.workers)
        victim.kill()
        start_again(victim)
    fleet.abort_some().check()


def test_redis_may_be_restarted(site: Site) -> None:
    fleet = Fleet.start(site)
    fleet.until_begun(40)
    site.broker.restart()
    fleet = fleet.abort_some()
    fleet.until_begun(90)
    site.broker.kill()
    site.broker.start()
    fleet.check()


def test_redis_may_lose_all_that_it_knew(site: Site) -> None:
    fleet = Fleet.start(site)
    site.broker.wipe()
    fleet.until_begun(60)
    site.broker.kill()
    site.broker.wipe()
    site.broker.start()
    fleet.abort_some().check()


def test_postgresql_may_be_restarted_and_killed(site: Site) -> None:
    fleet = Fleet.start(site)
    fleet.until_begun(40)
    site.database.restart()
    fleet.until_begun(90)
    site.database.kill()
    for path in ("/_/install/jobs", "/_/proxy/tenants", f"/_/install/jobs/{uuid.uuid4()}"):
        answer = site.request("GET", path)
        assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "2")
    refused = site.request("POST", f"/_/proxy/tenants/{next(iter(fleet.jobs))}/install?async=true", json=[{"id": TOP}])
    assert (refused.status_code, refused.headers.get("Retry-After")) == (503, "2")
    site.database.start()
    fleet.abort_some().check()
