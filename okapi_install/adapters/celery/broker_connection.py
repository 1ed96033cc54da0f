"""Celery's connection to the broker, with shorter pauses between attempts and fewer objects.

Celery has no setting for these pauses: its consumer uses those of kombu, which grow by two seconds up to half a minute.
A worker would receive nothing for that long after the broker is available again.

kombu also creates a Redis client for every command, which takes longer than the command.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES, redis

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
            log.warning("dropped what is no message from the broker", cause=str(problem)[:200])
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
    """Whether what came last was read, and is on its way to whoever wants it."""

    def _deliver(self, message: Any, queue: str) -> None:
        """See kombu. What would end the worker is dropped."""
        self.delivering = True
        if not is_message(message) or (queue == QUEUE and not is_task_of_ours(message)):
            log.warning("dropped what is no message of okapi-install from the broker", queue=queue)
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
