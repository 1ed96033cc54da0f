"""A cache of response bodies about jobs, for clients that poll."""

from __future__ import annotations

from threading import Lock

from cachetools import LRUCache

from okapi_install.domain.jobs import Job
from okapi_install.service.jobs.reader import MOST_KEPT
from okapi_install.web.http.responses import json_bytes
from okapi_install.web.job_views import okapi_job_view


class JobBodies:
    """Okapi's InstallJob as JSON. An unchanged job is the same object as before, which is how the cache finds it."""

    def __init__(self) -> None:
        self._kept: LRUCache[str, tuple[Job, bytes]] = LRUCache(MOST_KEPT)
        self._lock = Lock()

    def of(self, job: Job) -> bytes:
        """The body for that job."""
        with self._lock:
            kept = self._kept.get(job.id)
        if kept is None or kept[0] is not job:
            kept = job, json_bytes(okapi_job_view(job))
            with self._lock:
                self._kept[job.id] = kept
        return kept[1]
