"""Registries and callbacks that clients name, met by a whole service: what it reads, where it goes, what it takes."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.fixtures.cluster import Embedded
from tests.fixtures.health_watch import healthy_throughout
from tests.fixtures.parts import take_port
from tests.fixtures.site import until

BOMB = gzip.compress(b"[" + b"[]," * 21_000_000 + b"[]]", 9)
HANDLERS = [{"methods": ["POST", "DELETE"], "pathPattern": "/_/tenant"}]
NOWHERE = {
    "id": "mod-x-1.0.0",
    "provides": [{"id": "_tenant", "version": "2.0", "interfaceType": "system", "handlers": HANDLERS}],
}
"""A module without an instance: each install fails."""
DESCRIPTOR = b'[{"id": "mod-far-1.0.0", "provides": [], "requires": []}]'


class Registry(BaseHTTPRequestHandler):
    """Another registry: all that it has, packed, and what it was sent."""

    packed = BOMB
    seen: list[dict[str, str]]

    def do_GET(self) -> None:
        self.seen.append(dict(self.headers.items()))
        body = b"7.0.0" if self.path == "/_/version" else self.packed
        self.send_response(200)
        if self.path != "/_/version":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - its name


@contextmanager
def registry(packed: bytes) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """One on a free port: its address, and the headers of the requests that it gets."""
    seen: list[dict[str, str]] = []
    handler = type("Handler", (Registry,), {"packed": packed, "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()
        thread.join()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Embedded]:
    """A service in an environment with a proxy that does not answer, and with stored passwords."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n", encoding="utf-8")
    nowhere = f"http://127.0.0.1:{take_port()}"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"), nowhere)
    found = Embedded(tmp_path, {**proxies, "HOME": str(tmp_path), "NETRC": str(tmp_path / ".netrc"), "no_proxy": ""})
    try:
        yield found.start()
    finally:
        found.process.end()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as found:
        found.trust_env = False
        yield found


def memory(service: Embedded) -> int:
    """Bytes of all processes of the service."""
    total = 0
    for process in service.process.descendants():
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


def test_a_hostile_registry_costs_little_memory_and_few_lines(service: Embedded, session: requests.Session) -> None:
    before, lines = memory(service), len(service.process.output.splitlines())
    peaks, slowest, over = [before], [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            start = time.monotonic()
            requests.get(f"{service.url}/_/install/jobs", timeout=60, proxies={"http": ""}).raise_for_status()
            slowest.append(time.monotonic() - start)
            peaks.append(memory(service))

    watcher = threading.Thread(target=watch)
    with registry(BOMB) as (url, _), healthy_throughout(service.url):
        watcher.start()
        answer = session.post(f"{service.url}/_/proxy/pull/modules", json={"urls": [url]}, timeout=120)
        over.set()
        watcher.join()
    assert (answer.status_code, answer.text) == (500, f"pull: {url} sent a list with too many elements")
    assert max(peaks) - before < 400_000_000
    assert len(service.process.output.splitlines()) - lines < 10
    assert max(slowest) < 10


def test_nothing_is_taken_from_the_environment(service: Embedded, session: requests.Session) -> None:
    """That it is ready at all tells that its own probe does not ask the proxy."""
    with registry(gzip.compress(DESCRIPTOR)) as (url, seen):
        pulled = session.post(f"{service.url}/_/proxy/pull/modules", json={"urls": [url]}, timeout=60)
        assert pulled.json() == [{"id": "mod-far-1.0.0"}]
        instance = {"srvcId": "mod-far-1.0.0", "instId": "far", "url": url}
        session.post(f"{service.url}/_/discovery/modules", json=instance, timeout=60).raise_for_status()
        health = session.get(f"{service.url}/_/discovery/health/mod-far-1.0.0", timeout=60).json()
        assert [one["healthStatus"] for one in health] == [True]
    assert len(seen) == 3
    assert not any("Authorization" in headers for headers in seen)


def test_a_callback_cannot_retry_another_job(service: Embedded, session: requests.Session) -> None:
    def install(tenant: str, headers: dict[str, str]) -> str:
        path = f"{service.url}/_/proxy/tenants"
        session.post(path, json={"id": tenant}, timeout=60).raise_for_status()
        wanted = [{"id": "mod-x-1.0.0", "action": "enable"}]
        made = session.post(f"{path}/{tenant}/install?async=true", json=wanted, headers=headers, timeout=60)
        return made.headers["Location"].rsplit("/", 1)[1]

    def job(ident: str) -> dict[str, Any]:
        found: dict[str, Any] = session.get(f"{service.url}/_/install/jobs/{ident}", timeout=60).json()
        return found

    session.post(f"{service.url}/_/proxy/modules", json=NOWHERE, timeout=60).raise_for_status()
    failed = install("one", {})
    until(lambda: job(failed)["status"] == "error", "the failure")
    retry = f"{service.url}/_/install/jobs/{failed}/retry"
    telling = install("two", {"X-Okapi-Install-Callback": retry})
    until(lambda: job(telling)["complete"], "the end")
    until(lambda: "does not connect to itself" in service.process.output, "the refused callback")
    assert job(failed)["retries"] == 0
    forged = session.post(retry, headers={"X-Okapi-Install-Delivery": f"{telling}.0"}, timeout=60)
    assert forged.status_code == 400
    assert "callback of okapi-install to okapi-install itself" in forged.text
    assert job(failed)["retries"] == 0
