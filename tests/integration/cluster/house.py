"""An embedded service with modules that answer: what a test of it asks, as a client would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import Embedded
from tests.fixtures.site import GRAPH, USUAL, until


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


@contextmanager
def house_in(folder: Path) -> Iterator[House]:
    """It runs, with its data and what it says in that folder, and is ended at the end."""
    server = Embedded(folder)
    with BackEnd.start() as back_end:
        back_end.behave_all(USUAL)
        try:
            found = House(server.start(), back_end)
            found.register()
            yield found
        finally:
            server.process.end()
