"""A cache of jobs for clients that poll: an unchanged job is not read again.

Each read compares the cached revision with the store's, so the cache is never stale.
"""

from __future__ import annotations

from threading import Lock

from cachetools import LRUCache

from okapi_install.domain.errors import NotFound
from okapi_install.domain.jobs import Job
from okapi_install.service.ports import JobStore

MOST_KEPT = 500


class JobReader:
    """Jobs by id. Thread-safe."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._kept: LRUCache[str, Job] = LRUCache(MOST_KEPT)
        self._lock = Lock()

    def job(self, job_id: str, tenant: str | None = None) -> Job:
        """One job with its steps. With `tenant`, a job of another tenant is not found. Raises NotFound."""
        with self._lock:
            kept = self._kept.get(job_id)
        if kept is None or self._store.revision(job_id) != (kept.revision, kept.status):
            kept = self._store.job(job_id)
            with self._lock:
                self._kept[kept.id] = kept
        if tenant is not None and kept.tenant != tenant:
            raise NotFound(job_id)
        return kept
