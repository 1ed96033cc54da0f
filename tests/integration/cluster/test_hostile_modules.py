"""A job for each way of the hostile module: each ends in time, the workers live, and other tenants' jobs go on."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.fixtures.back_end.descriptors import bare_descriptor
from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import Embedded
from tests.fixtures.health_watch import healthy_throughout
from tests.fixtures.hostile import HostileModule, hostile_module
from tests.fixtures.hostile_module import DONE, ERRORS, WAYS
from tests.fixtures.site import LONE, until
from tests.integration.cluster.house import House

LEASE = 15.0
IMPATIENT = {
    "OKAPI_INSTALL_LEASE_SECONDS": str(LEASE),
    "OKAPI_INSTALL_BEAT_SECONDS": "1",
    "OKAPI_INSTALL_CALL_TIMEOUT": "8",
    "OKAPI_INSTALL_STEP_TIMEOUT": "20",
    "OKAPI_INSTALL_POLL_TIMEOUT": "4",
    "OKAPI_INSTALL_POLL_WAIT_MS": "1000",
    "OKAPI_INSTALL_POLL_RETRY_SECONDS": "2",
    "OKAPI_INSTALL_CONNECT_RETRY_SECONDS": "1",
    "OKAPI_INSTALL_CONNECT_RETRY_COUNT": "1",
}
IN_ALL = 120.0
MOST_OF_A_JOB = 100_000
"""Bytes of all about a job of one module."""


@dataclass(frozen=True)
class Scene:
    """A service, modules that behave and one that does not."""

    house: House
    hostile: HostileModule

    def submit_all(self) -> dict[str, str]:
        """A job for each way; their ids, by way."""
        documents = [bare_descriptor(f"mod-{way}-1.0.0") for way in WAYS]
        self.house.call("POST", "/_/proxy/import/modules?check=false", json=documents)
        for way in WAYS:
            module = f"mod-{way}-1.0.0"
            instance = {"srvcId": module, "instId": f"hostile-{way}", "url": self.hostile.url(way)}
            self.house.call("POST", "/_/discovery/modules", json=instance)
        return {way: self.house.submit(f"t{number}", f"mod-{way}-1.0.0") for number, way in enumerate(WAYS)}

    def oldest_beat(self) -> float:
        """The age of the oldest of the workers' last heartbeats, in seconds."""
        text = requests.get(f"{self.house.server.url}/metrics", timeout=30).text
        ages = re.findall(r"^okapi_install_worker_heartbeat_age_seconds\{.*\} (\S+)$", text, re.MULTILINE)
        return max(map(float, ages))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("hostile")
    server = Embedded(folder, IMPATIENT)
    with BackEnd.start() as back_end, hostile_module(folder) as hostile:
        try:
            house = House(server.start(), back_end)
            house.register()
            yield Scene(house, hostile)
        finally:
            server.process.end()


@dataclass
class Outcome:
    """What came of it all."""

    jobs: dict[str, dict[str, Any]]
    worst_beat: float
    slowest_normal: float


@pytest.fixture(scope="module")
def outcome(scene: Scene) -> Outcome:
    with healthy_throughout(scene.house.server.url):
        return _outcome(scene)


def _outcome(scene: Scene) -> Outcome:
    waiting = scene.submit_all()
    end, jobs = time.monotonic() + IN_ALL, dict[str, dict[str, Any]]()
    worst_beat, slowest, number = 0.0, 0.0, 0
    while waiting and time.monotonic() < end:
        began, number = time.monotonic(), number + 1
        normal = scene.house.submit(f"normal{number}", LONE)
        until(lambda job=normal: scene.house.get(f"/_/install/jobs/{job}")["complete"], "a normal job")  # type: ignore[misc]
        slowest = max(slowest, time.monotonic() - began)
        worst_beat = max(worst_beat, scene.oldest_beat())
        found = {way: scene.house.get(f"/_/install/jobs/{job}") for way, job in waiting.items()}
        jobs |= {way: job for way, job in found.items() if job["complete"]}
        waiting = {way: job for way, job in waiting.items() if way not in jobs}
        time.sleep(0.5)
    assert not waiting, f"these have not ended: {sorted(waiting)}"
    return Outcome(jobs, worst_beat, slowest)


def test_every_job_of_a_hostile_module_ends_as_it_should(outcome: Outcome) -> None:
    ended = {way: job["status"] for way, job in outcome.jobs.items()}
    assert {way for way in DONE if ended[way] != "done"} == set()
    assert {way for way in ERRORS if ended[way] != "error"} == set()
    internal = {way: job["message"] for way, job in outcome.jobs.items() if "Internal error" in str(job["message"])}
    assert internal == {}


def test_no_call_leaves_the_hostile_instance(scene: Scene, outcome: Outcome) -> None:
    assert outcome.jobs
    assert scene.hostile.called_elsewhere() == []


def test_what_hostile_modules_say_stays_small_and_is_not_obeyed(scene: Scene, outcome: Outcome) -> None:
    sizes = {way: len(json.dumps(job)) for way, job in outcome.jobs.items()}
    assert {way: size for way, size in sizes.items() if size > MOST_OF_A_JOB} == {}
    assert len(scene.house.call("GET", "/_/install/jobs?limit=500").content) < 2000 * len(outcome.jobs) * 2
    log = scene.house.server.process.output
    assert max(map(len, log.splitlines())) < 12_000
    assert not any(line.startswith("2026-01-01T00:00:00Z") for line in log.splitlines())
    assert not set(log) & set("\x1b\u202e")


def test_workers_beat_and_other_tenants_jobs_go_on_meanwhile(outcome: Outcome) -> None:
    assert outcome.worst_beat < LEASE
    assert outcome.slowest_normal < LEASE
    assert {job["attempts"] for job in outcome.jobs.values()} == {1}, "a job was taken over"
