"""Flower beside the cluster: it shows workers and jobs, and its revoke ends a job as an error with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.fixtures.cluster import start_again
from tests.fixtures.site import LEFT, LONE, ROOT_MODULE, TOP, Site, until

pytestmark = pytest.mark.xdist_group("cluster")


class Flower:
    """Flower's own API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **parameters: str) -> Any:
        """JSON; None where Flower knows nothing."""
        answer = requests.get(self._url + path, params=parameters, timeout=30)
        return answer.json() if answer.ok else None

    def page(self, path: str) -> str:
        """HTML."""
        return requests.get(self._url + path, timeout=30).text

    def revoke(self, task: str) -> None:
        """As the button `Terminate` of its page does."""
        path = f"{self._url}/api/task/revoke/{task}?terminate=true"
        requests.post(path, timeout=30).raise_for_status()

    def becomes(self, job: str, state: str) -> dict[str, Any]:
        """The job's task once it is in that state."""

        def found() -> dict[str, Any] | None:
            task = self.task_of(job)[1]
            return task if task["state"] == state else None

        return until(found, f"the state {state} of job {job}")

    def task_of(self, job: str) -> tuple[str, dict[str, Any]]:
        """Id and description of the task that carries the job."""

        def found() -> tuple[str, dict[str, Any]] | None:
            tasks = self.get("/api/tasks", limit="1000") or {}
            return next(((i, t) for i, t in tasks.items() if t["args"] and job in t["args"]), None)

        return until(found, f"a task of job {job}")


@pytest.fixture(scope="module")
def flower(site: Site) -> Iterator[Flower]:
    site.fresh()
    address = site.cluster.start_flower()
    yield Flower(address)
    site.cluster.others.pop().end()


@pytest.fixture(autouse=True)
def _a_fresh_start(site: Site, flower: Flower) -> None:
    site.fresh()


def test_flower_shows_the_workers(flower: Flower) -> None:
    workers = until(lambda: flower.get("/api/workers", refresh="true"), "workers")
    names = until(
        lambda: set(flower.get("/api/workers") or {}) if len(flower.get("/api/workers") or {}) >= 2 else None, "both"
    )
    assert {name.partition("@")[0] for name in names | set(workers)} >= {"worker0", "worker1"}


def test_each_job_is_a_task_with_tenant_and_job_as_arguments(site: Site, flower: Flower) -> None:
    tenant = site.tenant()
    job = site.submit(tenant, TOP)
    site.complete(job)
    _, task = flower.task_of(job)
    assert (task["name"], task["args"]) == ("install", f"['{tenant}', '{job}']")
    assert flower.becomes(job, "SUCCESS")["result"] == "'6 of 6 modules done'"
    upgrade = site.request("POST", f"/_/proxy/tenants/{tenant}/upgrade?async=true").headers["Location"]
    job = upgrade.rpartition("/")[2]
    _, task = flower.task_of(job)
    assert (task["name"], task["args"]) == ("upgrade", f"['{tenant}', '{job}']")


def test_a_failed_job_is_a_failed_task_that_says_what_failed(site: Site, flower: Flower) -> None:
    site.back_end.behave(LEFT, call="init", status=422, body={"errors": [{"message": "No index"}]})
    job = site.submit(site.tenant(), TOP)
    site.complete(job)
    task = flower.becomes(job, "FAILURE")
    assert task["exception"].startswith("JobFailed('")
    assert f"1 failed: {LEFT}" in task["exception"]
    failed = flower.get("/api/tasks", state="FAILURE")
    assert any(job in found["args"] for found in failed.values())


def test_an_aborted_job_is_a_revoked_task_also_if_it_never_ran(site: Site, flower: Flower) -> None:
    site.back_end.behave(LONE, call="init", job={"never_ends": True})
    tenant = site.tenant()
    running, queued = site.submit(tenant, LONE), site.submit(tenant, TOP)
    site.until_tenant_job(running, LONE)
    assert "an earlier job of the tenant" in flower.becomes(queued, "RETRY")["exception"]
    for job in (queued, running):
        assert site.request("POST", f"/_/install/jobs/{job}/abort").ok
        flower.becomes(job, "REVOKED")


def test_the_list_has_tenant_job_and_outcome(flower: Flower) -> None:
    page = flower.page("/tasks")
    for column in ("args", "state", "result", "exception"):
        assert f'data-column="{column}"' in page


def test_a_revoke_ends_the_job_as_an_error_and_cancels_the_tenant_job(site: Site, flower: Flower) -> None:
    site.back_end.behave(LEFT, call="init", job={"never_ends": True})
    tenant = site.tenant()
    job = site.submit(tenant, TOP)
    site.until_tenant_job(job, LEFT)
    flower.revoke(flower.task_of(job)[0])
    ended = site.complete(job)
    assert (ended["status"], ended["reason"]) == ("error", "revoked")
    assert "revoked" in ended["message"]
    assert site.called(tenant, LEFT, "cancel") == 1
    flower.becomes(job, "REVOKED")
    cut = site.step(job, LEFT)
    assert (cut["status"], cut["errors"][0]["code"]) == ("error", "cut_short")
    assert ROOT_MODULE in site.enabled(tenant)
    assert LEFT not in site.enabled(tenant)
    site.back_end.behave(LEFT, call="init")
    assert site.request("POST", f"/_/install/jobs/{job}/retry").status_code == 202
    assert site.complete(job)["status"] == "done"


def test_a_revoke_of_a_job_that_waits_for_its_turn_ends_it_when_that_comes(site: Site, flower: Flower) -> None:
    site.back_end.behave(LONE, call="init", job={"never_ends": True})
    tenant = site.tenant()
    first = site.submit(tenant, LONE)
    site.until_tenant_job(first, LONE)
    second = site.submit(tenant, TOP)
    flower.becomes(second, "RETRY")
    flower.revoke(flower.task_of(second)[0])
    site.back_end.finish_jobs(LONE)
    assert site.complete(first)["status"] == "done"
    ended = site.complete(second)
    assert (ended["status"], ended["reason"]) == ("error", "revoked")
    flower.becomes(second, "REVOKED")
    assert site.called(tenant, ROOT_MODULE) == 0


def test_a_revoke_of_a_job_whose_worker_is_lost_ends_it(site: Site, flower: Flower) -> None:
    site.back_end.behave(LONE, call="init", job={"never_ends": True})
    tenant = site.tenant()
    job = site.submit(tenant, LONE)
    site.until_tenant_job(job, LONE)
    lost = site.cluster.workers[site.worker_of(job)]
    task = flower.task_of(job)[0]
    lost.kill()
    flower.revoke(task)
    ended = site.complete(job)
    assert (ended["status"], ended["reason"]) == ("error", "revoked")
    site.until_called(tenant, LONE, "cancel")
    start_again(lost)
