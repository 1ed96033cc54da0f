"""What is kept of jobs that are requested again and again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from okapi_install.domain.jobs import Job
from okapi_install.service.jobs import reader as job_reader
from okapi_install.service.jobs.reader import JobReader
from okapi_install.web.job_bodies import JobBodies
from tests.contract.builders import submit
from tests.fakes.memory_store import MemoryStore
from tests.unit.service.house import House, enable


def job() -> Job:
    """A job that waits."""
    return House().submit(*enable("d-1.0.0"))


class CountingStore(MemoryStore):
    """Notes which jobs are read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def job(self, job_id: str, tenant_id: str | None = None) -> Job:
        self.reads.append(job_id)
        return super().job(job_id, tenant_id)


def test_beyond_so_many_the_job_that_was_requested_longest_ago_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_reader, "MOST_KEPT", 2)
    store = CountingStore()
    one, two, three = (submit(store, tenant, "d-1.0.0").id for tenant in ("t1", "t2", "t3"))
    reader = JobReader(store)
    for job_id in (one, two, one, three, one, two):
        reader.job(job_id)
    assert store.reads == [one, two, three, two]


def test_the_body_of_a_job_is_written_once_and_again_when_it_has_changed() -> None:
    bodies, waiting = JobBodies(), job()
    first = bodies.of(waiting)
    assert bodies.of(waiting) is first
    changed = bodies.of(replace(waiting, revision=waiting.revision + 1, steps=()))
    assert changed != first
    assert b'"modules": []' in changed
