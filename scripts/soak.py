"""`make soak`: ten minutes of load, with the memory and the connections of each process over time.

Jobs are installed, aborted and removed, and clients follow them by long polls and event streams. Exit
code 1 if a process holds more at the end than after warming up. It starts its own PostgreSQL and Redis.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from scripts.servers import running_cluster
from scripts.traffic import Connection, Tally, chain, register, side_by_side
from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import Cluster

CHAIN = 4
LAST, SLOW = f"mod-soak{CHAIN - 1}-1.0.0", "mod-endless0-1.0.0"
CLIENTS = 6
GROWTH = 1.10
SPARE_MEGABYTES = 6.0
SPARE_CONNECTIONS = 6

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What a process holds: resident memory in megabytes, TCP connections, open files."""

    megabytes: float
    connections: int
    files: int


def sampled(pid: int) -> Sample:
    """A process with its children."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return Sample(
        megabytes=sum(p.memory_info().rss for p in family) / 2**20,
        connections=sum(len(p.net_connections("tcp")) for p in family),
        files=sum(p.num_fds() for p in family),
    )


class Customer:
    """A client that creates tenants, runs jobs for them, follows the jobs, and removes everything."""

    def __init__(self, url: str, tally: Tally) -> None:
        self._url = url
        self._connection = Connection(url, tally)

    def round(self, number: int) -> None:
        """Creates a tenant, runs one job to its end, aborts another, and removes the tenant."""
        tenant = f"t{uuid.uuid4().hex[:12]}"
        self._send("POST", "/_/proxy/tenants", {"id": tenant})
        done = self._connection.install(tenant, LAST, f"&parallel={1 + number % 2}")
        self._follow(tenant, done, number)
        aborted = self._connection.install(tenant, SLOW)
        self._send("GET", f"/_/proxy/tenants/{tenant}/install/{aborted}?wait=200")
        self._send("DELETE", f"/_/proxy/tenants/{tenant}/install/{aborted}")
        self._send("DELETE", f"/_/proxy/tenants/{tenant}/install/{done}")
        self._send("DELETE", f"/_/proxy/tenants/{tenant}")

    def _follow(self, tenant: str, job: str, number: int) -> None:
        if number % 3 == 0:
            self._listen(job)
        path = f"/_/proxy/tenants/{tenant}/install/{job}?wait=1000"
        while self._send("GET", path).get("complete") is False:
            continue

    def _listen(self, job: str) -> None:
        """Reads an event stream to its end."""
        stream = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=60)
        stream.request("GET", f"/_/install/jobs/{job}/events")
        stream.getresponse().read()
        stream.close()

    def _send(self, method: str, path: str, body: object = None) -> dict[str, object]:
        found = self._connection.send(method, method, path, body)[1]
        return found if isinstance(found, dict) else {}


def watched(cluster: Cluster) -> dict[str, int]:
    """The ids of the cluster's processes, by name."""
    apis = {f"api{number}": process.pid for number, process in enumerate(cluster.apis)}
    return apis | {f"worker{number}": process.pid for number, process in enumerate(cluster.workers)}


def watch(pids: dict[str, int], seconds: float, interval: float, say: Say) -> dict[str, list[Sample]]:
    """Samples of each process at each interval, shown as they come: megabytes/connections/files."""
    began, found = time.monotonic(), {name: list[Sample]() for name in pids}
    say(f"{'seconds':<9}" + "".join(f"{name:>18}" for name in pids))
    while (now := time.monotonic() - began) < seconds:
        for name, pid in pids.items():
            found[name].append(sampled(pid))
        newest = [samples[-1] for samples in found.values()]
        say(f"{now:<9.0f}" + "".join(f"{f'{s.megabytes:.0f}/{s.connections}/{s.files}':>18}" for s in newest))
        time.sleep(interval)
    return found


def growth(name: str, samples: Sequence[Sample]) -> list[str]:
    """A sentence for each thing of which the process holds more in the last quarter than in the second one."""
    quarter = max(len(samples) // 4, 1)
    early, late = samples[quarter : 2 * quarter] or samples, samples[-quarter:]

    def medians(of: Callable[[Sample], float]) -> tuple[float, float]:
        return statistics.median(map(of, early)), statistics.median(map(of, late))

    before, after = medians(lambda s: s.megabytes)
    found = [f"{name}: {before:.0f} MB, later {after:.0f} MB"] if after > before * GROWTH + SPARE_MEGABYTES else []
    for what, count in (("connections", lambda s: s.connections), ("files", lambda s: s.files)):
        before, after = medians(count)
        if after > before + SPARE_CONNECTIONS:
            found.append(f"{name}: {before:.0f} {what}, later {after:.0f}")
    return found


def soak(cluster: Cluster, back_end: BackEnd, seconds: float, interval: float, say: Say) -> list[str]:
    """Runs the load for so many seconds. Returns what went wrong, in sentences."""
    tally, until, rounds = Tally(), time.monotonic() + seconds, [0] * CLIENTS
    register(Connection(cluster.url()), back_end, [*chain("soak", CHAIN), *chain("endless", 1)])
    back_end.behave("mod-soak1", call="init", job={"seconds": 0.2})
    back_end.behave(SLOW, call="init", job={"never_ends": True})
    found: dict[str, list[Sample]] = {}

    def work(number: int) -> None:
        if number == CLIENTS:
            found.update(watch(watched(cluster), seconds, interval, say))
            return
        customer = Customer(cluster.url(number % len(cluster.apis)), tally)
        while time.monotonic() < until:
            customer.round(rounds[number])
            rounds[number] += 1
            if rounds[number] % 20 == 0:
                back_end.forget_calls()

    side_by_side(CLIENTS + 1, work)
    say(f"{2 * sum(rounds)} jobs of {sum(rounds)} tenants, {len(tally.errors)} errors")
    return tally.errors[:10] + [line for name, samples in found.items() for line in growth(name, samples)]


def main(arguments: list[str], say: Say) -> int:
    """Runs the soak and shows the result. The exit code is 1 if something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--interval", type=float, default=15.0, help="seconds between two samples")
    given = parser.parse_args(arguments)
    with BackEnd.start() as back_end, running_cluster({}, apis=1, workers=2) as cluster:
        wrong = soak(cluster, back_end, given.minutes * 60, given.interval, say)
    for line in wrong or ["memory and connections are flat"]:
        say(line)
    return 1 if wrong else 0


def show(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], show))
