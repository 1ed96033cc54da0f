"""Publishes tasks by name, and revokes them. It does not import the worker, or wait for it.

A thread sends the messages, so that a client's 201 does not wait for a slow or unavailable broker. Messages are kept
until the broker is available again. If this process dies before that, a sweep sends them again.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from okapi_install.adapters.celery.private_parts import PromptAMQP
from okapi_install.adapters.celery.settings import celery_settings
from okapi_install.service.metrics import BROKER_ERRORS, BrokerPart, Meters
from okapi_install.service.ports import JobRef

log = structlog.get_logger()

_PAUSES = wait_random_exponential(multiplier=0.1, min=0.05, max=1.0)
"""Seconds between attempts to send a message."""


class CeleryQueue:
    """Sends messages with Celery; implements ports.Queue."""

    def __init__(self, broker_url: str, meters: Meters | None = None) -> None:
        self._meters = meters or Meters()
        self._app = Celery("okapi-install", amqp=PromptAMQP, set_as_current=False)
        self._app.conf.update(celery_settings(broker_url))
        self._outbox: queue.Queue[Callable[[], object]] = queue.Queue(maxsize=100_000)
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def publish(self, job: JobRef) -> None:
        """Puts a message about the job into the outbox."""
        self._put(
            lambda: self._app.send_task(
                job.kind.value, args=[job.tenant, job.id], task_id=job.task_id, ignore_result=True
            )
        )

    def revoke(self, task_id: str) -> None:
        """Asks all workers to terminate the task."""
        self._put(lambda: self._app.control.revoke(task_id, terminate=True))

    def _put(self, send: Callable[[], object]) -> None:
        with self._start:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._deliver, name="outbox", daemon=True)
                self._thread.start()
        try:
            self._outbox.put_nowait(send)
        except queue.Full:
            log.error("message dropped: the broker has been unavailable for too long; a sweeper sends it later")

    def _deliver(self) -> None:
        while True:
            send = self._outbox.get()
            try:
                self._send(send)
            except Exception:
                self._meters.count(BROKER_ERRORS, part=BrokerPart.QUEUE)
                log.exception("message not sent")
            finally:
                self._outbox.task_done()

    def _send(self, send: Callable[[], object]) -> None:
        """Sends a message, and retries until the broker accepts it. It may be stale by then, and then has no effect."""
        sending = Retrying(
            retry=retry_if_exception_type((OperationalError, OSError)),
            wait=_PAUSES,
            before_sleep=self._not_sent,
        )
        sending(send)
        if sending.statistics["attempt_number"] > 1:
            log.warning("the broker is available again: sending messages")

    def _not_sent(self, state: RetryCallState) -> None:
        self._meters.count(BROKER_ERRORS, part=BrokerPart.QUEUE)
        if state.attempt_number == 1:
            cause = str(state.outcome.exception()) if state.outcome else ""
            log.warning("message not sent: the broker is unavailable; retrying", cause=cause)

    def drain(self) -> None:
        """Waits until the outbox is empty."""
        self._outbox.join()
