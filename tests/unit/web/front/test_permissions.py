"""Who may use our own paths beside an Okapi: the auth filter decides, or the API key where there is none."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from werkzeug.test import TestResponse

from okapi_install.adapters.okapi.auth_filter import AuthFilter
from okapi_install.adapters.okapi.client import OkapiClient
from okapi_install.adapters.okapi.connections import Connections
from okapi_install.adapters.okapi.gateway import HttpGateway
from okapi_install.adapters.okapi.permissions import FilterPermissions
from okapi_install.adapters.okapi.token import FixedToken
from okapi_install.service.ports import PlatformUnavailable
from okapi_install.web.front.permissions import permission_for
from tests.fakes.fake_gateway import FakeGateway, FakePermissions
from tests.fixtures.okapi_stand_in import Authtoken, OkapiStandIn
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

KEY = "a-key-of-the-front"
INSTALL = "/_/proxy/tenants/diku/install"
UI = "http://ui.example.org"


class Secured(JobsSite):
    """A service beside an Okapi whose supertenant has an auth filter. The token `anna` may install and see."""

    def __init__(self, *, secured: bool = True, **settings: Any) -> None:
        self.okapi = FakeGateway()
        may = {f"okapi.proxy.tenants.install.{what}" for what in ("post", "get", "list")}
        self.auth = FakePermissions(secured, {"anna": may})
        super().__init__(self.okapi, self.auth, okapi="http://okapi.example.org", **settings)

    def request(
        self, path: str = INSTALL, method: str = "GET", *, token: str | None = None, **more: Any
    ) -> TestResponse:
        headers = {"X-Okapi-Tenant": "supertenant", **more.pop("headers", {})}
        headers |= {} if token is None else {"X-Okapi-Token": token}
        return self.client.open(path, method=method, headers=headers, **more)

    def install(self, **more: Any) -> TestResponse:
        return self.request(f"{INSTALL}?async=true", "POST", json=[{"id": "a-1.0.0"}], **more)


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("POST", INSTALL, "install.post"),
        ("GET", INSTALL, "install.list"),
        ("HEAD", INSTALL, "install.list"),
        ("DELETE", INSTALL, "install.delete"),
        ("GET", f"{INSTALL}/id", "install.get"),
        ("DELETE", f"{INSTALL}/id", "install.delete"),
        ("POST", "/_/proxy/tenants/diku/upgrade", "upgrade.post"),
        ("GET", "/_/install/jobs", "install.list"),
        ("GET", "/_/install/jobs/id", "install.get"),
        ("GET", "/_/install/jobs/id/events", "install.get"),
        ("POST", "/_/install/jobs/id/abort", "install.delete"),
        ("POST", "/_/install/jobs/id/retry", "install.post"),
        ("POST", "/_/install/explain", "install.post"),
        ("POST", "/_/install/rollouts", "install.post"),
        ("GET", "/_/install/rollouts", "install.list"),
        ("DELETE", "/_/install/anything/else", "install.delete"),
        ("PUT", "/_/install/anything/else", "install.post"),
    ],
)
def test_each_path_needs_okapis_permission_or_that_of_what_is_most_like_it(
    method: str, path: str, permission: str
) -> None:
    assert permission_for(method, path) == f"okapi.proxy.tenants.{permission}"


@pytest.mark.parametrize("settings", [{}, {"api_key": KEY}])
def test_the_auth_filter_decides_and_its_words_are_those_of_the_response(settings: dict[str, Any]) -> None:
    site = Secured(**settings)
    answers = [site.install(), site.install(token="garbage"), site.install(token="anna")]
    assert [answer.status_code for answer in answers] == [400, 401, 201]
    assert [answer.text for answer in answers[:2]] == ["Token missing", "Invalid token"]
    job = answers[2].headers["Location"].rpartition("/")[2]
    assert site.request(f"{INSTALL}/{job}", token="anna").status_code == 200
    for path, method in ((f"{INSTALL}/{job}", "DELETE"), (f"/_/install/jobs/{job}/abort", "POST")):
        refused = site.request(path, method, token="anna")
        assert refused.status_code == 403
        assert refused.text == "Access requires permission: okapi.proxy.tenants.install.delete"
    assert site.house.installs.job(job).complete is False
    assert site.okapi.requests == []


def test_the_auth_filter_gets_what_it_gets_from_okapi() -> None:
    site = Secured()
    site.request(f"{INSTALL}/a%20b?wait=1", token="anna", headers={"X-Okapi-Request-Id": "7", "X-Custom": "1"})
    (asked,) = site.auth.requests
    assert (asked.method, asked.path, asked.tenant, asked.token) == ("GET", f"{INSTALL}/a%20b", "supertenant", "anna")
    assert asked.permission == "okapi.proxy.tenants.install.get"
    assert asked.headers["X-Okapi-Request-Id"].startswith("7;")
    assert "X-Custom" not in asked.headers
    assert "anna" not in repr(asked)


def test_a_token_may_come_as_authorization_or_cookie() -> None:
    site = Secured()
    for headers in ({"Authorization": "Bearer anna"}, {"Cookie": "folioAccessToken=anna"}):
        assert site.install(headers=headers).status_code == 201


@pytest.mark.parametrize("more", [{"Origin": UI}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_of_another_origin_cannot_use_a_users_cookie(more: dict[str, str]) -> None:
    cookie = {"Cookie": "folioAccessToken=anna"}
    site = Secured(api_key=KEY)
    answer = site.install(headers=cookie | more)
    assert (answer.status_code, "X-Okapi-Token" in answer.text) == (403, True)
    assert site.install(headers=more, token="anna").status_code == 201
    assert Secured(api_key=KEY, allowed_origins=UI).install(headers=cookie | {"Origin": UI}).status_code == 201


def test_the_api_key_is_enough_too() -> None:
    site = Secured(api_key=KEY)
    assert site.install(token=KEY).status_code == 201
    assert site.install(headers={"Authorization": f"Bearer {KEY}"}, token="garbage").status_code == 201
    assert site.auth.requests == []


def test_health_and_pages_are_not_asked_about() -> None:
    site = Secured(api_key=KEY)
    assert "workers" in site.request("/_/install/health").text
    assert site.request("/", token=KEY).status_code == 200
    for path in ("/", "/metrics", "/openapi.json"):
        assert site.request(path, token="anna").status_code == 401
    assert site.auth.requests == []


def test_what_is_handed_on_is_left_to_okapi() -> None:
    site = Secured(api_key=KEY, okapi_proxy_modules=True)
    for path in ("/_/proxy/modules", "/users"):
        assert site.request(path, "POST", token="garbage").status_code == 200
    assert site.auth.requests == []
    assert [dict(request.headers)["X-Okapi-Token"] for request in site.okapi.requests] == ["garbage", "garbage"]


def test_without_an_auth_filter_the_key_decides() -> None:
    site = Secured(secured=False, api_key=KEY)
    assert [site.install(token=token).status_code for token in ("anna", KEY)] == [401, 201]
    assert site.auth.requests == []
    assert Secured(secured=False).install().status_code == 201


def test_wrong_keys_are_counted_although_the_auth_filter_decides() -> None:
    site = Secured(api_key=KEY)
    answers = [site.install(token=f"guess-{number}") for number in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2


def test_nothing_is_open_while_it_is_not_known_who_decides() -> None:
    site = Secured()
    site.auth.problem = PlatformUnavailable("Okapi does not respond")
    answer = site.install(token="anna")
    assert (answer.status_code, answer.text) == (503, "Okapi does not respond")
    assert site.house.store.jobs_of("diku") == []


def test_with_a_real_auth_filter_and_connection_each_path_is_decided_where_it_belongs(
    stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    stand_in.secure(authtoken.url)
    with closing(Connections(4)) as connections, closing(gateway_to(stand_in)) as gateway:
        found = AuthFilter(authtoken.url, OkapiClient(stand_in.url, FixedToken(None), connections, timeout=30.0))
        permissions = FilterPermissions(stand_in.url, found.address, connections)
        client = JobsSite(gateway, permissions, okapi=stand_in.url, api_key=KEY).client
        token = authtoken.token("okapi.proxy.tenants.list", "okapi.proxy.tenants.install.list")
        headers = {"X-Okapi-Tenant": "supertenant", "X-Okapi-Token": token}
        paths = ("/_/proxy/tenants", "/_/proxy/modules", "/_/install/jobs", "/_/install/jobs/none")
        answers = [client.get(path, headers=headers, buffered=True) for path in paths]
        assert [answer.status_code for answer in answers] == [200, 403, 200, 403]
        assert [answer.text.rpartition(" ")[2] for answer in (answers[1], answers[3])] == [
            "okapi.proxy.modules.list",
            "okapi.proxy.tenants.install.get",
        ]
        assert [client.get(path, buffered=True).status_code for path in paths] == [400] * 4


def gateway_to(okapi: OkapiStandIn) -> HttpGateway:
    return HttpGateway(okapi.url, connect=30.0, idle=30.0, spare=1)


def test_a_retry_needs_the_permission_to_install() -> None:
    site = Secured()
    job = site.house.submit(*enable("d-1.0.0"))
    site.auth.tokens["bob"] = {"okapi.proxy.tenants.install.get"}
    assert site.request(f"/_/install/jobs/{job.id}", token="bob").status_code == 200
    assert site.request(f"/_/install/jobs/{job.id}/retry", "POST", token="bob").status_code == 403
