"""`okapi-install serve` on a disk that gets full or read-only: SQLite says so itself, and nothing is lost."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest
import requests

from tests.fixtures.site import SIX, TOP, until
from tests.fixtures.small_disk import SmallDisk, small_disk
from tests.integration.cluster.house import House, house_in

EXPIRED = "SELECT min(lease_until < (julianday('now') - 2440587.5) * 86400.0) FROM jobs WHERE status = 'running'"


@contextmanager
def disk_at(folder: Path) -> Iterator[SmallDisk]:
    """A small disk mounted there."""
    folder.mkdir(parents=True)
    with small_disk(folder, "24m") as disk:
        yield disk


def until_refused(house: House) -> requests.Response:
    """Makes tenants until that is refused; the answer."""
    numbers = count()

    def refusal() -> requests.Response | None:
        body = {"id": f"one{next(numbers)}"}
        answer = requests.post(f"{house.server.url}/_/proxy/tenants", json=body, timeout=60)
        return None if answer.ok else answer

    return until(refusal, "a refusal")


def leases_have_run_out(house: House) -> bool:
    """Whether those of all running jobs have."""
    with sqlite3.connect(f"file:{house.server.data}/okapi-install.db?mode=ro", uri=True) as connection:
        row = connection.execute(EXPIRED).fetchone()
    connection.close()
    return bool(row[0])


def test_jobs_wait_while_the_disk_is_full(tmp_path: Path) -> None:
    """What the processes say goes to the same disk."""
    with disk_at(tmp_path / "house") as disk, house_in(disk.folder) as house:
        jobs = {f"t{number}": house.submit(f"t{number}", TOP) for number in range(6)}
        house.until_known(jobs, 4)
        with disk.filled():
            refused = until_refused(house)
            assert (refused.status_code, refused.headers.get("Retry-After")) == (503, "2")
            assert refused.text == "The store takes no changes: database or disk is full"
            assert len(house.get("/_/install/jobs")["jobs"]) == len(jobs)
            until(lambda: leases_have_run_out(house), "the end of all leases")
        for tenant, job in jobs.items():
            ended = house.complete(job)
            assert ended["status"] == "done", ended
            counts = house.back_end.counts(tenant)
            assert {module: counts[module]["enable"] for module in counts} == dict.fromkeys(SIX, 1)
            assert {m["id"] for m in house.get(f"/_/proxy/tenants/{tenant}/modules")} == SIX


@pytest.mark.parametrize("trouble", [SmallDisk.read_only, SmallDisk.filled])
def test_a_start_without_a_disk_to_write_to_is_refused_in_a_sentence_and_loses_nothing(
    tmp_path: Path, trouble: Callable[[SmallDisk], AbstractContextManager[None]]
) -> None:
    with disk_at(tmp_path / "house" / "data") as disk, house_in(tmp_path / "house") as house:
        jobs = {f"t{number}": house.submit(f"t{number}", TOP) for number in range(2)}
        house.until_known(jobs, 2)
        house.server.process.terminate()
        said = len(house.server.process.output)
        with trouble(disk):
            assert house.server.process.start().wait() == 1
        assert re.fullmatch("okapi-install: The .*\\n", house.server.process.output[said:])
        house.server.start()
        for tenant, job in jobs.items():
            assert house.complete(job)["status"] == "done"
            assert {m["id"] for m in house.get(f"/_/proxy/tenants/{tenant}/modules")} == SIX
