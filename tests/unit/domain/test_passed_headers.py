"""Which headers of a client's request modules get."""

from __future__ import annotations

import pytest

from okapi_install.domain.passed_headers import can_be_sent, passed_on


@pytest.mark.parametrize(
    "name", ["X-Okapi-User-Id", "X-Okapi-Permissions", "X-Okapi-Trace", "X-Forwarded-For", "x-other", "X-"]
)
def test_headers_that_begin_with_x_are_passed_on(name: str) -> None:
    assert passed_on({name: "v"}) == {name: "v"}


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Cookie",
        "Accept",
        "Host",
        "traceparent",
        "X-Okapi-Token",
        "x-okapi-token",
        "X-Okapi-Additional-Token",
        "X-Okapi-Module-Tokens",
        "X-Okapi-Module-Permissions",
        "X-Okapi-Filter",
        "X-Okapi-Permissions-Required",
        "X-Okapi-Permissions-Desired",
        "X-Okapi-Extra-Permissions",
        "X-Okapi-Tenant",
        "X-Okapi-Url",
        "X-Okapi-Url-to",
        "X-Okapi-Module-Id",
        "X-Okapi-Install-Callback",
    ],
)
def test_what_is_between_the_client_and_the_gateway_stays_here(name: str) -> None:
    assert passed_on({name: "v"}) == {}


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-Access-Token",
        "X-Amzn-Oidc-Data",
        "X-Api-Key",
        "X-ApiKey",
        "X-Goog-Iap-Jwt-Assertion",
        "X-Session-Id",
        "X-Original-Authorization",
        "X-Original-Cookie",
        "X-Client-Secret",
        "X-User-Password",
    ],
)
def test_credentials_that_a_proxy_adds_stay_here(name: str) -> None:
    assert passed_on({name: "v"}) == {}


@pytest.mark.parametrize("value", ["", "a\r\nX-Okapi-Token: b", "a\nb", "a\x00b", "a\x7fb", "☃", "\udc80"])
def test_a_value_that_no_header_can_have_is_left_out(value: str) -> None:
    assert not can_be_sent(value)
    assert passed_on({"X-Other": value}) == {}


@pytest.mark.parametrize("value", ["a", "a b", "a\tb", "é", ";,=", "\xff"])
def test_a_value_goes_as_it_came(value: str) -> None:
    assert passed_on({"X-Other": value}) == {"X-Other": value}
