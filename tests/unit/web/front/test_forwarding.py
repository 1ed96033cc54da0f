"""Beside an Okapi: what is handed on to it, with which headers, and what comes back."""

from __future__ import annotations

import io
from typing import Any

import pytest
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from okapi_install.config import Settings, SettingsError
from okapi_install.service.ports import GatewayFailed, GatewayTooSlow, GatewayUnavailable
from okapi_install.web.access.login import COOKIE
from tests.fakes.fake_gateway import FakeGateway, FakePermissions, FakeResponse
from tests.unit.web.jobs_site import JobsSite

OKAPI = "http://okapi.example.org:9130"
KEY = "a-key-of-the-front"
MODULES = "/_/proxy/modules"
PREFLIGHT = {"Origin": "http://ui", "Access-Control-Request-Method": "POST"}


class Front(JobsSite):
    """A service beside an Okapi."""

    def __init__(self, **settings: object) -> None:
        self.okapi = FakeGateway()
        self.auth = FakePermissions()
        super().__init__(self.okapi, self.auth, okapi=OKAPI, **settings)

    def request(self, path: str = MODULES, method: str = "GET", **more: Any) -> TestResponse:
        return self.client.open(path, method=method, **more)


@pytest.fixture
def front() -> Front:
    return Front()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"])
def test_requests_below_the_api_that_are_not_ours_are_handed_on_with_their_method(front: Front, method: str) -> None:
    assert front.request("/_/proxy/tenants/diku/modules", method).status_code == 200
    assert front.okapi.targets == [f"{method} /_/proxy/tenants/diku/modules"]


def test_the_target_is_handed_on_as_it_was_sent(front: Front) -> None:
    sent = "/_/proxy/modules/mod%2Fa%20b?filter=a%2Bb&&full"
    front.request("/_/proxy/modules/x", environ_overrides={"RAW_URI": sent, "QUERY_STRING": sent.partition("?")[2]})
    assert front.okapi.targets == [f"GET {sent}"]


def test_what_is_ours_is_answered_here_whether_it_exists_or_not(front: Front) -> None:
    statuses = [
        front.request(path).status_code
        for path in ("/_/install/jobs", "/_/install/none", "/_/proxy/tenants/diku/install", "/", "/openapi.json")
    ]
    assert statuses == [200, 404, 200, 200, 200]
    assert front.request("/_/proxy/tenants/diku/upgrade", "DELETE").status_code == 404
    assert front.okapi.requests == []


def test_a_path_that_can_be_read_in_two_ways_is_refused(front: Front) -> None:
    for path in ("/_/proxy/tenants/diku%2Finstall", "/_/proxy/tenants/diku/modules/%2e%2e", "/_//install/jobs"):
        answer = front.request(path, environ_overrides={"RAW_URI": path})
        assert (answer.status_code, "can be read as another path" in answer.text) == (400, True), path
    assert front.okapi.requests == []


@pytest.mark.parametrize("wanted", [False, True])
def test_paths_of_modules_are_handed_on_if_the_settings_say_so(wanted: bool) -> None:
    front = Front(okapi_proxy_modules=wanted)
    statuses = [front.request("/users?limit=1", method).status_code for method in ("GET", "POST")]
    assert statuses == ([200, 200] if wanted else [404, 404])
    assert front.request("/jobs/none").status_code == 404
    assert front.okapi.targets == (["GET /users?limit=1", "POST /users?limit=1"] if wanted else [])


def test_bodies_are_handed_on_whatever_their_size_and_framing() -> None:
    front = Front(max_body_bytes=1024)
    front.request(method="POST", data=b"x" * 5000)
    chunked = {"wsgi.input": io.BytesIO(b"y" * 40_000), "wsgi.input_terminated": True}
    front.request(method="POST", headers={"Transfer-Encoding": "chunked"}, environ_overrides=chunked)
    front.request(method="DELETE", environ_overrides={"CONTENT_LENGTH": "0"})
    front.request()
    assert [(request.length, request.pieces is None) for request in front.okapi.requests] == [
        (5000, False),
        (None, False),
        (0, False),
        (None, True),
    ]
    assert front.okapi.bodies == [b"x" * 5000, b"y" * 40_000, b"", b""]


def test_headers_are_handed_on_but_for_those_of_a_connection(front: Front) -> None:
    kept = {"X-Okapi-Token": "a.b.c", "X-Okapi-Tenant": "diku", "Accept-Encoding": "br", "Cookie": "folio=1"}
    dropped = {
        "Connection": "close, X-Gone",
        "X-Gone": "1",
        "Te": "trailers",
        "Upgrade": "h2c",
        "Expect": "100-continue",
    }
    front.request(headers=kept | dropped | {"Proxy-Authorization": "Basic x", "Keep-Alive": "1"})
    sent = front.okapi.headers()
    assert {name: sent[name] for name in kept} == kept
    assert sent.keys().isdisjoint({*dropped, "Proxy-Authorization", "Keep-Alive", "Host", "Content-Length"})


def test_what_a_client_says_of_proxies_is_handed_on_only_from_a_trusted_one(front: Front) -> None:
    said = {"X-Forwarded-For": "10.1.1.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "folio.example.org"}
    more = {"X-Forwarded-Port": "443", "Forwarded": "for=1.1.1.1", "Via": "1.1 edge"}
    front.request(headers=said | more)
    sent = front.okapi.headers()
    assert sent["X-Forwarded-For"] == "10.1.1.1, 127.0.0.1"
    assert (sent["X-Forwarded-Proto"], sent["X-Forwarded-Host"]) == ("https", "folio.example.org")
    assert (sent["X-Forwarded-Port"], sent["Forwarded"]) == ("443", "for=1.1.1.1")
    assert sent["Via"].startswith("1.1 edge, 1.1 okapi-install-")
    front.okapi.requests.clear()
    front.request(headers=said | more, environ_overrides={"REMOTE_ADDR": "10.9.9.9"})
    sent = front.okapi.headers()
    assert (sent["X-Forwarded-For"], sent["X-Forwarded-Proto"]) == ("10.9.9.9", "http")
    assert sent["X-Forwarded-Host"] == "localhost"
    assert sent.keys().isdisjoint({"X-Forwarded-Port", "Forwarded"})


def test_a_request_that_comes_back_is_refused(front: Front) -> None:
    front.request()
    answer = front.request(headers={"Via": front.okapi.headers()["Via"]})
    assert (answer.status_code, "leads back here" in answer.text) == (508, True)


def test_a_response_comes_as_it_is(front: Front) -> None:
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Encoding", "gzip"),
        ("Location", "/_/proxy/modules/a"),
        ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", "b=2"),
        ("Vary", "Origin"),
        ("X-Okapi-Trace", "GET a : 200 1us"),
    ]
    gone = [("Connection", "X-Gone"), ("X-Gone", "1"), ("Transfer-Encoding", "chunked"), ("Set-Cookie", f"{COOKIE}=x")]
    front.okapi.response = FakeResponse(418, "Odd words", [*headers, *gone], [b"\x1f\x8b", b"rest"])
    answer = front.request(headers={"Accept-Encoding": "br"})
    assert (answer.status, answer.data) == ("418 Odd words", b"\x1f\x8brest")
    added = [("Content-Security-Policy", "sandbox allow-forms allow-scripts"), ("X-Content-Type-Options", "nosniff")]
    assert list(answer.headers) == headers + added
    answer.close()
    assert front.okapi.response.closed


@pytest.mark.parametrize("status", [204, 304, 302])
def test_a_response_without_a_body_keeps_its_headers(front: Front, status: int) -> None:
    front.okapi.response = FakeResponse(
        status, "R", [("ETag", '"1"'), ("Expires", "0"), ("Location", "http://else/")], ()
    )
    answer = front.request()
    assert (answer.status_code, answer.data) == (status, b"")
    assert [answer.headers[name] for name in ("ETag", "Expires", "Location")] == ['"1"', "0", "http://else/"]


def test_large_and_long_responses_are_not_compressed(front: Front) -> None:
    front.okapi.response = FakeResponse(headers=[("Content-Type", "application/json")], body=[b"x" * 9000])
    answer = front.request(headers={"Accept-Encoding": "gzip"})
    assert (answer.data, "Content-Encoding" in answer.headers) == (b"x" * 9000, False)


@pytest.mark.parametrize(
    ("problem", "status"),
    [(GatewayUnavailable("not there"), 503), (GatewayFailed("cut off"), 502), (GatewayTooSlow("silent"), 504)],
)
def test_an_okapi_that_does_not_respond_is_told_in_a_sentence(
    front: Front, problem: GatewayFailed, status: int
) -> None:
    front.okapi.problem = problem
    for _ in range(100):  # a place is given back each time
        answer = front.request()
        assert (answer.status_code, answer.text) == (status, problem.message)


def test_a_response_that_is_cut_off_ends_the_connection(front: Front) -> None:
    front.okapi.response.broken = GatewayFailed("cut off")
    with capture_logs() as logs, pytest.raises(ConnectionResetError):
        _ = front.request().data
    assert [entry["cause"] for entry in logs if entry["log_level"] == "warning"] == ["cut off"]


def test_a_body_that_ends_too_early_is_not_handed_on_as_a_whole_one(front: Front) -> None:
    answer = front.request(method="POST", environ_overrides={"CONTENT_LENGTH": "10", "wsgi.input": io.BytesIO(b"half")})
    assert answer.status_code == 408


def test_beyond_the_limit_requests_are_refused_and_ours_are_served() -> None:
    front = Front(okapi_proxy_connections=1)
    with front.request():  # not closed yet
        refused = front.request()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert "okapi_proxy_connections" in refused.text
        assert front.request("/_/install/jobs").status_code == 200
    assert front.request().status_code == 200


def test_so_many_that_no_thread_is_left_are_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="at most 100"):
        Settings(okapi_proxy_connections=101)


@pytest.mark.parametrize(
    "headers", [{"X-Okapi-Token": KEY}, {"Authorization": f"Bearer {KEY}", "X-Okapi-Token": "a.b.c"}]
)
@pytest.mark.parametrize("path", [MODULES, "/_/version", "/_/proxy/health", "/users"])
def test_the_key_is_needed_and_not_handed_on(path: str, headers: dict[str, str]) -> None:
    front = Front(api_key=KEY, okapi_proxy_modules=True)
    assert front.request(path, headers=headers).status_code == 200
    assert KEY not in str(front.okapi.headers())
    assert front.okapi.headers().get("X-Okapi-Token") in (None, "a.b.c")


@pytest.mark.parametrize("path", [MODULES, "/users"])
def test_without_the_key_nothing_is_handed_on(path: str) -> None:
    front = Front(api_key=KEY, okapi_proxy_modules=True)
    session = front.client.post("/login", data={"key": KEY}, headers={"Sec-Fetch-Site": "same-origin"})
    cookie = session.headers["Set-Cookie"].partition(";")[0]
    assert front.request("/", headers={"Cookie": cookie}).status_code == 200
    for headers in ({}, {"Cookie": cookie}, {"X-Okapi-Token": "another"}, {"Accept": "text/html"}):
        answer = front.request(path, headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert front.okapi.requests == []


def test_a_key_that_only_reads_changes_nothing_in_okapi_either() -> None:
    front = Front(api_keys="night-shift:read:a-key-that-reads", okapi_proxy_modules=True)
    reads = {"X-Okapi-Token": "a-key-that-reads"}
    assert [front.request(path, headers=reads).status_code for path in (MODULES, "/users")] == [200, 200]
    for path, method in ((MODULES, "POST"), ("/_/proxy/tenants/diku/modules/a-1.0.0", "DELETE"), ("/users", "PUT")):
        assert front.request(path, method, headers=reads).status_code == 403
    assert front.request("/_/env", headers=reads).status_code == 403
    assert front.okapi.targets == [f"GET {MODULES}", "GET /users"]


def test_the_session_of_the_page_is_not_handed_on(front: Front) -> None:
    front.request(headers={"Cookie": f"a=1; {COOKIE}=secret; folioAccessToken=x"})
    assert front.okapi.headers()["Cookie"] == "a=1; folioAccessToken=x"
    front.okapi.requests.clear()
    front.request(headers={"Cookie": f"{COOKIE}=secret"})
    assert "Cookie" not in front.okapi.headers()


def test_pages_of_other_origins_neither_change_nor_read_what_okapi_has(front: Front) -> None:
    shares = [("Access-Control-Allow-Origin", "http://ui"), ("Access-Control-Allow-Credentials", "true")]
    front.okapi.response = FakeResponse(headers=shares)
    read = front.request(headers={"Origin": "http://ui"})
    assert (read.status_code, "Access-Control-Allow-Origin" in read.headers) == (200, False)
    assert front.request(method="POST", headers={"Origin": "http://ui"}).status_code == 403
    assert front.request(headers={"Host": "rebound.example.org"}).status_code == 403
    assert len(front.okapi.requests) == 1


def test_pages_of_other_origins_neither_change_nor_read_what_modules_have() -> None:
    front = Front(okapi_proxy_modules=True)
    assert front.request("/users", "POST", headers={"Origin": "http://ui"}).status_code == 403
    assert front.okapi.requests == []


@pytest.mark.parametrize("settings", [{"allowed_origins": "http://ui"}, {"api_key": KEY}])
def test_a_preflight_is_answered_by_okapi(settings: dict[str, str]) -> None:
    front = Front(**settings)
    front.okapi.response = FakeResponse(204, "No Content", [("Access-Control-Allow-Origin", "http://ui")], ())
    answer = front.request(method="OPTIONS", headers=PREFLIGHT)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, "http://ui")
    assert front.okapi.targets == [f"OPTIONS {MODULES}"]
