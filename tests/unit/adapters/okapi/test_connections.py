"""Pooled connections: what is used again, what is not, and limits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from okapi_install.adapters.okapi.connections import Connections
from okapi_install.adapters.outgoing import Limits, OutgoingFailed
from tests.fixtures.okapi_stand_in import OkapiStandIn

LIMITS = Limits(connect=5.0, silence=30.0, seconds=30.0, most_bytes=1_000_000)
VERSION = "/_/version"


@pytest.fixture
def pool() -> Iterator[Connections]:
    """A pool, closed at the end."""
    found = Connections(4)
    yield found
    found.close()


def test_a_connection_is_used_again(stand_in: OkapiStandIn, pool: Connections) -> None:
    for _ in range(3):
        assert pool.call("GET", stand_in.url + VERSION, {}, None, LIMITS).body == b"7.0.0"
    assert stand_in.connections == 1


def test_a_connection_that_the_server_has_closed_is_replaced(stand_in: OkapiStandIn, pool: Connections) -> None:
    pool.call("GET", stand_in.url + VERSION, {}, None, LIMITS)
    stand_in.stop()
    stand_in.start()
    assert pool.call("GET", stand_in.url + VERSION, {}, None, LIMITS).status == 200


def test_a_request_whose_response_is_lost_fails(stand_in: OkapiStandIn) -> None:
    stand_in.state.put_tenant({"id": "diku"})
    stand_in.state.flaws.lost_answers = 1
    url = stand_in.url + "/_/proxy/tenants/diku/modules"
    with pytest.raises(OutgoingFailed):
        Connections(4).call("POST", url, {}, b'{"id": "okapi"}', LIMITS)
    assert stand_in.state.enabled_of("diku") == ["okapi-7.0.0"]


def test_a_response_that_is_too_large_is_not_read(stand_in: OkapiStandIn) -> None:
    limits = Limits(connect=5.0, silence=5.0, seconds=5.0, most_bytes=10_000)
    with pytest.raises(OutgoingFailed, match="too large"):
        Connections(4).call("GET", stand_in.url + "/_/proxy/modules?full=true", {}, None, limits)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(OutgoingFailed, match="not an http or https URL"):
        Connections(4).call("GET", "ftp://okapi", {}, None, LIMITS)


_KILLED = """
from gevent import monkey
monkey.patch_all()
import gevent
from okapi_install.adapters.okapi.connections import Connections
from okapi_install.adapters.outgoing import Limits
from tests.fixtures.okapi_stand_in import OkapiStandIn

limits = Limits(connect=5.0, silence=30.0, seconds=30.0, most_bytes=1_000_000)
okapi, pool = OkapiStandIn(), Connections(2)
def call():
    return pool.call("GET", okapi.url + "/_/proxy/modules?full=true", {}, None, limits)
whole = call()
okapi.state.flaws.slow = 0.01
for number in range(30):
    victims = [gevent.spawn(call) for _ in range(4)]
    gevent.sleep(0.001 * number)
    gevent.killall(victims)
okapi.state.flaws.slow = 0.0
assert all(call().body == whole.body for _ in range(4))
pool.close()
okapi.stop()
"""


def test_a_killed_greenlet_leaves_no_half_read_connection_and_no_place_taken() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", _KILLED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
