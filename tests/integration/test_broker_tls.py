"""A broker over TLS: messages, notifications and Flower verify its certificate, unless the URL says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import Celery
from flower.utils.broker import Broker

from okapi_install.adapters.celery.private_parts import PromptAMQP
from okapi_install.adapters.celery.settings import QUEUE, celery_settings
from okapi_install.adapters.notifier import RedisNotifier
from okapi_install.config import Settings
from tests.fixtures.redis import TlsRedis


def _broker_url(url: str) -> str:
    """As the settings make it of what an operator wrote."""
    found = Settings.load({"OKAPI_INSTALL_BROKER_URL": url}).broker_url
    assert found is not None
    return found


def _celery(url: str) -> Celery:
    app = Celery("okapi-install", amqp=PromptAMQP, set_as_current=False)
    app.conf.update(celery_settings(_broker_url(url)))
    return app


def _by_celery(url: str) -> None:
    with _celery(url).connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0.01, timeout=5)
        connection.default_channel.client.ping()


def _by_flower(url: str) -> None:
    app = _celery(url)
    with app.connection() as connection:
        where = connection.as_uri(include_password=True)
    broker = Broker(where, broker_options=app.conf.broker_transport_options, broker_use_ssl=app.conf.broker_use_ssl)

    async def ask() -> object:
        try:
            return await broker.queues([QUEUE])
        finally:
            await broker.redis.aclose()

    with ThreadPoolExecutor(1) as apart:  # a browser test in this process may have left an event loop running here
        assert apart.submit(lambda: asyncio.run(ask())).result() == [{"name": QUEUE, "messages": 0}]


def _by_notifier(url: str) -> None:
    client = RedisNotifier(_broker_url(url))._redis
    try:
        client.ping()
    finally:
        client.close()


CLIENTS = pytest.mark.parametrize("use", [_by_celery, _by_flower, _by_notifier])


@CLIENTS
def test_a_certificate_that_nobody_trusts_is_refused(tls_redis: TlsRedis, use: Callable[[str], None]) -> None:
    with pytest.raises(Exception, match=r"(?i)certificate.verify.failed"):
        use(tls_redis.url)


@CLIENTS
def test_a_certificate_of_a_trusted_authority_is_taken(tls_redis: TlsRedis, use: Callable[[str], None]) -> None:
    use(f"{tls_redis.url}?ssl_ca_certs={tls_redis.authority}")


@CLIENTS
def test_the_url_may_say_that_any_certificate_is_taken(tls_redis: TlsRedis, use: Callable[[str], None]) -> None:
    use(f"{tls_redis.url}?ssl_cert_reqs=none")
