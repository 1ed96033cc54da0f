"""Other registries over real HTTP: what they answer, and what becomes of those that do not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from okapi_install.adapters.remote_registry import RequestsHealthProbe, RequestsRemoteRegistry
from okapi_install.domain.errors import InternalError, UserError


class Registry(ThreadingHTTPServer):
    """Answers with what it was told, and remembers the body of the last request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, body = self.server.answers.get(self.path, (404, b"no such path"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the library's)
        pass


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def nobody() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_registry_is_known_by_its_version(registry: Registry, end: str) -> None:
    registry.answers = {"/_/version": (200, b"7.0.0")}
    assert RequestsRemoteRegistry().version(registry.url + end) == "7.0.0"


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1/", "http://", "http://[::1", "http://a b/"])
def test_an_address_that_is_none_has_no_version(url: str) -> None:
    assert RequestsRemoteRegistry().version(url) is None


def test_who_refuses_or_is_away_has_no_version(registry: Registry, nobody: str) -> None:
    assert RequestsRemoteRegistry().version(registry.url) is None
    assert RequestsRemoteRegistry().version(nobody) is None


def test_descriptors_are_asked_for_without_those_known(registry: Registry) -> None:
    registry.answers = {"/_/proxy/modules?full=true": (200, b'[{"id": "b-1.0.0"}]')}
    assert RequestsRemoteRegistry().descriptors(registry.url, ["a-1.0.0"]) == [{"id": "b-1.0.0"}]
    assert json.loads(registry.asked) == ["a-1.0.0"]


def test_a_refusal_is_passed_on_in_its_own_words(registry: Registry) -> None:
    with pytest.raises(UserError, match="no such path"):
        RequestsRemoteRegistry().descriptors(registry.url, [])


@pytest.mark.parametrize("body", [b"{", b"{}", b"\xff"])
def test_what_is_no_list_is_an_error(registry: Registry, body: bytes) -> None:
    registry.answers = {"/_/proxy/modules?full=true": (200, body)}
    with pytest.raises(InternalError, match="did not answer with"):
        RequestsRemoteRegistry().descriptors(registry.url, [])


def test_who_is_away_does_not_answer(nobody: str) -> None:
    with pytest.raises(InternalError, match="does not answer: Connection refused"):
        RequestsRemoteRegistry().descriptors(nobody, [])


def test_any_answer_is_a_sign_of_life(registry: Registry, nobody: str) -> None:
    probe = RequestsHealthProbe()
    assert probe.problem(registry.url) is None
    assert probe.problem(nobody) == "Connection refused"
    assert probe.problem("nonsense") is not None
