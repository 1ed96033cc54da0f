"""Messages that are lost or come twice, APIs that die, clocks that differ: the store alone says what is to be done."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import requests

from okapi_install.adapters.celery.queue import CeleryQueue
from okapi_install.adapters.store import open_store
from okapi_install.domain.jobs import Change, InstallOptions, JobKind
from okapi_install.service.ports import JobRef, NewJob
from tests.fixtures.cluster import end_together
from tests.fixtures.site import SIX, TOP, Site, until
from tests.integration.cluster.fleet import MANY, Fleet

SHIFTED_CLOCK = """
import os, time
_shift, _time, _time_ns = float(os.environ["CLOCK_SHIFT"]), time.time, time.time_ns
time.time = lambda: _time() + _shift
time.time_ns = lambda: _time_ns() + int(_shift * 10**9)
print("clock shifted", flush=True)
"""


def test_jobs_that_were_committed_and_never_published_are_found(site: Site) -> None:
    store = open_store(site.database_url, pool_size=1)
    jobs = {}
    for _ in range(MANY):
        tenant, job = site.tenant(), str(uuid.uuid4())
        new = NewJob(
            id=job,
            tenant=tenant,
            kind=JobKind.INSTALL,
            options=InstallOptions(asynchronous=True),
            request=(Change(id=TOP),),
            steps=(),
            assumed="planned in vain",
        )
        store.add_job(new, most_waiting=10)
        jobs[tenant] = job
    store.dispose()
    Fleet(site=site, jobs=jobs).check()


def test_an_api_that_is_killed_between_its_commit_and_its_answer_loses_no_job(site: Site) -> None:
    tenants = [site.tenant() for _ in range(MANY)]
    answered: dict[str, str] = {}

    def submit(tenant: str) -> None:
        path = f"{site.cluster.url(0)}/_/proxy/tenants/{tenant}/install?async=true"
        try:
            answer = requests.post(path, json=[{"id": TOP}], timeout=30)
        except requests.RequestException:
            return
        answered[tenant] = answer.headers["Location"].rpartition("/")[2]

    with ThreadPoolExecutor(8) as pool:
        for start in range(0, MANY, 20):
            waiting = [pool.submit(submit, tenant) for tenant in tenants[start : start + 20]]
            until(lambda start=start: len(answered) >= start // 2 + 5, "some answers")  # type: ignore[misc]
            site.cluster.apis[0].kill()
            for each in waiting:
                each.result()
            site.cluster.heal()
    listed = [job for tenant in tenants for job in site.ask("GET", f"/_/install/jobs?tenant={tenant}").json()["jobs"]]
    committed = {job["tenant"]: job["id"] for job in listed}
    assert answered.items() <= committed.items()
    Fleet(site=site, jobs=committed).check()


def test_a_message_that_comes_twice_is_carried_out_once(site: Site) -> None:
    queue = CeleryQueue(site.broker.url)
    fleet = Fleet.start(site)
    for tenant, job in fleet.jobs.items():
        same = str((site.job(job) or {}).get("id"))
        for task in (same, same, str(uuid.uuid4())):
            queue.publish(JobRef(id=job, tenant=tenant, kind=JobKind.INSTALL, task_id=task))
    queue.drain()
    fleet.check()
    assert {site.called(tenant, module) for tenant in fleet.jobs for module in SIX} == {1}


def test_workers_whose_clocks_differ_by_two_minutes_agree(site: Site, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SHIFTED_CLOCK, "utf-8")
    cluster = site.cluster
    end_together(cluster.workers)
    shifted = [cluster.start_worker({"PYTHONPATH": str(tmp_path), "CLOCK_SHIFT": shift}) for shift in ("60", "-60")]
    try:
        fleet = Fleet.start(site)
        fleet.until_begun(60)
        shifted[0].kill()
        fleet.abort_some().check()
        assert all("clock shifted" in worker.output for worker in shifted)
        last = list(fleet.jobs.values())[-1]
        for step in (site.job(last) or {})["modules"]:
            assert abs(datetime.fromisoformat(step["endDate"]).timestamp() - time.time()) < 50
    finally:
        end_together(shifted)
        del cluster.workers[2:]
