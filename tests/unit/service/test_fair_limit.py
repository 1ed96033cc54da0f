"""Places for a few, in the order in which they were asked for."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from okapi_install.service.fair_limit import FairLimit
from tests.fixtures.parts import ROOT

KILLED = """
import gevent
from gevent import monkey
monkey.patch_all()
from okapi_install.service.fair_limit import FairLimit

limit, came = FairLimit(1), []

def come(name):
    with limit.one():
        came.append(name)
        gevent.sleep(0.01)

first = gevent.spawn(come, "first")
gevent.sleep(0)
waiting = [gevent.spawn(come, name) for name in ("killed as it waits", "second", "killed at its turn", "third")]
gevent.sleep(0)
waiting[0].kill()
first.join()
waiting[2].kill(block=False)
gevent.joinall(waiting, timeout=5)
come("last")
print(came)
"""


def test_so_many_come_in_at_once() -> None:
    limit, inside, most, mutex = FairLimit(3), 0, 0, threading.Lock()

    def come(_: int) -> None:
        nonlocal inside, most
        with limit.one():
            with mutex:
                inside += 1
                most = max(most, inside)
            time.sleep(0.002)
            with mutex:
                inside -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(come, range(60)))
    assert (inside, most) == (0, 3)


def test_who_came_first_is_first_in() -> None:
    limit, order = FairLimit(1), list[int]()

    def come(number: int) -> None:
        with limit.one():
            order.append(number)

    with ThreadPoolExecutor(10) as pool, limit.one():
        for number in range(10):
            pool.submit(come, number)
            while len(limit._waiting) <= number:
                time.sleep(0.001)
    assert order == list(range(10))


def test_nobody_waits_longer_than_asked_for() -> None:
    limit = FairLimit(1)
    with limit.one(), pytest.raises(TimeoutError), limit.one(patience=0.01):
        pytest.fail("there was no place")
    with limit.one(patience=0.01):
        pass


def test_a_place_is_given_back_after_an_error() -> None:
    limit = FairLimit(1)
    with pytest.raises(ValueError, match="broken"), limit.one():
        raise ValueError("broken")
    with limit.one(patience=0.01):
        pass


def test_greenlets_that_are_killed_take_no_place_along() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert (ran.stdout.strip(), ran.stderr) == ("['first', 'second', 'third', 'last']", "")
