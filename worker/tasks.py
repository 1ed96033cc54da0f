"""The tasks, one for each kind of job. A message only names the job; everything else is in the store."""

from __future__ import annotations

from celery import Task

from worker.app import app
from worker.process import worker


@app.task(name="install", bind=True)
def install(self: Task, tenant: str, job_id: str) -> None:
    """Runs an install job. `tenant` is only for monitoring."""
    worker().run(job_id, self.request.id)


@app.task(name="upgrade", bind=True)
def upgrade(self: Task, tenant: str, job_id: str) -> None:
    """Runs an upgrade job."""
    worker().run(job_id, self.request.id)


@app.task(name="module", bind=True)
def module(self: Task, tenant: str, job_id: str) -> None:
    """Runs a job of Okapi's older operation to enable or disable a single module."""
    worker().run(job_id, self.request.id)
