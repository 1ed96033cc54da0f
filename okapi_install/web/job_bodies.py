"""The body of a job's answer, kept for those who ask again and again: it changes only with the job's revision."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from okapi_install.domain.jobs import Job, JobStatus
from okapi_install.web.answers import json_bytes
from okapi_install.web.job_views import okapi_job_view

MOST_KEPT = 500

Key = tuple[str, int, JobStatus]


class JobBodies:
    """Okapi's InstallJob as JSON, by job and revision. For many threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = Lock()

    def of(self, job: Job) -> bytes:
        """The body for that job as it is."""
        key = job.id, job.revision, job.status
        kept = self._kept.get(key)
        if kept is None:
            kept = json_bytes(okapi_job_view(job))
            self._keep(key, kept)
        return kept

    def _keep(self, key: Key, body: bytes) -> None:
        with self._lock:
            self._kept[key] = body
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
