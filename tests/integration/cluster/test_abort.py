"""An abort reaches a job wherever it runs: by the broker, by the heartbeat, or by the lease of who cannot hear."""

from __future__ import annotations

import random
import signal
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fixtures.cluster import start_again
from tests.fixtures.site import LEFT, LONE, RIGHT, ROOT_MODULE, TOP, Site, until
from tests.fixtures.tcp_proxy import TcpProxy

ENDLESS = {"never_ends": True}


def waiting_job(site: Site, module: str = LONE, api: int = 0) -> tuple[str, str]:
    """Tenant and id of a job that waits for the module's tenant job, which never ends."""
    site.back_end.behave(module, call="init", job=ENDLESS)
    tenant = site.tenant()
    job = site.submit(tenant, module, api=api)
    site.until_tenant_job(job, module)
    return tenant, job


def until_free(site: Site, tenant: str) -> None:
    """Waits until an aborted job of the tenant is cleaned up."""
    path = f"/_/install/jobs?status=aborting&tenant={tenant}"
    until(lambda: site.ask("GET", path).json()["total"] == 0, "the end of the clean-up")


def test_a_delete_at_any_api_stops_a_job_on_any_worker(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    owners, took = Counter[int](), []
    for number in range(24):
        tenant, job = waiting_job(site, api=number % 2)
        owners[site.worker_of(job)] += 1
        began = time.monotonic()
        assert site.abort(tenant, job, api=(number // 2) % 2) == 204
        assert site.abort(tenant, job) == 404
        assert site.job(job) is None
        assert site.job(job, api=1) is None
        site.until_called(tenant, LONE, "cancel")
        took.append(site.back_end.calls(tenant=tenant, call="cancel")[0]["at"] - began)
        until_free(site, tenant)
        assert site.enabled(tenant) == set()
    assert set(owners) == {0, 1}
    with capsys.disabled():
        sys.stdout.write(
            f"\nabort: median {statistics.median(took) * 1000:.0f} ms, longest {max(took) * 1000:.0f} ms\n"
        )


def test_what_was_enabled_stays_and_nothing_begins_after_an_abort(site: Site) -> None:
    site.back_end.behave(RIGHT, call="init", job=ENDLESS)
    tenant = site.tenant()
    job = site.submit(tenant, TOP)
    site.until_tenant_job(job, RIGHT)
    before = site.enabled(tenant)
    assert ROOT_MODULE in before
    assert site.abort(tenant, job) == 204
    until_free(site, tenant)
    assert site.enabled(tenant) == before
    assert site.called(tenant, TOP) == 0
    again = site.submit(tenant, RIGHT)
    site.until_tenant_job(again, RIGHT)
    site.back_end.finish_jobs(RIGHT)
    warned = site.complete(again)["modules"][0]["warnings"]
    assert [warning["code"] for warning in warned] == ["unfinished_work"]


def test_a_worker_that_is_cut_off_from_the_broker_learns_of_an_abort_by_its_heartbeat(site: Site) -> None:
    with TcpProxy(site.broker.port) as way, site.aside({}, broker_port=way.port) as other:
        worker = other.cluster.workers[0]
        tenant, job = waiting_job(other)
        way.cut()
        worker.wait_for_line("Cannot connect")
        assert other.abort(tenant, job) == 204
        worker.wait_for_line("job aborted")
        other.until_called(tenant, LONE, "cancel")
        until_free(other, tenant)
        way.mend()
        following, later = waiting_job(other)
        assert other.abort(following, later) == 204
        until_free(other, following)


def test_a_frozen_worker_loses_its_job_and_changes_nothing_when_it_wakes(site: Site) -> None:
    tenant, job = waiting_job(site)
    frozen = site.cluster.workers[site.worker_of(job)]
    frozen.signal(signal.SIGSTOP)
    assert site.abort(tenant, job) == 204
    site.until_called(tenant, LONE, "cancel")
    until_free(site, tenant)
    site.back_end.behave(LONE, call="init")
    site.complete(site.submit(tenant, LONE))
    calls, enabled = site.back_end.counts(tenant), site.enabled(tenant)
    lines = frozen.output.count("no longer owned by this worker")
    frozen.signal(signal.SIGCONT)
    frozen.wait_until(lambda: frozen.output.count("no longer owned by this worker") > lines, "its insight")
    assert site.enabled(tenant) == enabled == {LONE}
    after = site.back_end.counts(tenant)[LONE]
    assert (after["enable"], after["cancel"]) == (calls[LONE]["enable"], calls[LONE]["cancel"])


def test_a_frozen_workers_job_is_carried_on_by_another_and_not_disturbed_when_it_wakes(site: Site) -> None:
    site.back_end.behave(LEFT, call="init", job=ENDLESS)
    tenant = site.tenant()
    job = site.submit(tenant, TOP)
    site.until_tenant_job(job, LEFT)
    number = site.worker_of(job)
    frozen = site.cluster.workers[number]
    frozen.signal(signal.SIGSTOP)
    until(lambda: site.worker_of(job) != number, "another worker")
    site.back_end.finish_jobs(LEFT)
    frozen.signal(signal.SIGCONT)
    ended = site.complete(job)
    assert ended["status"] == "done"
    assert {site.called(tenant, step["id"]) for step in ended["modules"]} == {1}


def test_the_job_of_a_dead_worker_is_aborted_by_another_one(site: Site) -> None:
    tenant, job = waiting_job(site)
    dead = site.cluster.workers[site.worker_of(job)]
    dead.kill()
    assert site.abort(tenant, job) == 204
    assert site.job(job) is None
    site.until_called(tenant, LONE, "cancel")
    until_free(site, tenant)
    assert site.called(tenant, LONE) == 1
    start_again(dead)


def test_of_two_deletes_of_a_job_one_wins(site: Site) -> None:
    tenants = [site.tenant() for _ in range(20)]
    site.back_end.behave(LONE, call="init", delay=0.2)
    with ThreadPoolExecutor(8) as pool:
        for tenant in tenants:
            job = site.submit(tenant, LONE)
            time.sleep(random.uniform(0.0, 0.25))
            answers = [pool.submit(site.abort, tenant, job, api=api) for api in (0, 1)]
            assert sorted(answer.result() for answer in answers) == [204, 404]
            until_free(site, tenant)
            check_winner(site, tenant)


def check_winner(site: Site, tenant: str) -> None:
    """The job was aborted or done, never both; the tenant's modules say the same."""
    seen = [entry.what for entry in site.audit.of(tenant)]
    assert not ("job aborting" in seen and "job done" in seen)
    assert site.enabled(tenant) == ({LONE} if "done" in seen else set())


def test_an_abort_that_races_with_the_end_says_who_has_won(site: Site) -> None:
    site.back_end.behave(LONE, call="init", delay=0.05)
    outcomes = Counter[str]()
    for _ in range(40):
        tenant = site.tenant()
        job = site.submit(tenant, LONE)
        time.sleep(random.uniform(0.03, 0.12))
        answer = site.request("POST", f"/_/install/jobs/{job}/abort", api=1)
        ended = site.complete(job)
        outcomes[ended["status"]] += 1
        if answer.status_code == 202:
            assert (ended["status"], ended["reason"]) == ("error", "aborted")
        else:
            assert (answer.status_code, ended["status"]) == (400, "done")
        check_winner(site, tenant)
    assert set(outcomes) == {"done", "error"}, outcomes
