"""Processor time for each part of the service, while a fleet of tenants installs a chain of modules.

A module costs the workers, the database and the broker; a job costs the API: its tenant, its POST, and its status.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import psutil

from scripts.servers import Site
from scripts.traffic import Connection, chain, register, side_by_side
from tests.fixtures.back_end.process import BackEnd

MODULES = 10
TENANTS = 600
CLIENTS = 8

WANTED: Mapping[str, float] = {"workers": 1.2, "API": 3.0, "PostgreSQL": 0.6}
"""Milliseconds: for the API of a job, for the others of a module."""


def seconds_of(pids: Iterable[int]) -> float:
    """Processor seconds that the processes and all their descendants have used, also those that have ended."""
    total = 0.0
    for pid in pids:
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            try:
                used = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += used.user + used.system + used.children_user + used.children_system
    return total


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """Processor seconds by part, for so many jobs of so many modules each; `seconds` passed meanwhile."""

    parts: Mapping[str, float]
    jobs: int
    modules: int
    seconds: float

    def milliseconds(self, part: str) -> float:
        """What a part spent: the API for a job, the others for a module."""
        units = self.jobs if part == "API" else self.jobs * self.modules
        return self.parts[part] / units * 1000

    def table(self) -> str:
        """A Markdown table."""
        lines = [f"| processor time, {self.jobs} tenants x {self.modules} modules | wanted | ms |", "|---|---|---|"]
        for part in self.parts:
            unit = "job" if part == "API" else "module"
            goal = f"at most {WANTED[part]:g}" if part in WANTED else "-"
            lines.append(f"| {part}, a {unit} | {goal} | {self.milliseconds(part):.2f} |")
        rate = self.jobs * self.modules / self.seconds
        return "\n".join([*lines, f"| all done | - | {self.seconds:.1f} s, {rate:.0f} modules per s |"])


def spent_by_a_fleet(site: Site, tenants: int = TENANTS) -> Spent:
    """Runs the jobs of so many tenants, and measures what they cost."""
    with BackEnd.start() as back_end:
        connection = Connection(site.cluster.url())
        name = f"pt{uuid.uuid4().hex[:6]}"
        register(connection, back_end, chain(name, MODULES))
        before, began = _all(site), time.monotonic()
        side_by_side(CLIENTS, _client(site.cluster.url(), f"mod-{name}{MODULES - 1}-1.0.0", tenants))
        seconds = time.monotonic() - began
        used = {part: after - before[part] for part, after in _all(site).items()}
    return Spent(parts=used, jobs=tenants, modules=MODULES, seconds=seconds)


def _all(site: Site) -> dict[str, float]:
    return {part: seconds_of(pids) for part, pids in site.processes().items()}


def _client(url: str, module: str, tenants: int) -> Callable[[int], None]:
    """Submits a share of the jobs, then looks at each until it is done, the last one first."""

    def work(number: int) -> None:
        connection = Connection(url)
        jobs = [_submitted(connection, module) for _ in range(number, tenants, CLIENTS)]
        for job in reversed(jobs):
            while not connection.send("job", "GET", f"/_/install/jobs/{job}")[1]["complete"]:
                time.sleep(0.5)

    return work


def _submitted(connection: Connection, module: str) -> str:
    tenant = f"t{uuid.uuid4().hex[:12]}"
    connection.send("setup", "POST", "/_/proxy/tenants", {"id": tenant})
    return connection.install(tenant, module)
