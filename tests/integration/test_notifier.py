"""News of jobs over a real broker: whoever waits is woken, and one connection carries all.

A notifier listens for as long as its process lives; so each test has a process for it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

from redis import Redis

from okapi_install.adapters.notifier import RedisNotifier
from tests.fixtures.redis import RedisServer
from tests.fixtures.site import until


def aside(work: Callable[[str], bool], server: RedisServer) -> bool:
    """Does it in a process that ends with it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, server.url).result(timeout=120)


def subscribed(client: Redis) -> bool:
    """Whether somebody listens."""
    return any(int(one["sub"]) for one in client.client_list())


def many_tell(url: str) -> bool:
    """Fifty changes from many threads; whether the last came, over one connection."""
    told, telling = RedisNotifier(url), RedisNotifier(url)
    with Redis.from_url(url) as client, told.listen("job-49") as wake, ThreadPoolExecutor(25) as pool:
        until(lambda: subscribed(client), "a subscription")
        list(pool.map(lambda number: telling.changed(f"job-{number}", now=True), range(50)))
        came = wake.wait(30)
        return came and sum(one["cmd"] == "publish" for one in client.client_list()) == 1


def one_tells_at_leisure(url: str) -> bool:
    """Two changes that may wait; whether they came as one."""
    told, telling = RedisNotifier(url), RedisNotifier(url)
    with Redis.from_url(url) as client, told.listen("job") as wake:
        until(lambda: subscribed(client), "a subscription")
        telling.changed("another")
        telling.changed("job")
        return wake.wait(30) and not wake.wait(0.05)


def test_one_connection_publishes_the_news_of_many(redis_server: RedisServer) -> None:
    assert aside(many_tell, redis_server)


def test_news_that_may_wait_come_too(redis_server: RedisServer) -> None:
    assert aside(one_tells_at_leisure, redis_server)


def test_who_has_news_does_not_wait_for_a_broker_that_is_away(redis_server: RedisServer) -> None:
    redis_server.stop()
    telling = RedisNotifier(redis_server.url)
    for number in range(1000):
        telling.changed(f"job-{number}", now=True)
    redis_server.start()
