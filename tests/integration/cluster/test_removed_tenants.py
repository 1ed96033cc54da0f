"""A tenant is deleted while a job of it runs: whoever carries the job out tells the modules to stop."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

from tests.fixtures.site import LEFT, LONE, RIGHT, ROOT_MODULE, SIDE, TOP, Site, until
from tests.fixtures.tcp_proxy import TcpProxy

ENDLESS = {"never_ends": True}

ONLY_THE_BROKER_TELLS = {"OKAPI_INSTALL_BEAT_SECONDS": "600", "OKAPI_INSTALL_LEASE_SECONDS": "6000"}


def waiting_job(site: Site, api: int = 0) -> tuple[str, str]:
    """Tenant and id of a job that waits for the tenant job of LONE, which never ends."""
    site.back_end.behave(LONE, call="init", job=ENDLESS)
    tenant = site.tenant()
    job = site.submit(tenant, LONE, api=api)
    site.until_tenant_job(job, LONE)
    return tenant, job


def remove(site: Site, tenant: str, api: int = 0) -> None:
    """Deletes the tenant."""
    assert site.ask("DELETE", f"/_/proxy/tenants/{tenant}", api=api).status_code == 204


def test_all_modules_that_are_at_work_are_told_once_and_jobs_that_wait_are_gone(site: Site) -> None:
    for module in (LEFT, RIGHT, SIDE):
        site.back_end.behave(module, call="init", job=ENDLESS)
    for api in (0, 1):
        tenant = site.tenant()
        running = site.submit(tenant, TOP, api=api, options="&parallel=3")
        waiting = site.submit(tenant, LONE, api=api)
        for module in (LEFT, RIGHT, SIDE):
            site.until_tenant_job(running, module)
        remove(site, tenant, api=1 - api)
        assert [site.job(job, api=one) for job in (running, waiting) for one in (0, 1)] == [None] * 4
        for module in (LEFT, RIGHT, SIDE):
            site.until_called(tenant, module, "cancel")
        assert {module: site.called(tenant, module, "cancel") for module in (ROOT_MODULE, LEFT, RIGHT, SIDE)} == {
            ROOT_MODULE: 0,
            LEFT: 1,
            RIGHT: 1,
            SIDE: 1,
        }
        assert site.called(tenant, LONE) == 0


def test_the_worker_is_told_by_the_broker_and_waits_for_no_heartbeat(site: Site) -> None:
    with site.aside(ONLY_THE_BROKER_TELLS) as other:
        tenant, _ = waiting_job(other)
        remove(other, tenant)
        other.until_called(tenant, LONE, "cancel")


def test_a_tenant_that_is_there_again_at_once_begins_anew(site: Site) -> None:
    for api in (0, 1):
        tenant, _ = waiting_job(site, api=api)
        site.back_end.behave(LONE, call="init")
        remove(site, tenant, api=1 - api)
        site.ask("POST", "/_/proxy/tenants", json={"id": tenant}).raise_for_status()
        assert site.complete(site.submit(tenant, LONE))["status"] == "done"
        site.until_called(tenant, LONE, "cancel")
        assert (site.called(tenant, LONE), site.called(tenant, LONE, "cancel")) == (2, 1)


def test_a_worker_that_is_cut_off_from_the_broker_learns_of_it_by_its_heartbeat(site: Site) -> None:
    with TcpProxy(site.broker.port) as way, site.aside({}, broker_port=way.port) as other:
        tenant, _ = waiting_job(other)
        way.cut()
        other.cluster.workers[0].wait_for_line("Cannot connect")
        remove(other, tenant)
        other.until_called(tenant, LONE, "cancel")


def test_a_frozen_worker_tells_the_module_when_it_wakes(site: Site) -> None:
    tenant, job = waiting_job(site)
    frozen = site.cluster.workers[site.worker_of(job)]
    frozen.signal(signal.SIGSTOP)
    remove(site, tenant)
    assert site.called(tenant, LONE, "cancel") == 0
    frozen.signal(signal.SIGCONT)
    site.until_called(tenant, LONE, "cancel")


def only_job(site: Site, tenant: str) -> str:
    """The id of the tenant's job, once there is one."""
    jobs = until(lambda: site.ask("GET", f"/_/install/jobs?tenant={tenant}").json()["jobs"] or None, "a job")
    return str(jobs[0]["id"])


def test_a_client_that_enables_one_module_the_older_way_is_told_that_its_job_was_aborted(site: Site) -> None:
    site.back_end.behave(LONE, call="init", job=ENDLESS)
    with site.aside(ONLY_THE_BROKER_TELLS) as other, ThreadPoolExecutor(1) as pool:
        tenant = other.tenant()
        asked = pool.submit(other.request, "POST", f"/_/proxy/tenants/{tenant}/modules", json={"id": LONE})
        other.until_tenant_job(only_job(other, tenant), LONE)
        remove(other, tenant)
        answer = asked.result()
        other.until_called(tenant, LONE, "cancel")
    assert (answer.status_code, "was aborted" in answer.text) == (400, True)
