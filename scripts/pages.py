"""Measures the pages of a large site, `python -m scripts.pages`. Each has to answer within 300 ms and 500 kB.

An API process on PostgreSQL has 10 000 jobs, a job of 2000 modules, and 500 tenants with 150 products each.
"""

from __future__ import annotations

import http.client
import statistics
import sys
import time
from collections.abc import Callable
from random import Random
from urllib.parse import urlsplit

from okapi_install.adapters.store import SqlStore, open_store
from okapi_install.domain.jobs import EndReason, InstallOptions, JobKind, JobStatus
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.ports import Ending, NewJob, Tenant
from scripts.servers import running_cluster
from tests.contract.builders import plan

TENANTS, PRODUCTS, JOBS, MODULES = 500, 150, 10_000, 2000
MOST_MS, MOST_BYTES = 300, 500_000
REPEATS = 15

_FAILED = Ending(status=JobStatus.ERROR, message="mod-p1 failed", reason=EndReason.FAILED)


def fill(store: SqlStore) -> str:
    """Makes the tenants, modules and jobs; the id of the large job."""
    versions = [f"mod-product-p{product}-{major}.0.0" for product in range(PRODUCTS) for major in range(20, 24)]
    random = Random(1)  # noqa: S311 - no secret
    store.add_modules([ModuleDescriptor.parse({"id": version}) for version in versions])
    for number in range(TENANTS):
        enabled = [random.choice(versions[4 * product : 4 * product + 4]) for product in range(PRODUCTS)]
        store.add_tenant(Tenant(id=f"tenant{number:04}", name=f"Tenant number {number}"), enabled)
    for number in range(JOBS):
        add(store, f"job-{number}", f"tenant{number % TENANTS:04}", 5)
    add(store, "large", "tenant0000", MODULES)
    return "large"


def add(store: SqlStore, ident: str, tenant: str, modules: int) -> None:
    """A job that has ended as an error."""
    steps = plan(*(f"mod-product-p{pos}-20.0.0" for pos in range(modules)))
    edges = tuple((pos // 2, pos) for pos in range(1, modules))
    options = InstallOptions(asynchronous=True)
    job = NewJob(id=ident, tenant=tenant, kind=JobKind.INSTALL, options=options, request=None, steps=steps, edges=edges)
    store.add_job(job, most_waiting=JOBS)
    store.end_queued(ident, _FAILED)


def measured(url: str, path: str) -> tuple[float, int]:
    """The median of the milliseconds that a page takes, and its bytes."""
    split = urlsplit(url)
    took, size = [], 0
    for _ in range(REPEATS):
        connection = http.client.HTTPConnection(split.hostname or "", split.port)
        before = time.perf_counter()
        connection.request("GET", path, headers={"Accept-Encoding": "br, gzip", "Accept": "text/html"})
        response = connection.getresponse()
        size = len(response.read())
        took.append((time.perf_counter() - before) * 1000)
        connection.close()
        if response.status != http.client.OK:
            sys.exit(f"{path}: HTTP {response.status}")
    return statistics.median(took), size


def main(show: Callable[[str], None]) -> int:
    """Shows the table; 1 if a page is too slow or too large."""
    with running_cluster({}, apis=1, workers=0) as cluster:
        store = open_store(cluster.settings["OKAPI_INSTALL_DATABASE_URL"])
        large = fill(store)
        store.dispose()
        pages = {
            "matrix of 500 tenants and 150 products": "/versions",
            "the same, only what is behind": "/versions?only=behind",
            "list of 500 tenants": "/tenants",
            "list of 10 000 jobs": "/",
            "job of 2000 modules": f"/jobs/{large}",
            "start form": "/start",
        }
        show("| page | ms | kB | |\n|---|---|---|---|")
        bad = 0
        for label, path in pages.items():
            ms, size = measured(cluster.url(), path)
            good = ms <= MOST_MS and size <= MOST_BYTES
            bad += not good
            show(f"| {label} | {ms:.0f} | {size / 1000:.0f} | {'reached' if good else 'NOT reached'} |")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main(print))
