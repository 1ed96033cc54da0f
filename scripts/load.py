"""`make load`: 500 tenants with a job each, on one worker process and on two; and 64 connections for a minute.

Half of the jobs wait for a slow module until the other jobs are done; the others are as fast as the worker. The workers
are frozen until all jobs are queued, so that only their work is measured. On one machine they share its cores with the
database, the API, the modules and each other. Therefore each worker is limited to a part of a core (`--share`), as by a
container's `cpus:`, small enough that the machine has cores to spare. The script starts its own PostgreSQL and Redis,
on loopback.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psutil

from scripts.cpu_share import limited
from scripts.servers import PLAIN, running_cluster
from scripts.traffic import Connection, Tally, chain, register, side_by_side
from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import Cluster

CHAIN = 10
FAST, SLOW = f"mod-fast{CHAIN - 1}-1.0.0", "mod-slow0-1.0.0"

SHARE = 0.25
"""Cores for each worker process. Two cores are enough for two of them and the load that they cause elsewhere."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Half:
    """The result of the jobs of one kind: seconds until the last one ended, and how many failed.

    `taken_over` counts those that more than one worker ran, because a lease was lost.
    """

    seconds: float
    failed: int
    taken_over: int

    @classmethod
    def of(cls, documents: Iterable[Mapping[str, Any]], since: float) -> Half:
        """The result for complete jobs, given as the API's documents. `since` is in seconds since 1970."""
        ended = list(documents)
        return cls(
            seconds=max(datetime.fromisoformat(job["endDate"]).timestamp() for job in ended) - since,
            failed=sum(job["status"] != "done" for job in ended),
            taken_over=sum(job["attempts"] > 1 for job in ended),
        )


class Usage:
    """The CPU time that processes have used since this was created, and the idle cores of the machine."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self._before = self._now()

    def _now(self) -> tuple[float, float, list[float]]:
        used = [process.cpu_times() for process in self._processes]
        return time.monotonic(), psutil.cpu_times().idle, [times.user + times.system for times in used]

    def __str__(self) -> str:
        (began, idle_before, before), (now, idle, used) = self._before, self._now()
        seconds = " + ".join(f"{after - first:.1f}" for first, after in zip(before, used, strict=True))
        return f"{seconds} s of CPU, {(idle - idle_before) / (now - began):.1f} of {psutil.cpu_count()} cores idle"


def prepared(cluster: Cluster, back_end: BackEnd) -> Connection:
    """A connection to a service where the modules are registered."""
    connection = Connection(cluster.url())
    register(connection, back_end, [*chain("fast", CHAIN), *chain("slow", 1)])
    back_end.behave(SLOW, call="init", job={"never_ends": True})
    return connection


def queued_jobs(url: str, tenants: int) -> dict[str, str]:
    """Submits a job for each of so many tenants. Returns the requested module by job id."""
    jobs: dict[str, str] = {}

    def submit(number: int) -> None:
        connection = Connection(url)
        for index in range(number, tenants, 8):
            tenant, module = f"t{uuid.uuid4().hex[:12]}", SLOW if index % 2 else FAST
            connection.send("setup", "POST", "/_/proxy/tenants", {"id": tenant})
            jobs[connection.install(tenant, module)] = module

    side_by_side(8, submit)
    return jobs


def finished(connection: Connection, jobs: dict[str, str], module: str) -> Half:
    """The result of the jobs of that module, measured from now until all have ended."""
    began = time.time()

    def complete(job: str) -> Mapping[str, Any]:
        while True:
            document: Mapping[str, Any] = connection.send("status", "GET", f"/_/install/jobs/{job}")[1]
            if document["complete"]:
                return document
            time.sleep(0.2)

    return Half.of([complete(job) for job, of in jobs.items() if of == module], began)


@contextmanager
def woken(cluster: Cluster, share: float, say: Say) -> Iterator[Usage]:
    """Resumes the frozen workers, each limited to `share` cores; 0 means no limit."""
    pids = [worker.pid for worker in cluster.workers]
    with limited(pids, share) if share else nullcontext() as why_not:
        if why_not:
            say(f"the workers share the cores with all else: {why_not}")
        usage = Usage(pids)
        signal_all(cluster, signal.SIGCONT)
        yield usage


def signal_all(cluster: Cluster, number: signal.Signals) -> None:
    """Sends the signal to all workers."""
    for worker in cluster.workers:
        worker.signal(number)


def let_end(back_end: BackEnd) -> None:
    """Completes the tenant jobs of the slow modules, and makes the modules fast."""
    back_end.behave_well()
    back_end.finish_jobs(SLOW)


def fleet(workers: int, tenants: int, slow: float, share: float, say: Say) -> tuple[float, int]:
    """Runs a job for each tenant on so many workers. Returns the seconds of the fast half, and how many failed."""
    with BackEnd.start() as back_end, running_cluster(PLAIN, workers=workers) as cluster:
        connection = prepared(cluster, back_end)
        signal_all(cluster, signal.SIGSTOP)
        jobs = queued_jobs(cluster.url(), tenants)
        with woken(cluster, share, say) as usage:
            quick = finished(connection, jobs, FAST)
            used = str(usage)
            time.sleep(max(slow - quick.seconds, 0))
            let_end(back_end)
            waiting = finished(connection, jobs, SLOW)
        modules, failed = CHAIN * tenants // 2, quick.failed + waiting.failed
        say(
            f"{workers} worker(s): {modules} modules in {quick.seconds:.1f} s ({modules / quick.seconds:.0f} per s; "
            f"{used}); {tenants // 2} jobs done {waiting.seconds:.1f} s after their slow modules; "
            f"{failed} failed, {quick.taken_over + waiting.taken_over} taken over"
        )
        return quick.seconds, failed


class Visitor:
    """One of the connections. It sends a random mix of the requests of people and scripts."""

    def __init__(self, url: str, tally: Tally, tenant: str) -> None:
        self._connection = Connection(url, tally)
        self._tenant = tenant
        self._job = ""

    def visit(self) -> None:
        """Sends a random request."""
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
    """Runs so many connections for so long. Returns how many requests failed."""
    with BackEnd.start() as back_end, running_cluster(PLAIN, workers=1) as cluster:
        connection = prepared(cluster, back_end)
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
    """Runs the measurement and shows it. The exit code is 1 if a job or a request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=500)
    parser.add_argument("--slow", type=float, default=10.0, help="least number of seconds that the slow modules take")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the connections send requests")
    parser.add_argument("--share", type=float, default=SHARE, help="cores for each worker process; 0: no limit")
    given = parser.parse_args(arguments)
    if given.share < 0:
        parser.error("--share must not be negative")
    one, failed = fleet(1, given.tenants, given.slow, given.share, say)
    two, failed_too = fleet(2, given.tenants, given.slow, given.share, say)
    say(f"with a second worker process, what is CPU-bound takes {two / one:.2f} of the time")
    errors = visitors(given.connections, given.seconds, say)
    return 1 if failed or failed_too or errors else 0


def show(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], show))
