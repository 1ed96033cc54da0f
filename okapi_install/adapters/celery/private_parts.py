"""Every hook into parts of Celery and kombu that they do not document.

All were seen with version 5.7.0 of both; setup.cfg allows no other minor version. Each is here for a reason, and a test
fails without it:

- SparingChannel, its client: kombu creates a Redis client for every command, which takes longer than the command
  (tests/unit/adapters/test_broker_connection.py).
- SparingChannel.basic_ack: Celery acknowledges messages that were received with `no_ack`. Looking for them takes longer
  than receiving them (the same).
- SparingChannel._brpop_read, SparingTransport._deliver: a message that is not ours would end the worker
  (tests/integration/cluster/test_odd_messages.py).
- PromptConnection: pauses between attempts to connect grow up to half a minute, and there is no setting for that
  (tests/unit/adapters/test_broker_connection.py).
- GatheringDispatcher: Celery sends events in batches only where it has its own event loop. On gevent it sends a message
  for each event (tests/integration/test_worker_events.py).
- NoResults: the disabled backend raises an error for every task that is revoked, and every worker logs it
  (tests/integration/cluster/test_odd_messages.py).
- silence_shutdown: Celery prints past the log when it stops (tests/integration/test_json_logs.py).
- let_others_run_while_reconnecting: Celery imports kombu's `sleep` before gevent patches it, so its pauses stop all
  jobs of the process (tests/integration/cluster/test_broker_outage.py).

What the task of a killed job reports needs no hook: see `task_states`.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery import states
from celery.app.amqp import AMQP
from celery.app.events import Events
from celery.backends.base import DisabledBackend
from celery.events.dispatcher import EventDispatcher
from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES, redis
from kombu.utils import functional

from okapi_install.adapters.celery.broker_messages import is_message, is_task_of_ours
from okapi_install.adapters.celery.settings import QUEUE

log = structlog.get_logger()

LONGEST_PAUSE = 5.0
"""Seconds."""


class SparingChannel(redis.Channel):
    """A channel that reuses its client for as long as it has the same connection pool.

    Celery acknowledges every message. A message that was received with `no_ack` is in no list of Redis, and looking for
    it there would take longer than receiving it.
    """

    _plain: Any = None

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Acknowledges a message, unless it was received with `no_ack`."""
        if delivery_tag in self.qos._delivered:  # noqa: SLF001 - there is no public way
            super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call]

    def _brpop_read(self, **options: Any) -> Any:
        self.connection.delivering = False
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, RecursionError) as problem:
            if self.connection.delivering:
                raise
            log.warning("dropped a malformed message from the broker", cause=str(problem)[:200])
            return True

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self._plain is None or self._plain.connection_pool is not self.pool:
            self._plain = super()._create_client()  # type: ignore[no-untyped-call]
        return self._plain


class SparingTransport(redis.Transport):
    """kombu's Redis transport, with SparingChannel."""

    Channel = SparingChannel
    delivering = False
    """Whether the last thing that came was read, and is being delivered."""

    def _deliver(self, message: Any, queue: str) -> None:
        """See kombu. What would end the worker is dropped."""
        self.delivering = True
        if not is_message(message) or (queue == QUEUE and not is_task_of_ours(message)):
            log.warning("dropped a message from the broker that is not one of okapi-install", queue=queue)
            return
        super()._deliver(message, queue)  # type: ignore[no-untyped-call]


TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:{SparingTransport.__name__}"))
"""All connections of this process use it, including those of kombu's pools."""


class PromptConnection(Connection):
    """A connection that pauses for at most LONGEST_PAUSE between attempts."""

    def _ensure_connection(  # all ways to connect use this
        self,
        errback: Any = None,
        max_retries: int | None = None,
        interval_start: float = 2,
        interval_step: float = 2,
        interval_max: float = LONGEST_PAUSE,
        *more: Any,
        **options: Any,
    ) -> Any:
        longest = min(interval_max, LONGEST_PAUSE)
        pauses = interval_start, interval_step, longest
        return super()._ensure_connection(errback, max_retries, *pauses, *more, **options)  # type: ignore[no-untyped-call]


class PromptAMQP(AMQP):  # type: ignore[misc]
    """Celery's AMQP class with PromptConnection, for `Celery(amqp=...)`."""

    Connection = PromptConnection
    BrokerConnection = PromptConnection


_MOMENT, _PAUSE = 0.1, 1.0
"""Seconds: for how long events are gathered, and the pause before those that the broker did not accept are resent."""


class GatheringDispatcher(EventDispatcher):  # type: ignore[misc]
    """Sends the events of tasks in batches. Those of the worker itself, such as its heartbeat, are sent at once."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self._due = False
        super().__init__(*given, **{**options, "buffer_group": frozenset({"task"}), "on_send_buffered": self._soon})

    def _soon(self, seconds: float = _MOMENT) -> None:
        import gevent  # the API has none

        if not self._due:
            self._due = True
            gevent.spawn_later(seconds, self._send_gathered)

    def _send_gathered(self) -> None:
        """Resends events that failed. Celery itself would resend them only with the next ones, perhaps hours later."""
        self._due = False
        self.flush()
        if self._outbound_buffer:
            self._soon(_PAUSE)


class GatheringEvents(Events):  # type: ignore[misc]
    """The class for `Celery(events=...)`."""

    dispatcher_cls = GatheringDispatcher


class NoResults(DisabledBackend):  # type: ignore[misc]
    """A result backend that accepts results and stores none. It reports every task as unknown."""

    def get_state(self, _task_id: str) -> str:
        """See Celery."""
        return str(states.PENDING)


def silence_shutdown() -> None:
    """Replaces what Celery prints when it stops, past the log."""
    from celery.apps import worker  # the API has none

    vars(worker)["safe_say"] = lambda *_: None


def let_others_run_while_reconnecting() -> None:
    """Makes kombu's pauses between attempts to connect yield to other greenlets, and so to the heartbeat."""
    vars(functional)["sleep"] = time.sleep
