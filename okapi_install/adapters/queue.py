"""Publishes tasks by name, and revokes them. It does not import the worker, nor wait for it.

Messages leave through a thread of their own: a client that has its 201 need not wait for a broker that is
slow or away. They wait here until the broker is back; a message that is lost with this process costs one sweep.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from okapi_install.adapters.broker_connection import PromptAMQP
from okapi_install.adapters.celery_config import celery_settings
from okapi_install.service.metrics import BROKER_ERRORS, Meters
from okapi_install.service.ports import JobRef

log = structlog.get_logger()

_PAUSE = 1.0
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
        self._away = False

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
                while not self._sent(send):
                    time.sleep(_PAUSE)
            except Exception:
                self._meters.count(BROKER_ERRORS, part="queue")
                log.exception("message not sent")
            finally:
                self._outbox.task_done()

    def _sent(self, send: Callable[[], object]) -> bool:
        """Whether the broker took it. What is sent only when it is back may be stale: then it changes nothing."""
        try:
            send()
        except (OperationalError, OSError) as problem:
            self._meters.count(BROKER_ERRORS, part="queue")
            if not self._away:
                log.warning("message not sent: the broker is away; it goes out when it is back", cause=str(problem))
            self._away = True
            return False
        if self._away:
            log.warning("the broker is back: messages go out again")
        self._away = False
        return True

    def drain(self) -> None:
        """Waits until the outbox is empty."""
        self._outbox.join()
