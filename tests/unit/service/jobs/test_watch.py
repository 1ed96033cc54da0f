"""One look into the store for all who wait."""

from __future__ import annotations

import threading
from collections.abc import Collection

from okapi_install.adapters.notifier import Wake
from okapi_install.domain.errors import StoreUnavailable
from okapi_install.domain.jobs import JobStatus
from okapi_install.service.jobs.watch import JobWatch, Seen
from tests.contract.builders import submit
from tests.fakes.memory_store import MemoryStore

QUICKLY = 0.01
LONG = 60.0


class CountingStore(MemoryStore):
    """Counts looks. `broken` is raised instead of an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[int] = []
        self.looked = threading.Event()
        self.broken: StoreUnavailable | None = None

    def revisions(self, job_ids: Collection[str]) -> dict[str, tuple[int, JobStatus]]:
        self.looks.append(len(job_ids))
        self.looked.set()
        if self.broken:
            raise self.broken
        return super().revisions(job_ids)


def start_waiting(watch: JobWatch, job_id: str, seen: Seen) -> threading.Thread:
    thread = threading.Thread(target=watch.wait, args=(Wake(), job_id, seen, LONG), daemon=True)
    thread.start()
    return thread


def ended(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(LONG)
    return not any(thread.is_alive() for thread in threads)


def test_all_who_wait_are_looked_for_at_once_and_told_when_the_store_differs() -> None:
    store = CountingStore()
    watch = JobWatch(store, QUICKLY)
    job = submit(store)
    seen = (job.revision, job.status)
    waiting = [start_waiting(watch, job.id, seen) for _ in range(20)]
    store.looked.wait(LONG)
    assert set(store.looks) == {1}
    store.abort(job.id, keep=True)
    assert ended(waiting)


def test_who_came_with_an_older_state_is_told_at_the_next_look() -> None:
    store = CountingStore()
    job = submit(store)
    assert ended([start_waiting(JobWatch(store, QUICKLY), job.id, (job.revision - 1, job.status))])
    assert ended([start_waiting(JobWatch(store, QUICKLY), "none", (0, JobStatus.QUEUED))])


def test_a_store_that_is_unavailable_lets_each_look_by_itself() -> None:
    store = CountingStore()
    job = submit(store)
    store.broken = StoreUnavailable("no connection")
    assert ended([start_waiting(JobWatch(store, QUICKLY), job.id, (job.revision, job.status))])


def test_nobody_looks_when_nobody_waits() -> None:
    store = CountingStore()
    watch = JobWatch(store, QUICKLY)
    job = submit(store)
    for revision in (job.revision - 1, job.revision - 2):
        assert ended([start_waiting(watch, job.id, (revision, job.status))])
        looker = watch._thread
        if looker is not None:
            looker.join(LONG)
        assert watch._thread is None
