"""The events of tasks: several in one message, and sent again when the broker did not take them."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.fixtures.parts import ROOT
from tests.fixtures.redis import RedisServer

PROGRAM = """
import sys
from gevent import monkey
monkey.patch_all()
import gevent
from celery import Celery
from okapi_install.domain import messages
from okapi_install.adapters.celery.private_parts import PromptAMQP
from okapi_install.adapters.celery.private_parts import GatheringDispatcher, GatheringEvents

app = Celery(broker=sys.argv[1], amqp=PromptAMQP, events=GatheringEvents, set_as_current=False)
heard, messages = [], []

def listen():
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": lambda event: heard.append(event["uuid"])})
        receiver.capture(limit=None, timeout=None, wakeup=False)

gevent.spawn(listen)
gevent.sleep(1)
with app.connection_for_write() as connection:
    dispatcher = app.events.Dispatcher(connection, hostname="here")
    assert isinstance(dispatcher, GatheringDispatcher)
    publish = dispatcher.producer.publish

    def refuse_first(event, **how):
        messages.append(event)
        if len(messages) == 1:
            raise OSError("the broker is away")
        publish(event, **how)

    dispatcher.producer.publish = refuse_first
    for number in range(5):
        dispatcher.send("task-received", uuid=str(number), name="install", args="[]")
    with gevent.Timeout(30):
        while len(heard) < 5:
            gevent.sleep(0.1)
print(sorted(heard), len(messages))
"""


def test_events_go_out_together_and_again_if_the_broker_did_not_take_them(redis_server: RedisServer) -> None:
    command = [sys.executable, "-c", PROGRAM, redis_server.url]
    environ = os.environ | {"OKAPI_INSTALL_BROKER_URL": redis_server.url}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=90, check=False, env=environ)
    assert (ran.stdout.strip(), ran.returncode) == ("['0', '1', '2', '3', '4'] 2", 0), ran.stderr
