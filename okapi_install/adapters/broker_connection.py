"""How Celery connects to the broker: as ever, but with short pauses between its attempts.

Celery offers no setting for these pauses: its consumer takes those of kombu, which grow by two seconds up to half a
minute. So a worker would be deaf for up to that long after the broker has come back.

And with fewer objects: kombu makes a client of Redis for every command, which takes longer than the command.
"""

from __future__ import annotations

from typing import Any

from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES, redis

LONGEST_PAUSE = 5.0
"""Seconds."""


class SparingChannel(redis.Channel):
    """A channel that keeps its client for as long as it keeps the pool of connections under it.

    Celery acknowledges every message. One that was taken with `no_ack` is in no list of Redis; to look for it there
    would take longer than to take it.
    """

    _plain: Any = None

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """See kombu."""
        if delivery_tag in self.qos._delivered:  # noqa: SLF001 - it has no other door
            super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call]

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self._plain is None or self._plain.connection_pool is not self.pool:
            self._plain = super()._create_client()  # type: ignore[no-untyped-call]
        return self._plain


class SparingTransport(redis.Transport):
    """Redis, with such channels."""

    Channel = SparingChannel


TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:{SparingTransport.__name__}"))
"""All connections of this process use it, those also that kombu's pools make."""


class PromptConnection(Connection):
    """A connection that pauses for LONGEST_PAUSE at most before it tries again."""

    def _ensure_connection(  # all ways to connect, public and private ones, go through this
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
    """Celery's way to the broker, with such connections. For `Celery(amqp=...)`."""

    Connection = PromptConnection
    BrokerConnection = PromptConnection
