"""What a page of another origin, or of a name that was made to point here, gets without an API key: nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from okapi_install.config import Settings, SettingsError
from tests.unit.web.conftest import Api

ENV = "/_/env"
ENTRY = {"name": "a", "value": "b"}
KEY = "a-key-of-this-server"
FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
]
OWN = [
    {},
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_foreign_page_changes_nothing(api: Api, headers: dict[str, str], method: str) -> None:
    for path in (ENV, f"{ENV}/a", "/_/proxy/tenants/supertenant/modules"):
        answer = api.client.open(path, method=method, headers=headers, data=b'{"name": "a", "value": "b"}')
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "text/plain")
        assert "allowed_origins" in answer.text
    assert api.get(ENV).json == []


@pytest.mark.parametrize("headers", OWN)
def test_programs_and_pages_of_this_server_may_change_things(api: Api, headers: dict[str, str]) -> None:
    assert api.post(ENV, ENTRY, headers=headers).status_code == 201


def test_a_foreign_page_is_not_shown_what_it_reads(api: Api) -> None:
    answer = api.get(ENV, headers={"Origin": "http://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" in answer.headers["Vary"]
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "DELETE"}
    assert "Access-Control-Allow-Origin" not in api.client.options(ENV, headers=asked).headers


def test_a_listed_origin_may_read_and_change(api_with: Callable[..., Api]) -> None:
    api = api_with(allowed_origins="http://localhost:3000, https://folio.example")
    headers = {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"}
    answer = api.post(ENV, ENTRY, headers=headers)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (201, "http://localhost:3000")
    assert api.post(ENV, ENTRY, headers={"Origin": "http://localhost:3001"}).status_code == 403


def test_with_a_key_a_page_that_has_it_may_use_the_api(api_with: Callable[..., Api]) -> None:
    api = api_with(api_key=KEY)
    headers = {"Origin": "http://ui", "X-Okapi-Token": KEY, "Host": "any.example", "Sec-Fetch-Site": "cross-site"}
    answer = api.post(ENV, ENTRY, headers=headers)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (201, "http://ui")
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:9130", "app.localhost", "127.0.0.1:1", "[::1]:9130", "10.1.2.3", "okapi", "also.mine"],
)
def test_known_names_and_addresses_are_answered(api_with: Callable[..., Api], host: str) -> None:
    api = api_with(okapi_url="http://okapi:9130", allowed_hosts="also.mine")
    assert api.get(ENV, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9130", "localhost.evil.example", "127.0.0.1.nip.io", "["]
)
@pytest.mark.parametrize("path", [ENV, "/", "/metrics", "/static/page.css"])
def test_a_name_that_was_made_to_point_here_is_not_answered(api: Api, host: str, path: str) -> None:
    answer = api.get(path, headers={"Host": host})
    assert (answer.status_code, answer.text.count("allowed_hosts")) == (403, 1)
    assert api.get("/_/proxy/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("allowed_hosts", "http://a"), ("allowed_origins", "a.example"), ("trusted_proxies", "x"), ("api_key", "short")],
)
def test_a_setting_that_cannot_be_meant_is_refused(name: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=name.upper()):
        Settings.load({f"OKAPI_INSTALL_{name.upper()}": wrong})


def test_lists_are_written_with_commas_or_as_arrays() -> None:
    found = Settings.load({"OKAPI_INSTALL_TRUSTED_PROXIES": "10.0.0.0/8,::1  127.0.0.1"})
    assert found.trusted_proxies == ("10.0.0.0/8", "::1", "127.0.0.1")
    assert Settings.load(found.to_environ()) == found


def test_a_key_that_is_easy_to_guess_is_warned_of() -> None:
    assert Settings(api_key="letmein12").warnings()
    assert Settings(api_key="aaaaaaaaaaaaaaaaaaaaaaaa").warnings()
    assert not Settings(api_key="5c1f4d0e9ab7c63282f10d").warnings()
    assert not Settings().warnings()
