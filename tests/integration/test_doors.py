"""The doors of real processes: keys, limits, what the log tells; and nothing that is sent breaks the server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures.back_end.descriptors import bare_descriptor
from tests.fixtures.cluster import BIN, Embedded, environ
from tests.fixtures.deployment import deployed_command
from tests.fixtures.parts import ROOT, take_port
from tests.fixtures.site import LEFT, LONE, TOP, Site, until

pytestmark = pytest.mark.xdist_group("cluster")

KEY = "a-key-for-the-doors"
FOLIO_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.signature-of-anna"
SETTINGS = {
    "OKAPI_INSTALL_API_KEY": KEY,
    "OKAPI_INSTALL_MAX_BODY_BYTES": "20000",
    "OKAPI_INSTALL_MAX_WAITING_JOBS": "2",
    "OKAPI_INSTALL_SYNC_TIMEOUT": "0.5",
    "OKAPI_INSTALL_LOG_FORMAT": "json",
}
WITH_KEY = {"X-Okapi-Token": KEY}


@pytest.fixture(scope="module")
def guarded(site: Site) -> Iterator[Site]:
    site.fresh()
    with site.aside(SETTINGS, headers=WITH_KEY) as other:
        yield other


@pytest.fixture(autouse=True)
def _a_fresh_start(request: pytest.FixtureRequest) -> None:
    if "guarded" in request.fixturenames:
        found: Site = request.getfixturevalue("guarded")
        found.fresh()


def test_without_the_key_nothing_is_told(guarded: Site) -> None:
    for headers in (
        {},
        {"X-Okapi-Token": "another"},
        {"Authorization": "Bearer another"},
        {"Authorization": "Basic x"},
    ):
        for path in ("/_/proxy/tenants", "/_/install/jobs", "/_/proxy/modules", "/metrics", "/_/nowhere"):
            answer = guarded.request("GET", path, headers=headers)
            assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (401, "Bearer"), path
    assert guarded.request("GET", "/_/proxy/health", headers={}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Okapi-Token": KEY},
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"Bearer {KEY}", "X-Okapi-Token": FOLIO_TOKEN},
    ],
)
def test_the_key_opens_and_no_module_gets_it_or_a_token(guarded: Site, headers: dict[str, str]) -> None:
    tenant = guarded.tenant()
    path = f"/_/proxy/tenants/{tenant}/install?async=true"
    answer = guarded.request("POST", path, json=[{"id": LONE}], headers=headers)
    assert answer.status_code == 201
    guarded.until_called(tenant, LONE)
    (call,) = guarded.back_end.calls(tenant=tenant)
    assert call["headers"].keys().isdisjoint({"x-okapi-token", "authorization"})
    assert KEY not in json.dumps(call)


def test_a_body_that_is_too_large_is_refused(guarded: Site) -> None:
    answer = guarded.request("POST", "/_/proxy/modules", data=b" " * 20001)
    assert answer.status_code == 413
    pieces = iter([b" " * 10000] * 3)
    assert guarded.request("POST", "/_/proxy/modules", data=pieces).status_code == 413


def test_a_tenants_queue_has_an_end(guarded: Site) -> None:
    guarded.back_end.behave(LONE, call="init", job={"never_ends": True})
    tenant = guarded.tenant()
    path = f"/_/proxy/tenants/{tenant}/install?async=true"

    def submit(module: str) -> requests.Response:
        return guarded.request("POST", path, json=[{"id": module}])

    assert submit(LONE).status_code == 201
    guarded.until_called(tenant, LONE)
    assert [submit(TOP).status_code for _ in range(2)] == [201, 201]
    refused = submit(TOP)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    guarded.back_end.finish_jobs(LONE)
    jobs = guarded.request("GET", f"/_/install/jobs?tenant={tenant}").json()["jobs"]
    assert {guarded.complete(job["id"])["status"] for job in jobs} == {"done"}


def test_a_request_that_waits_too_long_is_told_where_its_job_goes_on(guarded: Site) -> None:
    guarded.back_end.behave(LONE, call="init", job={"never_ends": True})
    tenant = guarded.tenant()
    path = f"/_/proxy/tenants/{tenant}/install"
    answer = guarded.request("POST", path, json=[{"id": LONE}])
    (job,) = guarded.request("GET", path).json()
    assert not answer.ok
    assert f"{path}/{job['id']}" in answer.text
    assert not job["complete"]
    guarded.back_end.finish_jobs(LONE)
    assert guarded.complete(job["id"])["status"] == "done"


def test_log_lines_carry_job_tenant_and_module_and_no_secret(guarded: Site) -> None:
    guarded.back_end.behave(LEFT, call="init", status=500, body="no room")
    tenant = guarded.tenant()
    headers = {"Authorization": f"Bearer {KEY}", "X-Okapi-Token": FOLIO_TOKEN}
    path = f"/_/proxy/tenants/{tenant}/install?async=true"
    answer = guarded.request("POST", path, json=[{"id": TOP}], headers=headers)
    job = answer.headers["Location"].rpartition("/")[2]
    guarded.complete(job)
    logs = [guarded.cluster.workers[0].output, guarded.cluster.apis[0].output]
    until(lambda: "job complete" in guarded.cluster.workers[0].output, "the last line")
    lines = [json.loads(line) for line in logs[0].splitlines() if line.startswith("{")]
    activations = [line for line in lines if line.get("job") == job and "ctivation of module" in line["event"]]
    assert {line["tenant"] for line in activations} == {tenant}
    assert {f"'{line['module']}'" in line["event"] for line in activations} == {True}
    assert any(
        line["level"] == "warning" and line["module"] == LEFT and "no room" in line["event"] for line in activations
    )
    for secret in (KEY, FOLIO_TOKEN, "signature-of-anna"):
        assert not any(secret in log for log in logs)


@pytest.mark.parametrize(
    "command",
    [[BIN / "okapi-install", "serve"], [BIN / "okapi-install", "api"], deployed_command("api")],
    ids=["serve", "api", "gunicorn"],
)
def test_no_way_to_start_listens_to_others_without_a_key(command: list[object], tmp_path: Path) -> None:
    settings = {
        "OKAPI_INSTALL_LISTEN": f"0.0.0.0:{take_port()}",
        "OKAPI_INSTALL_DATA": str(tmp_path / "data"),
        "OKAPI_INSTALL_BROKER_URL": "redis://127.0.0.1:1/0",
    }
    done = subprocess.run(
        [str(word) for word in command],
        env=environ(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "which others can reach, and there is no key" in done.stderr
    assert "OKAPI_INSTALL_API_KEY" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A server that need not survive as it is: what is sent may remove anything."""
    quick = {"OKAPI_INSTALL_CONNECT_RETRY_COUNT": "0"}
    server = Embedded(tmp_path_factory.mktemp("fuzzed"), quick)
    try:
        server.start()
        module = bare_descriptor("mod-fuzz-1.0.0", provides={"fuzz": "1.0"}, tenant=None)
        requests.post(f"{server.url}/_/proxy/modules", json=module, timeout=60).raise_for_status()
        yield server
    finally:
        server.process.end()


BROKEN_BODIES = (
    b"zz\r\nabc\r\n0\r\n\r\n",
    b"0x3\r\n{}\n\r\n0\r\n\r\n",
    b"3\r\n{} \n0\r\n\r\n",
    b"-1\r\n",
    b"2;a=\x01\r\n{}\r\n0\r\n\r\n",
    b"0\r\nContent-Length: 5\r\n\r\n",
)


@pytest.mark.parametrize("body", BROKEN_BODIES)
def test_a_body_in_broken_chunks_is_refused(fuzzed: Embedded, body: bytes) -> None:
    where = urlsplit(fuzzed.url)
    with socket.create_connection((where.hostname, where.port or 0), timeout=30) as connection:
        head = b"POST /_/proxy/tenants HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + body)
        with connection.makefile("rb") as answer:
            said = answer.read()
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"The body cannot be read: " in said


def test_nothing_that_is_sent_to_any_path_breaks_the_server(fuzzed: Embedded, tmp_path: Path) -> None:
    options = ["--checks", "not_a_server_error", "--max-examples", "8", "--seed", "874", "--request-timeout", "20"]
    options += ["--phases", "examples,coverage,fuzzing", "--exclude-path-regex", "/events$|/pull/", "--no-color"]
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{fuzzed.url}/openapi.json", *options]
    done = subprocess.run(
        command, cwd=tmp_path, env=environ({}), capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "unexpected error" not in fuzzed.process.output


_NAMES = ["async", "simulate", "deploy", "purge", "tenantParameters", "invoke", "depCheck", "ignoreErrors", "reinstall"]
_VALUES = st.sampled_from(["true", "false", "", "0", "3", "-1", "a=b,c", "*", "mod-fuzz", "only"]) | st.text(max_size=6)
_PARAMETERS = st.dictionaries(st.sampled_from([*_NAMES, "parallel", "preRelease", "npmSnapshot"]), _VALUES, max_size=4)
_IDS = st.sampled_from(["mod-fuzz-1.0.0", "mod-fuzz", "okapi-7.0.0", "mod-none-1.0.0"]) | st.text(max_size=8)
_CHANGE = st.fixed_dictionaries(
    {"id": _IDS},
    optional={
        "action": st.sampled_from(["enable", "disable", "uptodate", "suggest", "conflict"]) | st.text(max_size=4),
        "from": _IDS,
        "stage": st.text(max_size=4),
        "errors": st.lists(st.integers(), max_size=2),
    },
)
_ORDERS = st.lists(_CHANGE, max_size=3) | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)


@given(way=st.sampled_from(["install", "upgrade", "modules"]), parameters=_PARAMETERS, order=st.none() | _ORDERS)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_order_breaks_the_server_and_every_job_ends(
    fuzzed: Embedded, way: str, parameters: dict[str, str], order: object
) -> None:
    query = {name: value.encode("utf-8", "replace").decode() for name, value in parameters.items()}
    path = f"{fuzzed.url}/_/proxy/tenants/supertenant/{way}"
    answer = requests.post(path, params=query, json=order, timeout=60)
    assert answer.status_code < 500, (answer.url, answer.text)
    left = f"{fuzzed.url}/_/install/jobs?status="
    until(lambda: not any(requests.get(left + s, timeout=60).json()["total"] for s in ("queued", "running")), "the end")
