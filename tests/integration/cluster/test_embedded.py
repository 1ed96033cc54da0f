"""`okapi-install serve`: what dies is started again, a stop leaves nothing behind, and a start finds everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fixtures.site import JOIN, LONE, SIX, TOP, until
from tests.integration.cluster.house import House, house_in


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_in(tmp_path) as found:
        yield found


def test_six_jobs_survive_that_all_workers_are_killed_twice(house: House) -> None:
    jobs = {f"t{number}": house.submit(f"t{number}", TOP) for number in range(6)}
    known: dict[tuple[str, str], int] = {}
    for waited_for in (4, 10):
        found = house.until_known(jobs, waited_for)
        known |= {(t, module): house.back_end.counts(t)[module]["enable"] for t, module in found}
        house.kill_workers()
    assert len(known) >= 4
    for tenant, job in jobs.items():
        ended = house.complete(job)
        assert ended["status"] == "done", ended
        counts = house.back_end.counts(tenant)
        again = {m for (of, m), calls in known.items() if of == tenant and counts[m]["enable"] != calls}
        assert again == set(), "called again although it was known"
        assert all(counts[step["id"]]["enable"] <= step["attempts"] for step in ended["modules"])
        assert {m["id"] for m in house.get(f"/_/proxy/tenants/{tenant}/modules")} == SIX


def test_a_stop_leaves_no_process_and_a_start_finds_everything_again(house: House) -> None:
    finished = house.submit("finished", LONE)
    house.complete(finished)
    house.back_end.behave(JOIN, call="init", job={"never_ends": True})
    running = house.submit("running", TOP)
    path = f"/_/install/jobs/{running}"
    until(lambda: any(step["id"] == JOIN and step["tenantJob"] for step in house.get(path)["modules"]), "JOIN's job")
    before = {where: house.get(where) for where in ("/_/proxy/modules", "/_/proxy/tenants", "/_/discovery/modules")}
    family = [psutil.Process(house.server.process.pid), *house.server.process.descendants()]
    assert house.server.process.terminate(timeout=10) == 0
    assert psutil.wait_procs(family, timeout=0.5)[1] == []
    house.server.start()
    assert {where: house.get(where) for where in before} == before
    assert house.get(f"/_/install/jobs/{finished}")["status"] == "done"
    assert {m["id"] for m in house.get("/_/proxy/tenants/finished/modules")} == {LONE}
    house.back_end.finish_jobs(JOIN)
    assert house.complete(running)["status"] == "done"
    assert house.back_end.counts("running")[JOIN]["enable"] == 1
