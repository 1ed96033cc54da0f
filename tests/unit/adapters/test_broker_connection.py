"""The pauses between attempts to reach a broker that is away."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from celery import Celery
from celery.app.amqp import AMQP
from kombu.exceptions import OperationalError
from kombu.utils import functional

from okapi_install.adapters.celery.private_parts import PromptAMQP, PromptConnection, SparingChannel
from okapi_install.adapters.celery.settings import celery_settings
from tests.fixtures.parts import take_port
from tests.fixtures.redis import RedisServer

AS_EVER, PROMPT = [2, 4, 6, 8, 10, 12], [2, 4, 5, 5, 5, 5]


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long kombu would have slept, in seconds; it takes no time."""
    found: list[float] = []
    monkeypatch.setattr(functional, "sleep", found.append)
    return found


def application(amqp: Any, **options: object) -> Celery:
    """A Celery application whose broker is not there."""
    app = Celery(broker=f"redis://127.0.0.1:{take_port()}/0", amqp=amqp, set_as_current=False)
    app.conf.update(broker_transport_options=options)
    return app


def pauses(connection: Any, **intervals: float) -> list[float]:
    """Those between seven attempts, asked for as Celery's consumer does."""
    found: list[float] = []

    def note(problem: Exception, pause: float) -> None:
        found.append(pause)

    with pytest.raises(OperationalError):
        connection.ensure_connection(note, 6, callback=lambda: None, **intervals)
    return found


def test_the_pauses_grow_to_five_seconds(asleep: list[float]) -> None:
    app = application(PromptAMQP)
    for connection in (app.connection_for_read(heartbeat=60), app.connection_for_write(), app.connection().clone()):
        assert isinstance(connection, PromptConnection)
        assert pauses(connection) == PROMPT
    assert sum(asleep) == 3 * sum(PROMPT)


def test_without_it_they_would_grow_further(asleep: list[float]) -> None:
    assert pauses(application(AMQP).connection_for_read()) == AS_EVER


def test_shorter_pauses_stay_as_they_were_asked_for(asleep: list[float]) -> None:
    connection = application(PromptAMQP).connection()
    assert pauses(connection, interval_start=0, interval_step=0.5, interval_max=1) == [0, 0.5, 1, 1, 1, 1]


def test_a_channel_that_connects_by_itself_pauses_no_longer(asleep: list[float]) -> None:
    connection = application(PromptAMQP, max_retries=6).connection()
    with pytest.raises(OperationalError):
        _ = connection.default_channel
    assert sum(asleep) == sum(PROMPT)


def test_a_channel_makes_one_client_for_all_commands(redis_server: RedisServer) -> None:
    with PromptConnection(redis_server.url) as connection:  # type: ignore[no-untyped-call]
        channel = connection.default_channel
        assert channel._create_client() is channel._create_client()
        before = channel._create_client()
        channel._disconnect_pools()
        assert channel._create_client() is not before


def test_those_who_publish_have_such_channels_too(redis_server: RedisServer) -> None:
    app = Celery(broker=redis_server.url, amqp=PromptAMQP, set_as_current=False)
    with app.producer_or_acquire() as producer:
        assert isinstance(producer.channel, SparingChannel)


def test_a_message_is_out_of_the_brokers_hands_once_it_is_taken(redis_server: RedisServer) -> None:
    app = Celery(broker=redis_server.url, amqp=PromptAMQP, set_as_current=False)
    app.conf.update(celery_settings(redis_server.url))
    app.send_task("install", args=["diku", "job"])
    taken: list[Any] = []
    with app.connection_for_read() as connection:
        consumer = app.amqp.TaskConsumer(connection, callbacks=[lambda _body, message: taken.append(message)])
        with consumer:
            connection.drain_events(timeout=5)
            taken[0].ack()
    with redis.Redis.from_url(redis_server.url) as client:
        left = {key.decode() for key in client.keys("*")}
    assert not [key for key in left if not key.startswith("_kombu.binding")]
