"""A stand-in for an Okapi as a process of its own, jobs beside it, and what must hold of them in the end."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import requests

from tests.fixtures.back_end.descriptors import bare_descriptor
from tests.fixtures.cluster import WORKER_READY, environ
from tests.fixtures.parts import ROOT, take_port
from tests.fixtures.processes import PATIENCE, ServerProcess
from tests.fixtures.site import LONE, ROOT_MODULE, SIX, TOP, Site, codes, until

OTHER = "mod-other-1.0.0"
"""What jobs of that Okapi's own enable."""


class Okapi:
    """The stand-in. What it has enabled survives its end; its own jobs do not."""

    def __init__(self, folder: Path) -> None:
        self.port = take_port()
        command = [sys.executable, "-m", "tests.fixtures.okapi_stand_in", "--port", self.port, "--state"]
        log, state = folder / "okapi.log", folder / "okapi.json"
        self.process = ServerProcess([*command, state], log=log, env=environ({}), cwd=ROOT)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self.process.start().wait_for_port(self.port)
        return self

    def ask(self, method: str, path: str, json: object = None) -> Any:
        """JSON, or None for an empty response."""
        answer = requests.request(method, self.url + path, json=json, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def enabled(self, tenant: str) -> set[str]:
        """Ids of what a tenant has enabled."""
        return {module["id"] for module in self.ask("GET", f"/_/proxy/tenants/{tenant}/modules")}

    def flaws(self, **flaws: object) -> None:
        """See the stand-in's Flaws."""
        self.ask("PATCH", "/_stand_in/flaws", flaws)

    def until_it_ends(self) -> None:
        """Waits until it has ended, as a flaw wants it."""
        until(lambda: not self.process.running, "the end of the stand-in")

    def start_job(self, tenant: str) -> None:
        """Starts a job of its own, which overwrites what the tenant gets until it ends."""
        changes = [{"id": OTHER, "action": "enable"}]
        self.ask("POST", f"/_/proxy/tenants/{tenant}/install?async=true", changes)

    def finish_jobs(self) -> None:
        """Lets its own jobs end."""
        self.ask("POST", "/_stand_in/jobs/finish")


@contextmanager
def beside_okapi(site: Site, folder: Path) -> Iterator[tuple[Site, Okapi]]:
    """One API and two workers beside a stand-in; the modules are those of the site."""
    okapi = Okapi(folder).start()
    try:
        okapi.ask("POST", "/_/proxy/import/modules?check=false", [bare_descriptor(OTHER)])
        with site.aside({"OKAPI_INSTALL_OKAPI": okapi.url}) as beside:
            beside.cluster.start_worker().wait_for_line(WORKER_READY)
            yield beside, okapi
    finally:
        okapi.process.end()


@dataclass(kw_only=True)
class BesideFleet:
    """Two jobs for each tenant, one after the other.

    `others` are the tenants for which Okapi ran a job of its own, `aborted` the jobs that were aborted.
    """

    site: Site
    okapi: Okapi
    jobs: list[tuple[str, str]]
    others: set[str] = field(default_factory=set)
    aborted: set[str] = field(default_factory=set)

    @classmethod
    def start(cls, site: Site, okapi: Okapi, tenants: int) -> BesideFleet:
        fleet = cls(site=site, okapi=okapi, jobs=[])
        for _ in range(tenants):
            fleet.add_tenant()
        return fleet

    def add_tenant(self) -> str:
        """Adds a tenant with its two jobs."""
        tenant = self.site.tenant()
        self.jobs += [(tenant, self.site.submit(tenant, module, options="&parallel=4")) for module in (TOP, LONE)]
        return tenant

    def until_one_starts(self) -> None:
        """Adds a tenant, and waits until its first module is called: something is recorded after that, in any case."""
        self.site.until_called(self.add_tenant(), ROOT_MODULE)

    @property
    def tenants(self) -> list[str]:
        return list(dict.fromkeys(tenant for tenant, _ in self.jobs))

    def recorded(self) -> int:
        """How many modules Okapi shows, of all tenants."""
        return sum(len(self.okapi.enabled(tenant)) for tenant in self.tenants)

    def until_recorded(self, share: float) -> None:
        """Waits until that share of all modules is recorded."""
        wanted = share * len(self.tenants) * len({*SIX, LONE})
        until(lambda: self.recorded() >= wanted, f"{wanted} recordings")

    def initialised(self) -> dict[str, Any] | None:
        """A job with a module that is initialised, and not recorded."""
        jobs = [self.site.job(job) or {"modules": []} for _, job in self.jobs]
        return next((job for job in jobs if any(step["stage"] == "initialised" for step in job["modules"])), None)

    def check(self) -> None:
        """Waits for the end of all jobs; fails the test unless all is as it must be."""
        done: dict[str, set[str]] = defaultdict(set)
        for tenant, job in [(tenant, self.site.complete(job)) for tenant, job in self.jobs]:
            assert job["status"] == "done" or job["id"] in self.aborted, job
            self._check_calls(tenant, job)
            done[tenant] |= {step["id"] for step in job["modules"] if step["status"] == "done"}
        for tenant in self.tenants:
            wanted = done[tenant] | ({OTHER} if tenant in self.others else set())
            assert self.okapi.enabled(tenant) == wanted, tenant

    def _check_calls(self, tenant: str, job: dict[str, Any]) -> None:
        """Each module is initialised once, but where its worker was lost in the call."""
        for step in job["modules"]:
            count, again = self.site.called(tenant, step["id"]), "called_again" in codes(step["warnings"])
            wanted = {1, 2} if again else {1} if step["status"] == "done" else {0, 1}
            assert count in wanted, (step["id"], count, job)
