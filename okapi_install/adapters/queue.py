"""Publishes tasks by name, and revokes them. It does not import the worker, nor wait for it.

Messages leave through a thread of their own: a client that has its 201 need not wait for a broker that is
slow or away. They wait here until the broker is back; a message that is lost with this process costs one sweep.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from okapi_install.adapters.broker_connection import PromptAMQP
from okapi_install.adapters.celery_config import celery_settings
from okapi_install.service.metrics import BROKER_ERRORS, Meters
from okapi_install.service.ports import JobRef

log = structlog.get_logger()

_PAUSES = wait_random_exponential(multiplier=0.1, min=0.05, max=1.0)
"""Seconds between attempts to send a message."""


class CeleryQueue:
    """See ports.Queue."""

    def __init__(self, broker_url: str, meters: Meters | None = None) -> None:
        self._meters = meters or Meters()
        self._app = Celery("okapi-install", amqp=PromptAMQP, set_as_current=False)
        self._app.conf.update(celery_settings(broker_url))
        self._outbox: queue.Queue[Callable[[], object]] = queue.Queue(maxsize=100_000)
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def publish(self, job: JobRef) -> None:
        """Hands the message to the outbox."""
        self._put(
            lambda: self._app.send_task(
                job.kind.value, args=[job.tenant, job.id], task_id=job.task_id, ignore_result=True
            )
        )

    def revoke(self, task_id: str) -> None:
        """Tells all workers to terminate the task."""
        self._put(lambda: self._app.control.revoke(task_id, terminate=True))

    def _put(self, send: Callable[[], object]) -> None:
        with self._start:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._deliver, name="outbox", daemon=True)
                self._thread.start()
        try:
            self._outbox.put_nowait(send)
        except queue.Full:
            log.error("message dropped: the broker has been away for too long; a sweeper sends it later")

    def _deliver(self) -> None:
        while True:
            send = self._outbox.get()
            try:
                self._send(send)
            except Exception:
                self._meters.count(BROKER_ERRORS, part="queue")
                log.exception("message not sent")
            finally:
                self._outbox.task_done()

    def _send(self, send: Callable[[], object]) -> None:
        """Until the broker takes it. What is sent only when it is back may be stale: then it changes nothing."""
        sending = Retrying(
            retry=retry_if_exception_type((OperationalError, OSError)),
            wait=_PAUSES,
            before_sleep=self._not_sent,
        )
        sending(send)
        if sending.statistics["attempt_number"] > 1:
            log.warning("the broker is back: messages go out again")

    def _not_sent(self, state: RetryCallState) -> None:
        self._meters.count(BROKER_ERRORS, part="queue")
        if state.attempt_number == 1:
            cause = str(state.outcome.exception()) if state.outcome else ""
            log.warning("message not sent: the broker is away; it goes out when it is back", cause=cause)

    def drain(self) -> None:
        """Waits until the outbox is empty."""
        self._outbox.join()
