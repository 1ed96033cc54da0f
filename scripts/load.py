"""`make load`: 500 tenants with a job each, on one worker process and on two; and 64 connections for a minute.

Half of the jobs wait for a slow module, the others are as fast as the worker is. The workers are frozen until all jobs
are in the queue, so that what is measured is their work. It starts its own PostgreSQL and Redis, on loopback.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import uuid
from collections.abc import Callable
from datetime import datetime

from okapi_install.demo.backend_process import BackEnd
from scripts.servers import running_cluster
from scripts.traffic import Connection, Tally, chain, register, side_by_side
from tests.fixtures.cluster import Cluster

CHAIN = 10
FAST, SLOW = f"mod-fast{CHAIN - 1}-1.0.0", "mod-slow0-1.0.0"
PLAIN = {"OKAPI_INSTALL_LEASE_SECONDS": "15", "OKAPI_INSTALL_BEAT_SECONDS": "3", "OKAPI_INSTALL_SWEEP_SECONDS": "2"}

Say = Callable[[str], None]


def prepared(cluster: Cluster, back_end: BackEnd, slow: float) -> Connection:
    """A connection to a service that knows the modules."""
    connection = Connection(cluster.url())
    register(connection, back_end, [*chain("fast", CHAIN), *chain("slow", 1)])
    back_end.behave(SLOW, call="init", job={"seconds": slow})
    return connection


def queued_jobs(url: str, tenants: int) -> dict[str, str]:
    """Jobs of as many tenants, by id, with the module that was asked for."""
    jobs: dict[str, str] = {}

    def submit(number: int) -> None:
        connection = Connection(url)
        for index in range(number, tenants, 8):
            tenant, module = f"t{uuid.uuid4().hex[:12]}", SLOW if index % 2 else FAST
            connection.send("setup", "POST", "/_/proxy/tenants", {"id": tenant})
            jobs[connection.install(tenant, module)] = module

    side_by_side(8, submit)
    return jobs


def finished(connection: Connection, jobs: dict[str, str], module: str) -> tuple[float, int]:
    """Waits for the jobs of that module: seconds from the first start to the last end, and how many failed."""
    starts, ends, failed = [], [], 0
    for job in [job for job, of in jobs.items() if of == module]:
        while not (document := connection.send("status", "GET", f"/_/install/jobs/{job}")[1])["complete"]:
            time.sleep(0.2)
        failed += document["status"] != "done"
        starts.append(datetime.fromisoformat(document["startDate"]))
        ends.append(datetime.fromisoformat(document["endDate"]))
    return (max(ends) - min(starts)).total_seconds(), failed


def signal_all(cluster: Cluster, number: signal.Signals) -> None:
    """Sends the signal to all workers."""
    for worker in cluster.workers:
        worker.signal(number)


def fleet(workers: int, tenants: int, slow: float, say: Say) -> tuple[float, int]:
    """The jobs of all tenants on so many workers: seconds that the fast half took, and how many failed."""
    with BackEnd.start() as back_end, running_cluster(PLAIN, workers=workers) as cluster:
        connection = prepared(cluster, back_end, slow)
        signal_all(cluster, signal.SIGSTOP)
        jobs = queued_jobs(cluster.url(), tenants)
        signal_all(cluster, signal.SIGCONT)
        fast, broken = finished(connection, jobs, FAST)
        slow_took, broken_too = finished(connection, jobs, SLOW)
        modules = CHAIN * tenants // 2
        say(
            f"{workers} worker(s): {modules} modules in {fast:.1f} s ({modules / fast:.0f} per s); "
            f"{tenants // 2} jobs that wait {slow:g} s each in {slow_took:.1f} s; {broken + broken_too} failed"
        )
        return fast, broken + broken_too


class Visitor:
    """One of the connections: it does by chance what people and scripts do."""

    def __init__(self, url: str, tally: Tally, tenant: str) -> None:
        self._connection = Connection(url, tally)
        self._tenant = tenant
        self._job = ""

    def visit(self) -> None:
        """One request."""
        random.choices(  # noqa: S311 - a mix of requests needs no cryptography
            (self._status, self._modules, self._jobs, self._simulate, self._install, self._delete, self._health),
            (8, 3, 1, 1, 1, 1, 2),
        )[0]()

    def _status(self) -> None:
        if self._job:
            self._connection.send("job", "GET", f"/_/proxy/tenants/{self._tenant}/install/{self._job}")

    def _modules(self) -> None:
        self._connection.send("tenant's modules", "GET", f"/_/proxy/tenants/{self._tenant}/modules")

    def _jobs(self) -> None:
        self._connection.send("jobs", "GET", "/_/install/jobs?limit=20")

    def _simulate(self) -> None:
        path = f"/_/proxy/tenants/{self._tenant}/install?simulate=true"
        self._connection.send("simulate", "POST", path, [{"id": FAST, "action": "enable"}])

    def _install(self) -> None:
        self._job = self._connection.install(self._tenant, "mod-fast0-1.0.0", "&reinstall=true")

    def _delete(self) -> None:
        if self._job:
            self._connection.send("delete", "DELETE", f"/_/proxy/tenants/{self._tenant}/install/{self._job}")
            self._job = ""

    def _health(self) -> None:
        self._connection.send("health", "GET", "/_/proxy/health")


def visitors(connections: int, seconds: float, say: Say) -> int:
    """So many connections for so long; how many requests failed."""
    with BackEnd.start() as back_end, running_cluster(PLAIN, workers=1) as cluster:
        connection = prepared(cluster, back_end, 1.0)
        tenants = [f"t{uuid.uuid4().hex[:12]}" for _ in range(connections)]
        for tenant in tenants:
            connection.send("setup", "POST", "/_/proxy/tenants", {"id": tenant})
        tally, until = Tally(), time.monotonic() + seconds

        def work(number: int) -> None:
            visitor = Visitor(cluster.url(), tally, tenants[number])
            while time.monotonic() < until:
                visitor.visit()

        side_by_side(connections, work)
        say(f"\n{connections} connections, {seconds:g} s\n{'request':<18}{'number':>8}{'p50 ms':>9}{'p99 ms':>9}")
        for line in [*tally.table(), *tally.errors[:10]]:
            say(line)
        say(f"{len(tally.errors)} errors")
        return len(tally.errors)


def main(arguments: list[str], say: Say) -> int:
    """Measures and shows; exit code 1 if a job or a request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=500)
    parser.add_argument("--slow", type=float, default=10.0, help="seconds that the slow module takes")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the connections last")
    given = parser.parse_args(arguments)
    one, failed = fleet(1, given.tenants, given.slow, say)
    two, failed_too = fleet(2, given.tenants, given.slow, say)
    say(f"with a second worker process, what is CPU-bound takes {two / one:.2f} of the time")
    errors = visitors(given.connections, given.seconds, say)
    return 1 if failed or failed_too or errors else 0


def show(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], show))
