"""Reads jobs for those who ask again and again: a job that has not changed is not read anew.

What is kept is checked against the store's revision every time, so it is never older than the store.
"""

from __future__ import annotations

from okapi_install.domain.errors import NotFound
from okapi_install.domain.jobs import Job
from okapi_install.service.ports import JobStore
from okapi_install.service.recent import Recent

MOST_KEPT = 500


class JobReader:
    """Jobs by id. For many threads."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._kept: Recent[Job] = Recent(MOST_KEPT)

    def job(self, job_id: str, tenant: str | None = None) -> Job:
        """One job with its steps, of that tenant if one is given. Raises NotFound."""
        kept = self._kept.get(job_id)
        if kept is None or self._store.revision(job_id) != (kept.revision, kept.status):
            kept = self._store.job(job_id)
            self._kept.put(kept.id, kept)
        if tenant is not None and kept.tenant != tenant:
            raise NotFound(job_id)
        return kept
