"""News of jobs over a real broker: whoever waits is woken, and one connection carries all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from redis import Redis

from okapi_install.adapters.notifier import RedisNotifier
from tests.fixtures.redis import RedisServer
from tests.fixtures.site import until


def publishers(server: RedisServer) -> int:
    """How many connections have published last."""
    with Redis(host="127.0.0.1", port=server.port) as client:
        return sum(one["cmd"] == "publish" for one in client.client_list())


def subscribed(server: RedisServer) -> bool:
    """Whether somebody listens."""
    with Redis(host="127.0.0.1", port=server.port) as client:
        return any(int(one["sub"]) for one in client.client_list())


def test_one_connection_publishes_the_news_of_many(redis_server: RedisServer) -> None:
    told, telling = RedisNotifier(redis_server.url), RedisNotifier(redis_server.url)
    with told.listen("job-49") as wake, ThreadPoolExecutor(25) as pool:
        until(lambda: subscribed(redis_server), "a subscription")
        list(pool.map(lambda number: telling.changed(f"job-{number}", now=True), range(50)))
        assert wake.wait(30)
    assert publishers(redis_server) == 1


def test_news_that_may_wait_come_too(redis_server: RedisServer) -> None:
    told, telling = RedisNotifier(redis_server.url), RedisNotifier(redis_server.url)
    with told.listen("job") as wake:
        until(lambda: subscribed(redis_server), "a subscription")
        telling.changed("another")
        telling.changed("job")
        assert wake.wait(30)
        assert not wake.wait(0.05)


def test_who_has_news_does_not_wait_for_a_broker_that_is_away(redis_server: RedisServer) -> None:
    redis_server.stop()
    telling = RedisNotifier(redis_server.url)
    for number in range(1000):
        telling.changed(f"job-{number}", now=True)
    redis_server.start()
