"""Other registries over real HTTP: what they answer, and what becomes of those that do not."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from okapi_install.adapters.remote_registry import HttpHealthProbe, HttpRemoteRegistry
from okapi_install.domain.errors import InternalError, UserError
from okapi_install.service.outgoing_rules import OutgoingRules

LIST = "/_/proxy/modules?full=true"


class Registry(ThreadingHTTPServer):
    """Answers with what it was told, and remembers the body of the last request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked = b""
        self.sends: dict[str, str] = {}
        self.headers: Mapping[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, body = self.server.answers.get(self.path, (404, b"no such path"))
        self.server.headers = dict(self.headers.items())
        self.send_response(status)
        for name, value in self.server.sends.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # who has read enough closes
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the library's)
        pass


def remote(
    most_bytes: int = 1_000_000, seconds: float = 30.0, rules: OutgoingRules | None = None
) -> HttpRemoteRegistry:
    return HttpRemoteRegistry(rules or OutgoingRules(), most_bytes=most_bytes, seconds=seconds)


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
    assert remote().version(registry.url + end) == "7.0.0"


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1/", "http://", "http://[::1", "http://a b/"])
def test_an_address_that_is_none_has_no_version(url: str) -> None:
    assert remote().version(url) is None


def test_who_refuses_or_is_away_has_no_version(registry: Registry, nobody: str) -> None:
    assert remote().version(registry.url) is None
    assert remote().version(nobody) is None


def test_descriptors_are_asked_for_without_those_known(registry: Registry) -> None:
    registry.answers = {LIST: (200, b'[{"id": "b-1.0.0"}]')}
    assert remote().descriptors(registry.url, ["a-1.0.0"]) == [{"id": "b-1.0.0"}]
    assert json.loads(registry.asked) == ["a-1.0.0"]


def test_a_refusal_is_told_without_the_words_of_the_other_server(registry: Registry) -> None:
    registry.answers = {LIST: (403, b"secret of the inner network")}
    with pytest.raises(UserError, match=f"^pull: {registry.url} answered with status 403$"):
        remote().descriptors(registry.url, [])


def test_a_redirect_is_not_followed(registry: Registry) -> None:
    registry.answers = {"/_/version": (302, b""), LIST: (307, b""), "/inner": (200, b"[]")}
    registry.sends = {"Location": registry.url + "/inner"}
    assert remote().version(registry.url) is None
    with pytest.raises(UserError, match="answered with status 307"):
        remote().descriptors(registry.url, [])


def test_a_packed_list_is_unpacked(registry: Registry) -> None:
    registry.sends = {"Content-Encoding": "gzip"}
    registry.answers = {LIST: (200, gzip.compress(b'[{"id": "b-1.0.0"}, "' + b"x" * 500_000 + b'"]'))}
    assert remote().descriptors(registry.url, [])[0] == {"id": "b-1.0.0"}
    assert registry.headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("body", "packed", "words"),
    [
        (b"[" + b"[]," * 20_000_000 + b"[]]", "gzip", "the response is too large"),
        (b"[" + b"[]," * 600_000 + b"[]]", "identity", "the response is too large"),
        (b"[" + b"[]," * 300_000 + b"[]]", "gzip", "too many elements"),
        (b"[" * 200_000, "identity", "too many elements"),
        (b"[" * 50_000, "identity", "did not respond with JSON"),
        (b"[]", "br", "an encoding that was not requested"),
    ],
    ids=["packed", "plain", "many elements packed", "many elements", "deep", "another encoding"],
)
def test_what_a_registry_sends_is_bounded(registry: Registry, body: bytes, packed: str, words: str) -> None:
    registry.sends = {"Content-Encoding": packed}
    registry.answers = {LIST: (200, gzip.compress(body, 1) if packed == "gzip" else body)}
    tracemalloc.start()
    try:
        with pytest.raises(InternalError, match=words):
            remote().descriptors(registry.url, [])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000 + len(body)


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(b"[]")[:-9], gzip.compress(b"[]") * 2, gzip.compress(b"") * 9999],
    ids=["not packed", "cut off", "two files", "many empty files"],
)
def test_what_cannot_be_unpacked_as_one_file_is_an_error(registry: Registry, body: bytes) -> None:
    registry.sends = {"Content-Encoding": "gzip"}
    registry.answers = {LIST: (200, body)}
    with pytest.raises(InternalError, match="decompressed|cut off|more than one compressed file"):
        remote().descriptors(registry.url, [])


@pytest.mark.parametrize(
    "piece",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"X-Header: more\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-Trailer: more\r\n" * 1000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n[\r\n" * 1000,
    ],
    ids=["interim responses", "headers", "trailers", "chunks"],
)
@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_an_answer_without_end_is_given_up(piece: bytes, pause: float) -> None:
    """Fast it is too much, slowly it takes too long."""
    with endless(piece, pause) as url:
        start = time.monotonic()
        with pytest.raises(InternalError, match="no usable response from"):
            remote(seconds=2.0, most_bytes=10_000_000).descriptors(url, [])
        assert time.monotonic() - start < 30


def test_nothing_is_taken_from_the_environment(
    registry: Registry, nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, nobody)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    registry.answers = {"/_/version": (200, b"7.0.0"), "/hook": (200, b"")}
    assert remote().version(registry.url) == "7.0.0"
    assert "Authorization" not in registry.headers
    assert HttpHealthProbe().problem(registry.url) is None
    assert "Authorization" not in registry.headers


def test_a_password_in_the_address_is_used_and_not_told(registry: Registry) -> None:
    registry.answers = {LIST: (403, b"")}
    url = registry.url.replace("://", "://me:pass%20word@")
    with pytest.raises(UserError) as told:
        remote().descriptors(url, [])
    assert registry.headers["Authorization"] == "Basic " + base64.b64encode(b"me:pass word").decode()
    assert "pass" not in told.value.message


def test_the_own_port_of_this_machine_is_never_connected_to(registry: Registry) -> None:
    own = OutgoingRules(own_port=registry.server_address[1])
    registry.answers = {"/_/version": (200, b"7.0.0")}
    for url in (registry.url, registry.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(UserError, match="does not connect to itself"):
            remote(rules=own).version(url)
    assert registry.headers == {}


@pytest.mark.parametrize("body", [b"{", b"{}", b"\xff"])
def test_what_is_no_list_is_an_error(registry: Registry, body: bytes) -> None:
    registry.answers = {LIST: (200, body)}
    with pytest.raises(InternalError, match="did not respond with"):
        remote().descriptors(registry.url, [])


def test_who_is_away_does_not_answer(nobody: str) -> None:
    with pytest.raises(InternalError, match="no usable response from .*: Connection refused"):
        remote().descriptors(nobody, [])


@contextlib.contextmanager
def endless(piece: bytes, pause: float) -> Iterator[str]:
    """A server that sends the same again and again, to one client, until that has had enough."""

    def serve() -> None:
        client, _ = listening.accept()
        with client, contextlib.suppress(OSError):
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\n" if piece.startswith(b"X-") else piece)
            repeated = piece.partition(b"\r\n\r\n")[2] or piece
            while True:
                client.sendall(repeated)
                time.sleep(pause)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_a_health_check_is_well_with_any_2xx_or_if_there_is_none(registry: Registry, nobody: str) -> None:
    probe, path = HttpHealthProbe(), "/m/mod-a-1.0.0"
    assert probe.health_problem(registry.url + path) is None
    for status, problem in ((200, None), (204, None), (302, "302"), (401, "401"), (503, "503")):
        registry.answers = {f"{path}/admin/health": (status, b"")}
        assert probe.health_problem(f"{registry.url}{path}/") == problem
    assert probe.health_problem(nobody) == "Connection refused"
    assert probe.health_problem("nonsense") is not None


def test_an_endless_health_check_is_not_read_to_its_end() -> None:
    with endless(b"HTTP/1.1 503 Busy\r\n\r\n" + b"x" * 1000, 0.0) as url:
        assert HttpHealthProbe().health_problem(url) == "503"
    with endless(b"X-Header: 1\r\n", 0.0) as url:
        assert HttpHealthProbe().health_problem(url) is not None


def test_any_answer_is_a_sign_of_life(registry: Registry, nobody: str) -> None:
    probe = HttpHealthProbe()
    assert probe.problem(registry.url) is None
    assert probe.problem(nobody) == "Connection refused"
    assert probe.problem("nonsense") is not None
