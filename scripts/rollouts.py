"""`make bench BENCH_ARGS=rollouts`: a rollout of many tenants, beside the same jobs posted one by one.

Both run on the same cluster, the posted jobs first. `BENCH_ARGS="rollouts 300"` takes so many tenants.
"""

from __future__ import annotations

import statistics
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.servers import PLAIN, running_site
from scripts.traffic import Connection, chain, register, side_by_side
from tests.fixtures.back_end.process import BackEnd

TENANTS, MODULES = 2000, 10
AT_ONCE = 200
LEAST_SHARE = 0.9
LONGEST_MS = 200.0
_CLIENTS = 8
_PAUSE = 0.25

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Seconds until all jobs were done, posted and as a rollout; and how long status and page took meanwhile."""

    tenants: int
    posted: float
    rolled_out: float
    status: Sequence[float]
    page: Sequence[float]

    def lines(self) -> list[str]:
        """A Markdown table."""
        modules = self.tenants * MODULES
        share = self.posted / self.rolled_out
        status, page = (statistics.median(found) * 1000 if found else 0.0 for found in (self.status, self.page))
        return [
            f"| {self.tenants} tenants x {MODULES} modules, {AT_ONCE} at once | wanted | measured | |",
            "|---|---|---|---|",
            f"| posted one by one, modules per s | - | {modules / self.posted:.0f} | |",
            f"| as a rollout, modules per s | - | {modules / self.rolled_out:.0f} | |",
            f"| share | at least {LEAST_SHARE} | {share:.2f} | {_verdict(share >= LEAST_SHARE)} |",
            f"| status, median ms | at most {LONGEST_MS:g} | {status:.0f} | {_verdict(status <= LONGEST_MS)} |",
            f"| page, median ms | at most {LONGEST_MS:g} | {page:.0f} | {_verdict(page <= LONGEST_MS)} |",
        ]


def _verdict(reached: bool) -> str:
    return "reached" if reached else "NOT reached"


def roll_out(arguments: Sequence[str], say: Say) -> None:
    """Measures, and shows the table."""
    tenants = int(arguments[0]) if arguments else TENANTS
    with running_site(PLAIN, workers=2) as site, BackEnd.start() as back_end:
        url = site.cluster.url()
        name = f"ro{uuid.uuid4().hex[:6]}"
        register(Connection(url), back_end, chain(name, MODULES))
        last = f"mod-{name}{MODULES - 1}-1.0.0"
        _posted(url, _tenants(url, 50), last)  # everything is warm
        posted = _posted(url, _tenants(url, tenants), last)
        figures = _rolled_out(url, _tenants(url, tenants), last, posted)
    say("\n".join(figures.lines()))


def _tenants(url: str, many: int) -> list[str]:
    names = [f"t{uuid.uuid4().hex[:12]}" for _ in range(many)]

    def add(number: int) -> None:
        connection = Connection(url)
        for name in names[number::_CLIENTS]:
            connection.send("setup", "POST", "/_/proxy/tenants", {"id": name})

    side_by_side(_CLIENTS, add)
    return names


def _posted(url: str, tenants: Sequence[str], module: str) -> float:
    """Seconds until the jobs of all tenants are done, which are posted by a few clients."""
    began = time.monotonic()

    def post(number: int) -> None:
        connection = Connection(url)
        jobs = [connection.install(tenant, module) for tenant in tenants[number::_CLIENTS]]
        for job in reversed(jobs):
            while not connection.send("job", "GET", f"/_/install/jobs/{job}")[1]["complete"]:
                time.sleep(_PAUSE)

    side_by_side(_CLIENTS, post)
    return time.monotonic() - began


def _rolled_out(url: str, tenants: Sequence[str], module: str, posted: float) -> Figures:
    connection, began = Connection(url), time.monotonic()
    body = {
        "name": "bench",
        "modules": [{"id": module}],
        "tenants": list(tenants),
        "maxConcurrent": AT_ONCE,
    }
    status, found, _ = connection.send("rollout", "POST", "/_/install/rollouts", body)
    if status != 201:
        raise SystemExit(f"the rollout was refused: {status} {found}")
    path, page = f"/_/install/rollouts/{found['id']}", f"/rollouts/{found['id']}"
    took: dict[str, list[float]] = {path: [], page: []}
    over = threading.Event()
    reader = threading.Thread(target=_read, args=(url, took, over))
    reader.start()
    while not (seen := connection.send("rollout", "GET", path)[1])["complete"]:
        time.sleep(_PAUSE)
    seconds = time.monotonic() - began
    over.set()
    reader.join()
    if seen["tenants"]["done"] != len(tenants):
        raise SystemExit(f"not all tenants are done: {seen['tenants']} {seen['failures'][:3]}")
    return Figures(tenants=len(tenants), posted=posted, rolled_out=seconds, status=took[path], page=took[page])


def _read(url: str, took: dict[str, list[float]], over: threading.Event) -> None:
    """Reads status and page every now and then, as an operator's browser does."""
    connection = Connection(url)
    while not over.wait(2.0):
        for path, seconds in took.items():
            began = time.monotonic()
            connection.send("read", "GET", path)
            seconds.append(time.monotonic() - began)
