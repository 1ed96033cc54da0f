"""What Celery's events, and so Flower, say about a job's task: what the job itself says.

Celery knows only tasks that return and tasks that raise an exception. A task that is killed counts as one that has
returned. Seen with Celery 5.7.0 (`TaskPool._make_killable_target`); held by `tests/integration/test_flower.py`.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery.exceptions import Ignore, Retry

from okapi_install.service.run_results import RunEnd, RunResult

log = structlog.get_logger()


class JobFailed(Exception):
    """The job ended as an error. The state of the task is FAILURE."""


class JobWaits(Exception):
    """Nothing was done yet. The state of the task is RETRY until its next message comes."""


def report(result: RunResult) -> str:
    """What a task returns for a job that is done.

    Raises:
        JobFailed: the job has failed.
        Retry: its time has not come yet. Celery itself sends nothing again.
        Ignore: there is nothing to report. The state of the task stays as it is.
    """
    if result.end is RunEnd.FAILED:
        raise JobFailed(result.text)
    if result.end is RunEnd.POSTPONED:
        raise Retry(result.text, exc=JobWaits(result.text))
    if result.end is RunEnd.LEFT:
        raise Ignore
    return result.text


class EventMonitor:
    """Sends events about tasks that Celery does not report; implements ports.TaskMonitor."""

    def __init__(self) -> None:
        self._consumer: Any = None

    def attach(self, consumer: Any) -> None:
        """Uses the event dispatcher of Celery's consumer, which has a new one after each loss of the broker."""
        self._consumer = consumer

    def stopped(self, task_id: str) -> None:
        """Reports that the task was revoked."""
        dispatcher = getattr(self._consumer, "event_dispatcher", None)
        if dispatcher is None:
            return
        try:
            dispatcher.send("task-revoked", uuid=task_id, terminated=True, signum=None, expired=False)
        except Exception as problem:  # noqa: BLE001 - monitors may miss an event, the job may not
            log.debug("an event was not sent", task=task_id, cause=str(problem))
