"""What every request passes: the API key, the size of bodies, CORS, headers; and how errors are answered."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask import Blueprint
from structlog.testing import capture_logs

from okapi_install.domain.errors import (
    ErrorType,
    InternalError,
    ModuleCallFailed,
    OkapiInstallError,
    Provider,
    Reason,
    ReasonKind,
    StoreUnavailable,
    TooManyJobs,
    Unresolvable,
)
from okapi_install.service.jobs.installs import StillRunning
from tests.unit.service.house import House, enable
from tests.unit.web.conftest import Api

KEY = "a-key-of-the-api"
ENV = "/_/env"


def failing(api: Api, error: Exception) -> None:
    def fail() -> str:
        raise error

    routes = Blueprint("failing", __name__)
    routes.get("/_/fail")(fail)
    api.app.register_blueprint(routes)


@pytest.mark.parametrize("headers", [{"X-Okapi-Token": KEY}, {"Authorization": f"Bearer {KEY}"}])
def test_a_request_with_the_key_comes_in(api_with: Callable[..., Api], headers: dict[str, str]) -> None:
    assert api_with(api_key=KEY).get(ENV, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"X-Okapi-Token": "other"}, {"Authorization": "Basic x"}, {"X-Okapi-Token": "é"}]
)
def test_a_request_without_the_key_stays_out(api_with: Callable[..., Api], headers: dict[str, str]) -> None:
    api = api_with(api_key=KEY)
    for path in (ENV, "/", "/nosuch"):
        answer = api.get(path, headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("path", ["/_/version", "/_/proxy/health"])
def test_health_and_version_need_no_key(api_with: Callable[..., Api], path: str) -> None:
    assert api_with(api_key=KEY).get(path).status_code == 200


def test_a_large_body_is_refused_whether_its_length_is_told_or_not(api_with: Callable[..., Api]) -> None:
    api = api_with(max_body_bytes=1024)
    body = b'{"name": "' + b"x" * 2000 + b'"}'
    told = api.post(ENV, data=body)
    chunked = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
    untold = api.post(ENV, headers={"Transfer-Encoding": "chunked"}, environ_overrides=chunked)
    assert [told.status_code, untold.status_code] == [413, 413]
    assert told.headers["Content-Type"] == untold.headers["Content-Type"] == "text/plain"


def test_a_body_may_be_as_long_as_the_setting_says(api_with: Callable[..., Api]) -> None:
    entry = b'{"name": "a", "value": "b"}'
    body = entry + b" " * (1024 - len(entry))
    assert api_with(max_body_bytes=1024).post(ENV, data=body).status_code == 201


def test_pages_of_listed_origins_may_use_okapis_api(api_with: Callable[..., Api]) -> None:
    api = api_with(allowed_origins="http://ui")
    asked = {"Origin": "http://ui", "Access-Control-Request-Method": "POST"}
    preflight = api.client.options("/_/proxy/tenants", headers=asked)
    assert (preflight.status_code, preflight.data) == (204, b"")
    assert preflight.headers["Access-Control-Allow-Methods"] == "PUT,PATCH,DELETE,GET,POST"
    answer = api.get(ENV, headers={"Origin": "http://ui"})
    assert answer.headers["Access-Control-Allow-Origin"] == "http://ui"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]


def test_with_a_key_no_browser_is_told_to_send_what_it_keeps(api_with: Callable[..., Api]) -> None:
    answer = api_with(api_key=KEY).get(ENV, headers={"Origin": "http://ui", "X-Okapi-Token": KEY})
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/metrics", "/jobs/x"])
def test_what_is_no_api_is_for_its_own_pages_only(api: Api, path: str) -> None:
    answer = api.get(path, headers={"Origin": "http://ui"})
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", [ENV, "/nosuch"])
def test_every_answer_carries_the_headers_of_safety(api: Api, path: str) -> None:
    headers = api.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nosuch"), ("DELETE", "/_/proxy/tenants"), ("OPTIONS", "/_/env")]
)
def test_an_unknown_path_or_method_is_not_found(api: Api, method: str, path: str) -> None:
    answer = api.client.open(path, method=method)
    assert (answer.status_code, answer.text) == (404, "No suitable module found for path and tenant")


@pytest.mark.parametrize("path", ["/_/env/", "/_//env", "//_/env", "/_/proxy/modules/", "/_/proxy/tenants/"])
def test_a_path_is_taken_as_it_is(api: Api, path: str) -> None:
    assert api.get(path, headers={"Host": "localhost"}).status_code == 404


@pytest.mark.parametrize("path", ["/_/env/a%00b", "/_/env?x=%00", "/_/proxy/modules/%00"])
def test_the_character_nul_is_refused_everywhere(api: Api, path: str) -> None:
    assert api.get(path).status_code == 400


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoreUnavailable("away"), 503),
        (InternalError("broken"), 500),
        (TooManyJobs("full"), 429),
        (StillRunning(House().submit(*enable("d-1.0.0"))), 504),
        (ModuleCallFailed("bad", error_type=ErrorType.USER), 400),
        (ModuleCallFailed("bad", error_type=ErrorType.INTERNAL), 500),
        (OkapiInstallError("other"), 500),
    ],
)
def test_each_error_has_its_status_and_is_told_as_text(api: Api, error: OkapiInstallError, status: int) -> None:
    failing(api, error)
    answer = api.get("/_/fail")
    assert (answer.status_code, answer.text, answer.headers["Content-Type"]) == (status, error.message, "text/plain")


def test_when_the_store_is_away_a_client_is_told_to_come_again(api: Api) -> None:
    failing(api, StoreUnavailable("away"))
    assert api.get("/_/fail").headers["Retry-After"] == "2"


def test_an_unexpected_error_is_logged_under_an_id_and_shows_nothing_of_itself(api: Api) -> None:
    failing(api, ZeroDivisionError("secret"))
    with capture_logs() as lines:
        answer = api.get("/_/fail")
    ident = next(str(line["error_id"]) for line in lines if line["event"] == "unexpected error")
    assert answer.status_code == 500
    assert ident in answer.text
    assert "secret" not in answer.text
    assert "Zero" not in answer.text


def test_a_problem_document_is_for_those_who_ask_for_it(api: Api) -> None:
    reason = Reason(
        kind=ReasonKind.MISSING_INTERFACE,
        message="no ia",
        interface="ia",
        providers=(Provider(module="a", version="1"),),
    )
    failing(api, Unresolvable("interface ia not found", [reason]))
    asked = api.get("/_/fail", headers={"Accept": "application/problem+json"})
    assert asked.headers["Content-Type"] == "application/problem+json"
    assert asked.json == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "interface ia not found",
        "code": "unresolvable",
        "reasons": [
            {
                "kind": "missing_interface",
                "message": "no ia",
                "interface": "ia",
                "providers": [{"module": "a", "version": "1"}],
            }
        ],
    }
    for accepted in ("application/json, text/plain", "*/*", "application/json"):
        assert api.get("/_/fail", headers={"Accept": accepted}).text == "interface ia not found"


def test_version_and_health_are_told(api: Api) -> None:
    version = api.get("/_/version")
    assert version.headers["Content-Type"] == "text/plain"
    assert version.text.count(".") == 2
    assert api.get("/_/proxy/health").json == []
