"""Clients that connect and then keep the server waiting: real processes, and hundreds of connections."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests

from okapi_install.web.connections.arrivals import HEAD_SECONDS, MOST_LINE
from tests.fixtures.back_end.descriptors import bare_descriptor
from tests.fixtures.cluster import Embedded

pytestmark = pytest.mark.xdist_group("cluster")

MANY = 420
HEAD = b"GET /_/proxy/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = b"POST /_/env HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{"
AFTER_ANOTHER = HEAD + b"\r\n" + HEAD
LARGE = BODY.replace(b": 50", b": 500000")
CHUNKED = b"POST /_/env HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"
UNREAD = b"GET /_/proxy/health HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500000\r\n\r\n{"


@contextmanager
def connections(server: Embedded, sent: bytes, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as opened:
        found = []
        for _ in range(count):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            connection.sendall(sent)
            found.append(connection)
        yield found


def seconds_of(request: Callable[[], requests.Response]) -> float:
    began = time.monotonic()
    assert request().status_code < 300
    return time.monotonic() - began


def check_prompt(server: Embedded) -> None:
    """Health and abort: most answer within a second, and none takes long, though the machine may be busy."""
    health, jobs = f"{server.url}/_/install/health", f"{server.url}/_/proxy/tenants/supertenant/install"
    took = []
    for _ in range(10):
        took.append(seconds_of(lambda: requests.get(health, timeout=60)))
        took.append(seconds_of(lambda: requests.delete(jobs, timeout=60)))
        time.sleep(0.1)
    took.sort()
    assert took[len(took) // 2] < 1, took
    assert took[-1] < 5, took


@pytest.mark.parametrize("sent", [HEAD, BODY, AFTER_ANOTHER, UNREAD, LARGE, CHUNKED])
def test_half_requests_keep_nobody_waiting(embedded: Embedded, sent: bytes) -> None:
    with connections(embedded, sent, MANY):
        check_prompt(embedded)


def test_event_streams_without_end_leave_threads_for_others(embedded: Embedded) -> None:
    module = bare_descriptor("mod-streams-1.0.0", provides={}, tenant="1.0")
    requests.post(f"{embedded.url}/_/proxy/modules", json=module, timeout=60).raise_for_status()
    requests.post(f"{embedded.url}/_/proxy/tenants", json={"id": "streams"}, timeout=60).raise_for_status()
    install = f"{embedded.url}/_/proxy/tenants/streams/install"
    started = requests.post(f"{install}?async=true", json=[{"id": "mod-streams-1.0.0"}], timeout=60)
    job = started.headers["Location"].rpartition("/")[2]
    ask = f"GET /_/install/jobs/{job}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    page = "GET /page/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with connections(embedded, page.encode(), MANY - 10) as opened:
        statuses = [connection.recv(12) for connection in opened]
        assert set(statuses) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        assert statuses.count(b"HTTP/1.1 200") == 300
        check_prompt(embedded)
        with connections(embedded, ask.encode(), 1) as (connection,):
            answer = connection.recv(4000)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 2" in answer
        requests.delete(f"{install}/{job}", timeout=60).raise_for_status()


def test_half_a_request_is_refused_when_its_time_is_up(embedded: Embedded) -> None:
    with connections(embedded, HEAD, 3) as opened:
        began = time.monotonic()
        for connection in opened:
            answer = connection.makefile("rb").read()
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"text/plain" in answer
        assert HEAD_SECONDS - 1 < time.monotonic() - began < HEAD_SECONDS + 30


def test_who_does_not_close_after_the_answer_keeps_nobody_waiting(embedded: Embedded) -> None:
    with connections(embedded, HEAD + b"Connection: close\r\n\r\n", 100):
        check_prompt(embedded)


def test_a_line_of_8192_bytes_and_200_header_fields_are_taken(embedded: Embedded) -> None:
    path = "/_/proxy/health?a="
    path += "x" * (MOST_LINE - len(f"GET {path} HTTP/1.1"))
    fields = "".join(f"X-{number}: y\r\n" for number in range(198))
    for target, more, status in ((path, fields, b"200"), (path + "x", "", b"414"), ("/", "A: b\r\n" * 201, b"431")):
        head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{more}\r\n"
        with connections(embedded, head.encode(), 1) as (connection,):
            answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 " + status), answer
        assert b"<html" not in answer


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "Script-Name", "PATH_INFO", "X-Forwarded-Prefix", "X-Forwarded-Ssl"])
def test_no_header_of_a_proxy_changes_the_path_or_the_scheme(embedded: Embedded, name: str) -> None:
    answer = requests.get(f"{embedded.url}/_/proxy/health", headers={name: "/x"}, timeout=60)
    assert (answer.status_code, answer.text) == (200, "[]")


def test_contradicting_headers_of_proxies_are_no_error(embedded: Embedded) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off", "X-Forwarded-Protocol": "ssl"}
    assert requests.get(f"{embedded.url}/_/proxy/health", headers=headers, timeout=60).status_code == 200


def test_a_large_body_is_taken_as_before(embedded: Embedded) -> None:
    modules = [bare_descriptor(f"mod-large-{n}.0.0", provides={}, tenant=None) for n in range(2000)]
    assert len(str(modules)) > 100_000
    answer = requests.post(f"{embedded.url}/_/proxy/import/modules", json=modules, timeout=60)
    assert answer.status_code == 204, answer.text
