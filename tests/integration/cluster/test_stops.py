"""A stop comes to its end in its own time, whatever is unavailable; a closed terminal is a stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import WORKER_READY, Embedded, start_again
from tests.fixtures.site import LONE, Site, until
from tests.integration.cluster.house import House

DEADLINE = 40.0
"""Seconds: several times what is set, since machines are busy. Before, it took minutes."""
SOON = {"OKAPI_INSTALL_STOP_SECONDS": "4"}


@contextmanager
def nothing_available(site: Site, how: str) -> Iterator[None]:
    """Broker and database are gone, or do not respond."""
    if how == "gone":
        site.broker.kill()
        site.database.kill()
        yield
        return
    frozen = [psutil.Process(site.broker.process.pid), psutil.Process(site.database.process.pid)]
    frozen += [child for process in frozen for child in process.children(recursive=True)]
    with ExitStack() as stack:
        for process in frozen:
            process.suspend()
            stack.callback(process.resume)
        yield


@pytest.mark.parametrize("how", ["gone", "frozen"])
def test_worker_and_api_stop_in_time_without_broker_and_database(site: Site, how: str) -> None:
    with site.aside(SOON) as found:
        site.back_end.behave(LONE, call="init", job={"never_ends": True})
        job = found.submit(found.tenant(), LONE)
        found.until_tenant_job(job, LONE)
        processes = [*found.cluster.workers, *found.cluster.apis]
        with nothing_available(site, how):
            time.sleep(1)  # so that they notice
            began = time.monotonic()
            for process in processes:
                process.signal(signal.SIGTERM)
            for process in processes:
                process.wait(DEADLINE)
            assert time.monotonic() - began < DEADLINE
            family = [child for process in processes for child in process.descendants()]
            assert psutil.wait_procs(family, timeout=5)[1] == []


def test_serve_stops_in_time_while_its_children_are_frozen(tmp_path: Path) -> None:
    with BackEnd.start() as back_end:
        server = Embedded(tmp_path, SOON)
        try:
            house = House(server.start(), back_end)
            house.register()
            family = server.process.descendants()
            for child in family:
                child.suspend()
            began = time.monotonic()
            server.process.signal(signal.SIGTERM)
            server.process.wait(DEADLINE)
            assert time.monotonic() - began < DEADLINE
            assert psutil.wait_procs(family, timeout=5)[1] == []
        finally:
            server.process.end()


def test_a_closed_terminal_lets_a_worker_give_its_jobs_back(site: Site) -> None:
    with site.aside({"OKAPI_INSTALL_LEASE_SECONDS": "600", "OKAPI_INSTALL_STALL_SECONDS": "30"}) as found:
        site.back_end.behave(LONE, call="init", job={"never_ends": True})
        job = found.submit(found.tenant(), LONE)
        found.until_tenant_job(job, LONE)
        worker = found.cluster.workers[0]
        worker.signal(signal.SIGHUP)
        assert worker.wait() == 0
        assert (found.job(job) or {})["status"] == "queued"
        found.cluster.start_worker().wait_for_line(WORKER_READY)
        site.back_end.finish_jobs(LONE)
        assert found.complete(job)["status"] == "done"
        until(lambda: found.called((found.job(job) or {})["tenant"], LONE) == 1, "one call")


def test_a_worker_that_was_started_with_nohup_outlives_its_terminal(site: Site) -> None:
    with site.aside({}) as found:
        worker = found.cluster.workers[0]
        worker.terminate()
        worker.command.insert(0, "nohup")
        start_again(worker)
        worker.signal(signal.SIGHUP)
        assert found.complete(found.submit(found.tenant(), LONE))["status"] == "done"
        assert worker.running
