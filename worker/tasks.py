"""The tasks, one for each kind of job. A message only names the job; everything else is in the store."""

from __future__ import annotations

from celery import Task
from gevent import GreenletExit

from okapi_install.adapters.celery.task_states import JobFailed, report
from okapi_install.service.run_results import RunEnd, RunResult
from okapi_install.service.worker.worker import WORKER_STOPS
from worker.app import app
from worker.process import worker


@app.task(name="install", bind=True, throws=(JobFailed,))
def install(self: Task, tenant: str, job_id: str) -> str:
    """Runs an install job. `tenant` is only for monitoring."""
    return _run(self, job_id)


@app.task(name="upgrade", bind=True, throws=(JobFailed,))
def upgrade(self: Task, tenant: str, job_id: str) -> str:
    """Runs an upgrade job."""
    return _run(self, job_id)


@app.task(name="module", bind=True, throws=(JobFailed,))
def module(self: Task, tenant: str, job_id: str) -> str:
    """Runs a job of Okapi's older operation to enable or disable a single module."""
    return _run(self, job_id)


def _run(task: Task, job_id: str) -> str:
    try:
        result = worker().run(job_id, task.request.id)
    except GreenletExit:
        result = WORKER_STOPS if worker().stopping else RunResult(end=RunEnd.LEFT)
    return report(result)
