"""The auth filter of the supertenant is asked as Okapi does, and found again when it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from okapi_install.adapters.okapi import permissions as permissions_module
from okapi_install.adapters.okapi.connections import Connections
from okapi_install.adapters.okapi.permissions import FilterPermissions
from okapi_install.service.ports import PermissionRequest, PlatformForbids, PlatformUnavailable
from tests.fixtures.okapi_stand_in import Authtoken
from tests.fixtures.parts import take_port

POST = "okapi.proxy.tenants.install.post"
PATH = "/_/proxy/tenants/diku/install"


class Finder:
    """Where the filter is, or why that is not known."""

    def __init__(self, found: str | Exception | None) -> None:
        self.found = found
        self.calls = 0

    def __call__(self) -> str | None:
        self.calls += 1
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


Make = Callable[[Finder], FilterPermissions]


@pytest.fixture
def make() -> Iterator[Make]:
    with closing(Connections(4)) as connections:
        yield lambda finder: FilterPermissions("http://okapi:9130", finder, connections)


@pytest.fixture
def _never_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions_module, "_FRESH", 0.0)
    monkeypatch.setattr(permissions_module, "_PAUSE", 0.0)


def question(token: str | None, tenant: str = "supertenant") -> PermissionRequest:
    return PermissionRequest(
        method="POST", path=PATH, permission=POST, tenant=tenant, token=token, headers={"X-Okapi-Request-Id": "1"}
    )


def test_refusals_come_in_the_words_of_the_filter(make: Make, authtoken: Authtoken) -> None:
    permissions = make(Finder(authtoken.url + "/"))
    tokens = (None, "garbage", authtoken.token("other"), authtoken.token(POST, tenant="diku"))
    refusals = [permissions.refusal(question(token)) for token in tokens]
    assert [refusal.status for refusal in refusals if refusal is not None] == [400, 401, 403, 403]
    assert refusals[2] is not None
    assert refusals[2].body == f"Access for user requires permission: {POST}".encode()
    assert permissions.refusal(question(authtoken.token(POST))) is None
    assert permissions.decides()


def test_the_filter_gets_the_headers_that_okapi_sends(make: Make, authtoken: Authtoken) -> None:
    token = authtoken.token(POST)
    make(Finder(authtoken.url)).refusal(question(token))
    ((method, path, headers),) = authtoken.requests
    assert (method, path) == ("POST", PATH)
    assert (
        headers
        | {
            "x-okapi-token": token,
            "x-okapi-tenant": "supertenant",
            "x-okapi-url": "http://okapi:9130",
            "x-okapi-filter": "auth",
            "x-okapi-permissions-required": POST,
            "x-okapi-module-permissions": "{}",
            "x-okapi-request-id": "1",
        }
        == headers
    )


def test_a_permission_that_was_withdrawn_is_gone_at_once(make: Make, authtoken: Authtoken) -> None:
    permissions, token = make(Finder(authtoken.url)), authtoken.token(POST)
    assert permissions.refusal(question(token)) is None
    del authtoken.tokens[token]
    assert permissions.refusal(question(token)) is not None


def test_without_a_filter_everything_is_permitted(make: Make) -> None:
    permissions = make(Finder(None))
    assert not permissions.decides()
    assert permissions.refusal(question(None)) is None


def test_the_address_is_looked_up_once_for_many_requests(make: Make, authtoken: Authtoken) -> None:
    finder = Finder(authtoken.url)
    permissions = make(finder)
    for _ in range(5):
        assert permissions.decides()
        permissions.refusal(question(None))
    assert finder.calls == 1


@pytest.mark.usefixtures("_never_fresh")
def test_an_okapi_that_is_secured_later_is_noticed(make: Make, authtoken: Authtoken) -> None:
    finder = Finder(None)
    permissions = make(finder)
    assert not permissions.decides()
    finder.found = authtoken.url
    assert permissions.decides()
    assert permissions.refusal(question(None)) is not None


@pytest.mark.usefixtures("_never_fresh")
def test_while_okapi_does_not_respond_what_is_known_holds(make: Make, authtoken: Authtoken) -> None:
    finder = Finder(authtoken.url)
    permissions = make(finder)
    assert permissions.decides()
    finder.found = PlatformUnavailable("no response")
    assert permissions.refusal(question(authtoken.token(POST))) is None
    assert permissions.refusal(question(None)) is not None


def test_what_was_never_known_opens_nothing(make: Make) -> None:
    permissions = make(Finder(PlatformUnavailable("no response")))
    with pytest.raises(PlatformUnavailable):
        permissions.decides()
    with pytest.raises(PlatformUnavailable):
        permissions.refusal(question("t"))


def test_many_requests_at_once_do_not_all_look_for_what_cannot_be_found(make: Make) -> None:
    finder = Finder(PlatformUnavailable("no response"))
    permissions = make(finder)
    for _ in range(5):
        with pytest.raises(PlatformUnavailable, match="no response"):
            permissions.decides()
    assert finder.calls == 1


@pytest.mark.usefixtures("_never_fresh")
def test_what_can_be_found_later_is_found(make: Make, authtoken: Authtoken) -> None:
    finder = Finder(PlatformForbids("set okapi_auth_url"))
    permissions = make(finder)
    with pytest.raises(PlatformForbids):
        permissions.refusal(question("t"))
    finder.found = authtoken.url
    assert permissions.refusal(question(authtoken.token(POST))) is None


def test_an_okapi_that_requires_a_token_of_us_has_a_filter_that_is_not_known(make: Make) -> None:
    permissions = make(Finder(PlatformForbids("set okapi_auth_url")))
    assert permissions.decides()
    with pytest.raises(PlatformForbids, match="okapi_auth_url"):
        permissions.refusal(question("t"))


def test_a_filter_that_does_not_respond_opens_nothing(make: Make) -> None:
    permissions = make(Finder(f"http://127.0.0.1:{take_port()}"))
    with pytest.raises(PlatformUnavailable, match="Connection refused"):
        permissions.refusal(question("t"))
