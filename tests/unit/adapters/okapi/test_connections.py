"""Pooled connections: what is used again, what is not, and limits."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


class _Chunked(BaseHTTPRequestHandler):
    """Responds as Okapi does: in chunks, and compressed where that is accepted."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        packed = gzip.compress(b"[" + b'"x",' * 50_000 + b"1]")
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Content-Encoding", self.headers["Accept-Encoding"])
        self.end_headers()
        for start in range(0, len(packed), 50):
            part = packed[start : start + 50]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 (the name is the library's)


def test_a_compressed_response_in_chunks_is_read_to_its_end_and_its_connection_used_again(pool: Connections) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Chunked) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        for _ in range(3):
            assert len(pool.call("GET", url, {}, None, LIMITS).body) == 4 * 50_000 + 3
        assert sum(map(len, pool._idle.values())) == 1
        pool.close()
        server.shutdown()
        thread.join()


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
