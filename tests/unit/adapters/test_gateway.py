"""Requests that are handed on to the Okapi beside this service, over real connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import pytest

from okapi_install.adapters.okapi.gateway import HttpGateway
from okapi_install.service.ports import ClientGone, GatewayFailed, GatewayRequest, GatewayTooSlow, GatewayUnavailable
from tests.fixtures.processes import PATIENCE
from tests.fixtures.upstream import Exchange, Upstream, close_after, upstream, whole


@pytest.fixture
def okapi() -> Iterator[Upstream]:
    with upstream() as server:
        yield server


@pytest.fixture
def gateway(okapi: Upstream) -> Iterator[HttpGateway]:
    with gateway_of(okapi) as found:
        yield found


@contextmanager
def gateway_of(okapi: Upstream, idle: float = PATIENCE, prefix: str = "") -> Iterator[HttpGateway]:
    with closing(HttpGateway(okapi.url + prefix, connect=PATIENCE, idle=idle, spare=2)) as found:
        yield found


def get(target: str, method: str = "GET", client: socket.socket | None = None) -> GatewayRequest:
    return GatewayRequest(method=method, target=target, headers=(), client=None if client is None else client.fileno())


def post(pieces: Sequence[bytes], length: int | None) -> GatewayRequest:
    return GatewayRequest(method="POST", target="/up", headers=(), pieces=pieces, length=length)


def body_of(gateway: HttpGateway, request: GatewayRequest) -> bytes:
    response = gateway.send(request)
    try:
        return b"".join(response.pieces())
    finally:
        response.close()


def test_target_and_headers_arrive_as_they_were(okapi: Upstream) -> None:
    request = GatewayRequest(
        method="PATCH",
        target="/_/a%2Fb//c?q=%20x&y[]=caf\xe9",
        headers=[("X-One", "1"), ("X-One", "caf\xe9"), ("Accept-Encoding", "br")],
    )
    with gateway_of(okapi, prefix="/okapi/") as gateway:
        assert body_of(gateway, request) == b"ok"
    (received,) = okapi.received
    assert received.line == "PATCH /okapi/_/a%2Fb//c?q=%20x&y[]=caf%E9 HTTP/1.1"
    assert received.all("X-One") == ["1", "caf\xe9"]
    assert received.one("Host") == f"127.0.0.1:{okapi.port}"
    assert {name for name, _ in received.headers} == {"Host", "X-One", "Accept-Encoding"}


@pytest.mark.parametrize(
    ("pieces", "length", "framing"),
    [
        ([], 0, ("Content-Length", "0")),
        ([b"ab", b"c" * 100_000], 100_002, ("Content-Length", "100002")),
        ([b"ab", b"c" * 100_000], None, ("Transfer-Encoding", "chunked")),
        ([], None, ("Transfer-Encoding", "chunked")),
    ],
)
def test_bodies_arrive_with_the_framing_they_had(
    okapi: Upstream, gateway: HttpGateway, pieces: list[bytes], length: int | None, framing: tuple[str, str]
) -> None:
    assert body_of(gateway, post(pieces, length)) == b"ok"
    (received,) = okapi.received
    assert received.body == b"".join(pieces)
    assert [header for header in received.headers if header[0] in ("Content-Length", "Transfer-Encoding")] == [framing]


@pytest.mark.parametrize(
    ("response", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (
            b"HTTP/1.1 422 Odd words\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            422,
            b"abcde",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x"),
    ],
)
def test_responses_come_as_they_are_over_one_connection(
    okapi: Upstream, gateway: HttpGateway, response: bytes, status: int, body: bytes
) -> None:
    okapi.scripts["/r"] = whole(response)
    for _ in range(3):
        came = gateway.send(get("/r"))
        assert (came.status, b"".join(came.pieces())) == (status, body)
        came.close()
    assert okapi.connections == 1


def test_a_response_to_head_has_the_length_of_another_body(okapi: Upstream, gateway: HttpGateway) -> None:
    okapi.scripts["/r"] = whole(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    came = gateway.send(get("/r", "HEAD"))
    assert (list(came.pieces()), ("Content-Length", "5000") in came.headers) == ([], True)
    came.close()
    assert body_of(gateway, get("/other")) == b"ok"
    assert okapi.connections == 1


def test_a_response_that_ends_with_its_connection_is_complete(okapi: Upstream, gateway: HttpGateway) -> None:
    okapi.scripts["/r"] = close_after(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 200_000)
    assert body_of(gateway, get("/r")) == b"x" * 200_000
    assert body_of(gateway, get("/other")) == b"ok"


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
def test_a_response_that_is_cut_off_is_not_taken_for_a_whole_one(
    okapi: Upstream, gateway: HttpGateway, response: bytes
) -> None:
    okapi.scripts["/r"] = close_after(response)
    came = gateway.send(get("/r"))
    with pytest.raises(GatewayFailed, match="connection was closed"):
        list(came.pieces())
    came.close()


@pytest.mark.parametrize(
    "response",
    [
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Bad: a\x00b\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
def test_a_response_that_can_be_understood_in_two_ways_is_none(
    okapi: Upstream, gateway: HttpGateway, response: bytes
) -> None:
    okapi.scripts["/r"] = close_after(response)
    with pytest.raises(GatewayFailed, match="not a response"):
        gateway.send(get("/r"))


def test_a_connection_whose_response_was_not_read_is_not_used_again(okapi: Upstream, gateway: HttpGateway) -> None:
    okapi.scripts["/r"] = whole(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
    gateway.send(get("/r")).close()
    assert body_of(gateway, get("/other")) == b"ok"
    assert okapi.connections == 2


def test_a_connection_on_which_more_came_than_was_requested_is_not_used_again(
    okapi: Upstream, gateway: HttpGateway
) -> None:
    okapi.scripts["/r"] = whole(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx" + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    )
    assert body_of(gateway, get("/r")) == b"x"
    assert body_of(gateway, get("/other")) == b"ok"


def test_a_request_is_sent_again_if_a_kept_connection_was_closed_meanwhile(
    okapi: Upstream, gateway: HttpGateway
) -> None:
    def once_only(exchange: Exchange) -> None:
        if len(okapi.received) == 2:  # the second request on the first connection
            raise ConnectionError
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    okapi.scripts["/r"] = once_only
    assert [body_of(gateway, get("/r")) for _ in range(2)] == [b"ok", b"ok"]
    assert okapi.connections == 2


def test_nothing_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gateway = HttpGateway(f"http://user:password@127.0.0.1:{port}", connect=PATIENCE, idle=PATIENCE, spare=1)
    with pytest.raises(GatewayUnavailable, match=rf"http://127.0.0.1:{port} is not available \(Connection refused\)"):
        gateway.send(get("/r"))


def test_a_silent_server_is_given_up(okapi: Upstream) -> None:
    okapi.scripts["/r"] = Exchange.until_closed
    with gateway_of(okapi, idle=0.2) as gateway, pytest.raises(GatewayTooSlow, match="okapi_proxy_timeout"):
        gateway.send(get("/r"))
    assert okapi.closed.wait(PATIENCE)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"])
def test_a_client_that_goes_away_ends_the_request(okapi: Upstream, gateway: HttpGateway, begun: bytes) -> None:
    waiting = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.send(begun)
        waiting.set()
        exchange.until_closed()

    okapi.scripts["/r"] = script
    ours, theirs = socket.socketpair()
    with ours:

        def leave() -> None:
            waiting.wait(PATIENCE)
            theirs.close()

        leaving = threading.Thread(target=leave)
        leaving.start()
        with pytest.raises(ClientGone):
            body_of(gateway, get("/r", client=ours))
        leaving.join()
    assert okapi.closed.wait(PATIENCE)


def test_a_client_that_sends_its_next_request_early_has_not_gone(okapi: Upstream, gateway: HttpGateway) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert body_of(gateway, get("/r", client=ours)) == b"ok"


def test_a_body_that_is_refused_before_its_end_gets_the_refusal(okapi: Upstream, gateway: HttpGateway) -> None:
    def refuse(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        exchange.connection.shutdown(socket.SHUT_WR)
        exchange.reader.read(50_000)
        raise ConnectionError

    okapi.scripts["/up"] = refuse
    came = gateway.send(post([b"x" * 10_000] * 10, 100_000))
    assert (came.status, b"".join(came.pieces())) == (413, b"no")
    came.close()


def test_a_body_that_cannot_be_read_ends_the_request(okapi: Upstream, gateway: HttpGateway) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ClientGone("gone")

    request = GatewayRequest(method="POST", target="/up", headers=(), pieces=broken(), length=10)
    with pytest.raises(ClientGone):
        gateway.send(request)
    assert okapi.closed.wait(PATIENCE)
    assert okapi.received[0].body in (b"", b"x")


def test_at_most_so_many_connections_are_kept(okapi: Upstream, gateway: HttpGateway) -> None:
    opened = [gateway.send(get("/r")) for _ in range(4)]
    for response in opened:
        assert b"".join(response.pieces()) == b"ok"
        response.close()
    again = [gateway.send(get("/r")) for _ in range(3)]
    assert okapi.connections == 5
    for response in again:
        response.close()
