"""Metrics and callbacks across processes: the API is asked, workers have done the work."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.back_end.descriptors import bare_descriptor
from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import Embedded
from tests.fixtures.processes import PATIENCE

SECRET = "a-secret-of-this-test"
MODULE = "mod-watched-1.0.0"
Told = list[tuple[dict[str, str], bytes]]


@pytest.fixture
def receiver() -> Iterator[tuple[str, Told]]:
    """A server for callbacks, and what it was told."""
    told: Told = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append((dict(self.headers.items()), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - its name

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/ended", told
        server.shutdown()
        thread.join()


@pytest.fixture
def watched(tmp_path: Path, receiver: tuple[str, Told]) -> Iterator[Embedded]:
    """A server of its own that tells the receiver."""
    settings = {"OKAPI_INSTALL_CALLBACK_URL": receiver[0], "OKAPI_INSTALL_CALLBACK_SECRET": SECRET}
    server = Embedded(tmp_path / "watched", settings)
    with server.process:
        server.process.wait_for_line("okapi-install ready on ")
        yield server


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"never came: {what}")
        time.sleep(0.05)


def counted(server: Embedded, name: str, **labels: str) -> float:
    """The sum of the samples with those labels."""
    text = requests.get(f"{server.url}/metrics", timeout=PATIENCE).text
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples if one.name == name]
    return sum(one.value for one in samples if labels.items() <= one.labels.items())


def prepare(server: Embedded, back_end: BackEnd) -> None:
    """One module, and a tenant."""
    for path, document in (
        ("/_/proxy/modules", bare_descriptor(MODULE)),
        ("/_/discovery/modules", back_end.instance(MODULE)),
        ("/_/proxy/tenants", {"id": "watched"}),
    ):
        requests.post(server.url + path, json=document, timeout=PATIENCE).raise_for_status()


def test_what_workers_count_is_told_by_the_api_and_the_end_of_a_job_by_a_callback(
    watched: Embedded, receiver: tuple[str, Told]
) -> None:
    told = receiver[1]
    with BackEnd.start() as back_end:
        prepare(watched, back_end)
        path = f"{watched.url}/_/proxy/tenants/watched/install"
        requests.post(path, json=[{"id": MODULE}], timeout=PATIENCE).raise_for_status()
        until(lambda: counted(watched, "okapi_install_steps_total", module="mod-watched") == 1, "the count of the step")
        until(lambda: len(told) == 1, "the callback")
    headers, body = told[0]
    document = json.loads(body)
    assert (document["tenant"], document["status"]) == ("watched", "done")
    assert requests.get(document["self"], timeout=PATIENCE).json()["id"] == document["id"]
    sent = dict(part.split("=", 1) for part in headers["X-Okapi-Install-Signature"].split(","))
    wanted = hmac.new(SECRET.encode(), f"{sent['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(wanted, sent["v1"])
    until(lambda: counted(watched, "okapi_install_callbacks_total", outcome="delivered") == 1, "its count")
    assert counted(watched, "okapi_install_jobs_ended_total", outcome="done") == 1
    assert counted(watched, "okapi_install_jobs_submitted_total") == 1
    assert counted(watched, "okapi_install_workers_alive") == 2
    assert counted(watched, "okapi_install_http_requests_total", route="/_/proxy/tenants/{tenant}/install") == 1
    for path in (f"/_/proxy/tenants/watched/install/{document['id']}", "/_/proxy/tenants/watched"):
        requests.delete(watched.url + path, timeout=PATIENCE).raise_for_status()
    assert counted(watched, "okapi_install_jobs") == 0
    assert counted(watched, "okapi_install_jobs_ended_total") == 1
    watched.process.terminate()
    watched.start()
    assert counted(watched, "okapi_install_steps_total", module="mod-watched") == 1
    assert counted(watched, "okapi_install_http_requests_total", route="/_/proxy/tenants/{tenant}/install") == 1
