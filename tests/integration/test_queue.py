"""What is told to a broker that is away: it waits, and the caller does not."""

from __future__ import annotations

import json

from redis import Redis
from structlog.testing import capture_logs

from okapi_install.adapters.celery.queue import CeleryQueue
from okapi_install.adapters.celery.settings import celery_settings
from okapi_install.domain.jobs import JobKind
from okapi_install.service.metrics import BROKER_ERRORS, Meters
from okapi_install.service.ports import JobRef
from tests.fixtures.redis import RedisServer
from tests.fixtures.site import until

TASKS = ["first", "second", "third"]


def publish(queue: CeleryQueue, task: str) -> None:
    """A message about some job."""
    queue.publish(JobRef(id="some", tenant="diku", kind=JobKind.INSTALL, task_id=task))


def received(server: RedisServer) -> list[str]:
    """Ids of the tasks that wait at the broker, the first one first."""
    with Redis(host="127.0.0.1", port=server.port) as client:
        waiting = client.lrange(str(celery_settings(server.url)["task_default_queue"]), 0, -1)
    return [json.loads(message)["headers"]["id"] for message in reversed(waiting)]


def until_tried(meters: Meters, times: int) -> None:
    """Waits until so many attempts have failed."""
    failed = 0.0

    def enough() -> bool:
        nonlocal failed
        failed += meters.take().get(BROKER_ERRORS.key("_total", {"part": "queue"}), 0)
        return failed >= times

    until(enough, f"{times} attempts")


def test_messages_go_out_in_their_order_when_the_broker_is_back(redis_server: RedisServer) -> None:
    meters = Meters()
    queue = CeleryQueue(redis_server.url, meters)
    publish(queue, "before")
    queue.drain()
    redis_server.stop()
    with capture_logs() as lines:
        for task in TASKS:
            publish(queue, task)
        until_tried(meters, 2)
        redis_server.start()
        queue.drain()
    assert received(redis_server) == ["before", *TASKS]
    assert [line["event"].partition(":")[0] for line in lines] == ["message not sent", "the broker is available again"]


def test_a_revoke_that_waits_keeps_no_message_from_going_out_later(redis_server: RedisServer) -> None:
    queue = CeleryQueue(redis_server.url)
    redis_server.stop()
    queue.revoke("a task")
    for task in TASKS:
        publish(queue, task)
    redis_server.start()
    queue.drain()
    assert received(redis_server) == TASKS
