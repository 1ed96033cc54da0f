"""Requests that are handed on by a real server process: what arrives behind it, and what comes back, byte by byte."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.parts import ROOT, take_port
from tests.fixtures.processes import PATIENCE, ServerProcess
from tests.fixtures.upstream import Exchange, Upstream, close_after, upstream, whole

LARGE = 5_000_000


class Front:
    """The process, and what stands behind it."""

    def __init__(self, process: ServerProcess, port: int, okapi: Upstream) -> None:
        self.process = process
        self.port = port
        self.okapi = okapi

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def exchange(self, request: bytes) -> tuple[bytes, bytes]:
        """Head and body of the response, as they were sent; the request asks to close the connection."""
        with self.connect() as connection:
            connection.sendall(request)
            head, _, body = read_all(connection).partition(b"\r\n\r\n")
            return head, body


def read_all(connection: socket.socket) -> bytes:
    received = bytearray()
    while piece := connection.recv(65536):
        received += piece
    return bytes(received)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder, port = tmp_path_factory.mktemp("front"), take_port()
    with upstream() as okapi:
        command = [sys.executable, "-u", "-m", "tests.fixtures.front_process", port, okapi.url]
        with ServerProcess(command, log=Path(folder) / "front.log", cwd=ROOT) as process:
            process.wait_for_port(port)
            yield Front(process, port, okapi)


@pytest.fixture
def front(started: Front) -> Front:
    started.okapi.reset()
    return started


def request(line: str, *headers: str, body: bytes = b"", last: bool = True) -> bytes:
    ending = ["Connection: close"] if last else []
    return "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", *headers, *ending, "", ""]).encode("latin-1") + body


def chunks(body: bytes, size: int = 50_000) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_a_request_arrives_as_it_was_sent(front: Front) -> None:
    head, body = front.exchange(request("GET /_/a%2Fb//c?x=%20&&y=[1]", "x-okapi-token: a.b.c", "accept-encoding: br"))
    assert (head.split(b"\r\n")[0], body) == (b"HTTP/1.1 200 OK", b"ok")
    (received,) = front.okapi.received
    assert received.line == "GET /_/a%2Fb//c?x=%20&&y=[1] HTTP/1.1"
    assert received.one("Host") == f"127.0.0.1:{front.okapi.port}"
    assert received.one("X-Forwarded-Host") == "localhost"
    assert (received.one("X-Okapi-Token"), received.one("Accept-Encoding")) == ("a.b.c", "br")


@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_are_handed_on_in_both_directions(front: Front, chunked: bool) -> None:
    body = bytes(range(256)) * (LARGE // 256)
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    sent = chunks(body) if chunked else body
    back = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    front.okapi.scripts["/up"] = whole(b"HTTP/1.1 200 OK\r\n" + back + b"\r\n\r\n" + sent)
    head, came = front.exchange(request("PUT /up", framing, body=sent))
    assert front.okapi.received[0].body == body
    assert back in head
    assert (joined(came) if chunked else came) == body


def joined(framed: bytes) -> bytes:
    """What was sent in chunks."""
    found, rest = bytearray(), framed
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        found += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return bytes(found)


@pytest.mark.parametrize(
    ("method", "response", "wanted"),
    [
        ("GET", b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", b"HTTP/1.1 204 No Content"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n", b"HTTP/1.1 304 Not Modified"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"HTTP/1.1 200 OK"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 200 OK"),
        ("POST", b"HTTP/1.1 302 Found\r\nLocation: http://else/\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 302 Found"),
    ],
)
def test_responses_without_a_body_end_where_they_do(front: Front, method: str, response: bytes, wanted: bytes) -> None:
    front.okapi.scripts["/r"] = whole(response)
    with front.connect() as connection:
        connection.sendall(request(f"{method} /r", "Content-Length: 0", last=False) + request("GET /next"))
        received = read_all(connection)
    first, _, second = received.partition(b"\r\n\r\n")
    assert first.startswith(wanted)
    assert second.startswith(b"HTTP/1.1 200 OK")
    assert second.endswith(b"ok")


def test_a_response_is_handed_on_while_it_comes(front: Front) -> None:
    def script(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n")
        exchange.send(b"5\r\nfirst\r\n")
        exchange.go_on.wait(PATIENCE)
        exchange.send(b"6\r\nsecond\r\n0\r\n\r\n")

    front.okapi.scripts["/events"] = script
    with front.connect() as connection:
        connection.sendall(request("GET /events"))
        received = b""
        while b"first" not in received:
            received += connection.recv(65536)
        front.okapi.go_on.set()
        assert b"second" in read_all(connection)


def test_a_body_is_handed_on_while_it_comes(front: Front) -> None:
    began: list[bytes] = []

    def script(exchange: Exchange) -> None:
        began.append(exchange.reader.read(16 * 1024))
        exchange.go_on.set()
        exchange.reader.read(84_000 - 16 * 1024)
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    front.okapi.scripts["/up"] = script
    with front.connect() as connection:
        connection.sendall(request("POST /up", "Content-Length: 84000", body=b"x" * 70_000))
        assert front.okapi.go_on.wait(PATIENCE)
        connection.sendall(b"x" * 14_000)
        assert read_all(connection).endswith(b"ok")
    assert began == [b"x" * 16 * 1024]


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"])
def test_a_client_that_goes_away_ends_the_request_behind(front: Front, begun: bytes) -> None:
    def script(exchange: Exchange) -> None:
        exchange.send(begun)
        exchange.go_on.set()
        exchange.until_closed()

    front.okapi.scripts["/wait"] = script
    with front.connect() as connection:
        connection.sendall(request("GET /wait"))
        assert front.okapi.go_on.wait(PATIENCE)
    assert front.okapi.closed.wait(PATIENCE)


def test_a_response_that_is_cut_off_is_not_ended_for_the_client(front: Front) -> None:
    front.okapi.scripts["/r"] = close_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
    _, body = front.exchange(request("GET /r"))
    assert body == b"4\r\nhalf\r\n"
    assert "Traceback" not in front.process.output


def test_a_body_that_is_broken_off_does_not_look_whole_behind(front: Front) -> None:
    def script(exchange: Exchange) -> None:
        exchange.received.body = exchange.reader.read(200_000)
        exchange.go_on.set()

    front.okapi.scripts["/up"] = script
    for framing, body in (
        ("Content-Length: 200000", b"x" * 100_000),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
    ):
        front.okapi.go_on.clear()
        with front.connect() as connection:
            connection.sendall(request("POST /up", framing, body=body))
        assert front.okapi.go_on.wait(PATIENCE)
        assert not front.okapi.received[-1].body.endswith(b"0\r\n\r\n")
        assert len(front.okapi.received[-1].body) < 200_000


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: +5",),
    ],
)
def test_a_request_that_can_be_framed_in_two_ways_is_not_handed_on(front: Front, headers: tuple[str, ...]) -> None:
    smuggled = b"0\r\n\r\n" + request("GET /smuggled")
    head, _ = front.exchange(request("POST /up", *headers, body=smuggled))
    assert head.split()[1] in (b"400", b"501")
    assert front.okapi.received == []


def test_many_requests_share_connections(front: Front) -> None:
    before = front.okapi.connections
    with front.connect() as connection:
        for _ in range(20):
            connection.sendall(request("GET /r", last=False))
            received = b""
            while not received.endswith(b"ok"):
                received += connection.recv(65536)
    assert len(front.okapi.received) == 20
    assert front.okapi.connections - before <= 1
