"""`make bench BENCH_ARGS=growth`: how figures change as the work grows. A growth of 1 is flat.

Its parts may be named (`BENCH_ARGS="growth history"`): tenants, history (complete jobs in the store), registry (module
descriptors), clients (that are idle), waiting (jobs whose module is slow). Each runs on a cluster of its own.
"""

from __future__ import annotations

import http.client
import statistics
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from scripts.processor_time import seconds_of, spent_by_a_fleet
from scripts.servers import PLAIN, Site, running_site
from scripts.soak import sampled
from scripts.traffic import Connection, chain, register, side_by_side
from tests.fixtures.back_end.descriptors import bare_descriptor
from tests.fixtures.back_end.process import BackEnd

FLEETS = (40, 400, 4000)
COMPLETE_JOBS = 100_000
REGISTRIES = (1000, 5000, 20_000)
STREAMS, POLLS, IDLE_SECONDS = 500, 300, 20.0
WAITING_JOBS = 500
_REPEATS = 40
_ON_A_PAGE = 50

_MANY_TENANTS = """
INSERT INTO tenants (id, name) SELECT 'h' || n, 'h' FROM generate_series(0, 999) AS n ON CONFLICT DO NOTHING
"""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A figure at the least and at the most work, and by how much it may grow."""

    label: str
    least: float
    most: float
    limit: float

    @property
    def growth(self) -> float:
        """1 if the figure stays as it is."""
        return self.most / self.least

    def __str__(self) -> str:
        verdict = "reached" if self.growth <= self.limit else "NOT reached"
        return f"| {self.label} | {self.least:.2f} | {self.most:.2f} | {self.growth:.2f} | {self.limit:g} | {verdict} |"


def median_ms(call: Callable[[], object], repeats: int = _REPEATS) -> float:
    """The median duration of a call, in milliseconds, after two calls that do not count."""
    took = []
    for _ in range(repeats + 2):
        began = time.monotonic()
        call()
        took.append((time.monotonic() - began) * 1000)
    return statistics.median(took[2:])


def by_tenants() -> Iterator[Line]:
    """Milliseconds per module for fleets of growing size, on one cluster: its store grows with them."""
    with running_site(PLAIN) as site:
        found = [spent_by_a_fleet(site, tenants) for tenants in FLEETS]
    per_module = [fleet.seconds / fleet.jobs / fleet.modules * 1000 for fleet in found]
    for tenants, took in zip(FLEETS[1:], per_module[1:], strict=True):
        yield Line(label=f"ms per module, {FLEETS[0]} and {tenants} tenants", least=per_module[0], most=took, limit=1.1)


def by_history() -> Iterator[Line]:
    """What clients wait for, with as many complete jobs as a list shows, and with many more."""
    with running_site(PLAIN) as site, BackEnd.start() as back_end:
        connection = Connection(site.cluster.url())
        register(connection, back_end, chain("h", 10))
        tenant, job = installed(connection, "mod-h9-1.0.0")
        copy_job(site, job, _ON_A_PAGE)
        calls = _calls(connection, tenant, job)
        empty = {name: median_ms(call) for name, call in calls.items()}
        copy_job(site, job, COMPLETE_JOBS)
        full = {name: median_ms(call) for name, call in calls.items()}
    for name, took in empty.items():
        label = f"{name}, ms, {_ON_A_PAGE} and {COMPLETE_JOBS} complete jobs"
        yield Line(label=label, least=took, most=full[name], limit=1.3)


def _calls(connection: Connection, tenant: str, job: str) -> dict[str, Callable[[], object]]:
    def get(path: str) -> Callable[[], object]:
        return lambda: connection.send("get", "GET", path)

    def accept() -> None:
        connection.install(tenant, "mod-h0-1.0.0", "&reinstall=true")

    return {
        "status": get(f"/_/proxy/tenants/{tenant}/install/{job}"),
        "list": get("/_/install/jobs?limit=20"),
        "page": get("/"),
        "accept": accept,
    }


def installed(connection: Connection, module: str) -> tuple[str, str]:
    """A new tenant, and its complete job."""
    tenant = f"t{uuid.uuid4().hex[:12]}"
    connection.send("setup", "POST", "/_/proxy/tenants", {"id": tenant})
    job = connection.install(tenant, module)
    while not connection.send("job", "GET", f"/_/install/jobs/{job}")[1]["complete"]:
        time.sleep(0.1)
    return tenant, job


def copy_job(site: Site, job: str, times: int) -> None:
    """Adds copies of a complete job with its steps and events, as jobs of a thousand other tenants."""
    with psycopg.connect(site.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        (seq,) = connection.execute("SELECT seq FROM jobs WHERE id = %s", [job]).fetchone() or (0,)
        connection.execute(_MANY_TENANTS)
        new = {"id": "gen_random_uuid()::text", "tenant_id": "'h' || n % 1000"}
        first = _copied(connection, "jobs", seq, times, new)
        for table in ("steps", "job_events"):
            _copied(connection, table, seq, times, {"job_seq": f"{first} + n - 1"})
        connection.execute("ANALYZE")


def _copied(connection: psycopg.Connection, table: str, seq: int, times: int, changed: dict[str, str]) -> int:
    """Copies the rows of a job; the lowest `seq` of the copies, for jobs."""
    rows = connection.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
    columns = [name for (name,) in rows if name != "seq"]
    values = [sql.SQL(changed[name]) if name in changed else sql.Identifier("one", name) for name in columns]
    key = "seq" if table == "jobs" else "job_seq"
    statement = sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM generate_series(1, {times}) AS n, {table} AS one "
        "WHERE one.{key} = {seq} ORDER BY n"
    ).format(
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(values),
        times=sql.Literal(times),
        key=sql.Identifier(key),
        seq=sql.Literal(seq),
    )
    connection.execute(statement)
    (last,) = connection.execute("SELECT max(seq) FROM jobs").fetchone() or (0,)
    return int(last) - times + 1


def by_registry() -> Iterator[Line]:
    """A plan, and a job that is accepted, while the registry grows by modules that the tenant does not have."""
    with running_site(PLAIN) as site, BackEnd.start() as back_end:
        connection = Connection(site.cluster.url())
        register(connection, back_end, chain("r", 30))
        tenant = f"t{uuid.uuid4().hex[:12]}"
        connection.send("setup", "POST", "/_/proxy/tenants", {"id": tenant})
        wanted = [{"id": "mod-r29-1.0.0", "action": "enable"}]
        path = f"/_/proxy/tenants/{tenant}/install?simulate=true"
        figures: list[tuple[float, float]] = []
        for more in grown(REGISTRIES):
            connection.send("setup", "POST", "/_/proxy/import/modules?check=false", more)
            plan = median_ms(lambda: connection.send("plan", "POST", path, wanted))
            accept = median_ms(lambda: connection.install(tenant, "mod-r0-1.0.0", "&reinstall=true"))
            figures.append((plan, accept))
    for n, name in enumerate(("plan", "accept")):
        label = f"{name}, ms, {REGISTRIES[0]} and {REGISTRIES[-1]} descriptors"
        yield Line(label=label, least=figures[0][n], most=figures[-1][n], limit=2.0)


def grown(sizes: Sequence[int]) -> Iterator[list[dict[str, Any]]]:
    """The descriptors that bring a registry to each size: versions of 100 products, in chains of ten."""
    done = 0
    for size in sizes:
        yield [_other(number) for number in range(done, size)]
        done = size


def _other(number: int) -> dict[str, Any]:
    product, version = number % 100, f"{number // 100 + 1}.0.0"
    requires = {f"g{product - 1}": "1.0"} if product % 10 else {}
    return bare_descriptor(f"mod-g{product}-{version}", provides={f"g{product}": "1.0"}, requires=requires)


def by_idle_clients(say: Say) -> None:
    """How much of a core the API takes for clients to which nothing happens."""
    with running_site(PLAIN) as site, BackEnd.start() as back_end, ExitStack() as open_ones:
        connection = Connection(site.cluster.url())
        job = endless_job(connection, back_end)
        for _ in range(STREAMS):
            open_ones.enter_context(asked(site.cluster.url(), f"/_/install/jobs/{job}/events"))
        for _ in range(POLLS):
            open_ones.enter_context(asked(site.cluster.url(), f"/_/install/jobs/{job}?wait=60"))
        time.sleep(5)
        api = site.processes()["API"]
        before = seconds_of(api)
        time.sleep(IDLE_SECONDS)
        share = (seconds_of(api) - before) / IDLE_SECONDS
    say(f"| {STREAMS} idle event streams and {POLLS} long polls | at most 3 % of a core | {share:.1%} |")


def endless_job(connection: Connection, back_end: BackEnd) -> str:
    """A job whose module does not end."""
    register(connection, back_end, chain("slow", 1))
    back_end.behave("mod-slow0-1.0.0", call="init", job={"never_ends": True})
    tenant = f"t{uuid.uuid4().hex[:12]}"
    connection.send("setup", "POST", "/_/proxy/tenants", {"id": tenant})
    return connection.install(tenant, "mod-slow0-1.0.0")


@contextmanager
def asked(url: str, path: str) -> Iterator[None]:
    """A connection with a request that is not answered yet, or whose answer does not end."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("GET", path)
    try:
        yield
    finally:
        connection.close()


def by_waiting_jobs(say: Say) -> None:
    """The memory of a worker while hundreds of its jobs wait for their modules."""
    with running_site(PLAIN, workers=1) as site, BackEnd.start() as back_end:
        url = site.cluster.url()
        endless_job(Connection(url), back_end)

        def submit(number: int) -> None:
            connection = Connection(url)
            for _ in range(number, WAITING_JOBS - 1, 8):
                tenant = f"t{uuid.uuid4().hex[:12]}"
                connection.send("setup", "POST", "/_/proxy/tenants", {"id": tenant})
                connection.install(tenant, "mod-slow0-1.0.0")

        side_by_side(8, submit)
        while back_end.running()["now"] < WAITING_JOBS:
            time.sleep(0.5)
        (worker,) = site.processes()["workers"]
        megabytes = sampled(worker).megabytes
    say(f"| a worker with {WAITING_JOBS} waiting jobs | at most 160 MB | {megabytes:.0f} MB |")


def grow(parts: Iterable[str], say: Say) -> None:
    """Runs the parts, all if none is named, and shows a table for each."""
    chosen = set(parts) or {"tenants", "history", "registry", "clients", "waiting"}
    lines = {"tenants": by_tenants, "history": by_history, "registry": by_registry}
    say("| | least | most | growth | at most | |\n|---|---|---|---|---|---|")
    for name, measure in lines.items():
        for line in measure() if name in chosen else ():
            say(str(line))
    say("\n| | wanted | measured |\n|---|---|---|")
    if "clients" in chosen:
        by_idle_clients(say)
    if "waiting" in chosen:
        by_waiting_jobs(say)
