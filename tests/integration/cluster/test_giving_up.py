"""A database that takes no changes for longer than a job waits: the job ends in a clear error, and can be retried."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.fixtures.cluster import WORKER_READY
from tests.fixtures.held_modules import HeldModules, held_modules
from tests.fixtures.site import JOIN, LEFT, LONE, RIGHT, ROOT_MODULE, SIDE, SIX, TOP, Site, codes, until
from tests.integration.cluster.fleet import MANY, Fleet
from tests.integration.cluster.tight import tight_server

IMPATIENT = {"OKAPI_INSTALL_STORE_RETRY_SECONDS": "2"}
GIVEN_UP = "job cannot continue; it ends as soon as the store accepts that"
REASON = "The store takes no changes: the database is read-only"


@pytest.fixture
def impatient(site: Site) -> Iterator[Site]:
    """One API and two workers, which give up soon."""
    with site.aside(IMPATIENT) as found:
        found.cluster.start_worker().wait_for_line(WORKER_READY)
        found.audit.install()
        yield found


class Jobs:
    """Jobs that are in the middle of something, each of something else."""

    def __init__(self, site: Site, held: HeldModules) -> None:
        held.stand_in_for(site, RIGHT, LONE)
        for module in (LEFT, SIDE):
            site.back_end.behave(module, call="init", job={"never_ends": True})
        self.site, self.held = site, held
        self.two, self.polled, self.last = (site.tenant() for _ in range(3))
        self.with_two = site.submit(self.two, TOP, options="&parallel=2")
        self.behind = site.submit(self.two, LONE)
        self.with_polled = site.submit(self.polled, SIDE)
        self.with_last = site.submit(self.last, LONE)
        site.until_tenant_job(self.with_two, LEFT)
        site.until_tenant_job(self.with_polled, SIDE)
        held.until_called(self.two, RIGHT)
        held.until_called(self.last, LONE)

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Modules answer while the database is read-only, until the workers have given up two of the jobs."""
        with self.site.database.read_only():
            for worker in self.site.cluster.workers:
                worker.wait_for_line("no heartbeat: .* the database is read-only")
            self.held.release()
            self.site.back_end.finish_jobs(SIDE)
            until_given_up(self.site, 2)
            yield


def until_given_up(site: Site, many: int) -> None:
    """Waits until the workers have given up so many jobs."""
    until(lambda: sum(worker.output.count(GIVEN_UP) for worker in site.cluster.workers) >= many, f"{many} given up")


def retried(site: Site, job_id: str) -> dict[str, Any]:
    """The job, complete again."""
    site.ask("POST", f"/_/install/jobs/{job_id}/retry").raise_for_status()
    return site.complete(job_id)


def statuses(job: dict[str, Any]) -> dict[str, str | None]:
    """By module: how far it has come."""
    return {step["id"]: step.get("status") for step in job["modules"]}


def check_truth(site: Site, tenant: str) -> None:
    """What the tenant has enabled is what its jobs say is done, and nothing was committed twice."""
    jobs = site.ask("GET", f"/_/install/jobs?tenant={tenant}").json()["jobs"]
    done = {
        module for job in jobs for module, status in statuses(site.job(job["id"]) or {}).items() if status == "done"
    }
    assert site.enabled(tenant) == done
    committed = Counter(entry.module for entry in site.audit.of(tenant) if entry.what == "done")
    assert set(committed.values()) <= {1}, committed


def check_still_readable(site: Site, jobs: Jobs) -> None:
    """An API process that starts now tells what was committed last."""
    api = site.cluster.apis[0]
    api.kill()
    api.start().wait_for_port(site.cluster.ports[0])
    for job_id in (jobs.with_two, jobs.with_polled, jobs.with_last):
        assert (site.job(job_id) or {})["status"] == "running"
    assert statuses(site.job(jobs.with_two) or {})[RIGHT] == "running"
    assert site.enabled(jobs.two) == {ROOT_MODULE}
    refused = site.request("POST", f"/_/install/jobs/{jobs.with_two}/abort")
    assert (refused.status_code, refused.headers.get("Retry-After")) == (503, "2")


def test_jobs_that_waited_too_long_end_in_a_clear_error_and_can_be_retried(impatient: Site) -> None:
    with held_modules() as held:
        jobs = Jobs(impatient, held)
        with jobs.given_up():
            check_still_readable(impatient, jobs)
        check_two(impatient, jobs)
        check_polled(impatient, jobs)
        assert impatient.complete(jobs.with_last)["status"] == "done", "only its end was left to be committed"
        assert impatient.complete(jobs.behind)["status"] == "done"
        for tenant in (jobs.two, jobs.polled, jobs.last):
            check_truth(impatient, tenant)
        impatient.back_end.behave_well()
        assert set(statuses(retried(impatient, jobs.with_two)).values()) == {"done"}
        assert set(statuses(retried(impatient, jobs.with_polled)).values()) == {"done"}
        for tenant, modules in ((jobs.two, SIX | {LONE}), (jobs.polled, {ROOT_MODULE, SIDE}), (jobs.last, {LONE})):
            check_truth(impatient, tenant)
            assert impatient.enabled(tenant) == modules
        assert set(held.calls.values()) == {1}, "called again although it had answered"


def check_two(site: Site, jobs: Jobs) -> None:
    """One step had ended, which could not be committed; the other was waited for, and its module is told to stop."""
    ended = site.complete(jobs.with_two)
    assert (ended["status"], ended["reason"], ended["message"]) == ("error", "failed", REASON)
    found = statuses(ended)
    assert found == {ROOT_MODULE: "done", RIGHT: "done", LEFT: "error", JOIN: None, SIDE: None, TOP: None}
    cut = site.step(jobs.with_two, LEFT)
    assert (cut["message"], codes(cut["errors"])) == (REASON, {"cut_short"})
    assert site.called(jobs.two, LEFT, "cancel") == 1


def check_polled(site: Site, jobs: Jobs) -> None:
    """The tenant job had ended, and that could not be written down."""
    ended = site.complete(jobs.with_polled)
    assert (ended["status"], ended["message"], statuses(ended)) == (
        "error",
        REASON,
        {ROOT_MODULE: "done", SIDE: "error"},
    )


def test_forty_jobs_on_a_full_disk_end_in_a_clear_error_and_are_done_when_they_are_retried(site: Site) -> None:
    with tight_server() as tight, tight.site(site, IMPATIENT) as found:
        fleet = Fleet.start(found)
        fleet.until_begun(60)
        with tight.tables.filled():
            until_given_up(found, MANY // 2)
        ended = {tenant: found.complete(job_id) for tenant, job_id in fleet.jobs.items()}
        failed = [tenant for tenant, job in ended.items() if job["status"] == "error"]
        assert failed
        for tenant in failed:
            assert re.match("The store takes no changes: .*: No space left on device", ended[tenant]["message"])
            check_truth(found, tenant)
            assert "running" not in statuses(ended[tenant]).values()
        for tenant in failed:
            found.ask("POST", f"/_/install/jobs/{fleet.jobs[tenant]}/retry").raise_for_status()
        for tenant, job_id in fleet.jobs.items():
            assert found.complete(job_id)["status"] == "done"
            check_truth(found, tenant)
            assert found.enabled(tenant) == SIX
