"""`okapi-install serve`: what dies is started again, a stop leaves nothing behind, and a start finds everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from okapi_install.demo.backend_process import BackEnd
from tests.fixtures.cluster import Embedded
from tests.fixtures.site import GRAPH, JOIN, LONE, SIX, TOP, USUAL, until


class House:
    """An embedded service and its modules."""

    def __init__(self, server: Embedded, back_end: BackEnd) -> None:
        self.server = server
        self.back_end = back_end

    def call(self, method: str, path: str, json: object = None) -> requests.Response:
        """One request, that must succeed."""
        answer = requests.request(method, self.server.url + path, json=json, timeout=60)
        answer.raise_for_status()
        return answer

    def get(self, path: str) -> Any:
        """JSON."""
        return self.call("GET", path).json()

    def register(self) -> None:
        """Makes the modules known."""
        self.call("POST", "/_/proxy/import/modules?check=false", json=GRAPH)
        for descriptor in GRAPH:
            self.call("POST", "/_/discovery/modules", json=self.back_end.instance(str(descriptor["id"])))

    def submit(self, tenant: str, module: str) -> str:
        """A job of a new tenant; its id."""
        self.call("POST", "/_/proxy/tenants", json={"id": tenant})
        answer = self.call("POST", f"/_/proxy/tenants/{tenant}/install?async=true&parallel=2", json=[{"id": module}])
        return answer.headers["Location"].rpartition("/")[2]

    def steps(self, jobs: dict[str, str]) -> list[tuple[str, dict[str, Any]]]:
        """Tenants and steps of their jobs."""
        return [
            (tenant, step) for tenant, job in jobs.items() for step in self.get(f"/_/install/jobs/{job}")["modules"]
        ]

    def until_known(self, jobs: dict[str, str], many: int) -> set[tuple[str, str]]:
        """Tenants and modules of the steps that are done or have a tenant job, once there are so many."""

        def known() -> set[tuple[str, str]] | None:
            found = {(t, s["id"]) for t, s in self.steps(jobs) if s["tenantJob"] or s["status"] == "done"}
            return found if len(found) >= many else None

        return until(known, f"{many} steps")

    def complete(self, job: str) -> dict[str, Any]:
        """The job, once it is complete."""
        path = f"/_/install/jobs/{job}"
        until(lambda: self.get(path)["complete"], f"the end of {job}")
        found: dict[str, Any] = self.get(path)
        return found

    def kill_workers(self) -> None:
        """SIGKILL to all worker processes; they are started again by themselves."""
        workers = [child for child in self.server.process.descendants() if "celery" in " ".join(child.cmdline())]
        assert len(workers) == 2
        for worker in workers:
            worker.kill()
        psutil.wait_procs(workers, timeout=30)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    server = Embedded(tmp_path)
    with BackEnd.start() as back_end:
        back_end.behave_all(USUAL)
        try:
            found = House(server.start(), back_end)
            found.register()
            yield found
        finally:
            server.process.end()


def test_six_jobs_survive_that_all_workers_are_killed_twice(house: House) -> None:
    jobs = {f"t{number}": house.submit(f"t{number}", TOP) for number in range(6)}
    known: dict[tuple[str, str], int] = {}
    for waited_for in (4, 10):
        found = house.until_known(jobs, waited_for)
        known |= {(t, module): house.back_end.counts(t)[module]["enable"] for t, module in found}
        house.kill_workers()
    assert len(known) >= 4
    for tenant, job in jobs.items():
        ended = house.complete(job)
        assert ended["status"] == "done", ended
        counts = house.back_end.counts(tenant)
        again = {m for (of, m), calls in known.items() if of == tenant and counts[m]["enable"] != calls}
        assert again == set(), "called again although it was known"
        assert all(counts[step["id"]]["enable"] <= step["attempts"] for step in ended["modules"])
        assert {m["id"] for m in house.get(f"/_/proxy/tenants/{tenant}/modules")} == SIX


def test_a_stop_leaves_no_process_and_a_start_finds_everything_again(house: House) -> None:
    finished = house.submit("finished", LONE)
    house.complete(finished)
    house.back_end.behave(JOIN, call="init", job={"never_ends": True})
    running = house.submit("running", TOP)
    path = f"/_/install/jobs/{running}"
    until(lambda: any(step["id"] == JOIN and step["tenantJob"] for step in house.get(path)["modules"]), "JOIN's job")
    before = {where: house.get(where) for where in ("/_/proxy/modules", "/_/proxy/tenants", "/_/discovery/modules")}
    family = [psutil.Process(house.server.process.pid), *house.server.process.descendants()]
    assert house.server.process.terminate(timeout=10) == 0
    assert psutil.wait_procs(family, timeout=0.5)[1] == []
    house.server.start()
    assert {where: house.get(where) for where in before} == before
    assert house.get(f"/_/install/jobs/{finished}")["status"] == "done"
    assert {m["id"] for m in house.get("/_/proxy/tenants/finished/modules")} == {LONE}
    house.back_end.finish_jobs(JOIN)
    assert house.complete(running)["status"] == "done"
    assert house.back_end.counts("running")[JOIN]["enable"] == 1
