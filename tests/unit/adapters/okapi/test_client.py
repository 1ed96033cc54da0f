"""Requests to the Okapi beside the service: our token, its refusals, and connections that break."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from okapi_install.adapters.okapi.auth_filter import AuthFilter
from okapi_install.adapters.okapi.client import OkapiClient, path_of
from okapi_install.adapters.okapi.connections import Connections
from okapi_install.adapters.okapi.token import PERMISSIONS, FilterToken, FixedToken, TokenSource
from okapi_install.service.ports import PlatformForbids, PlatformUnavailable
from tests.fixtures.okapi_stand_in import Authtoken, OkapiStandIn
from tests.fixtures.okapi_stand_in.authtoken import DESCRIPTOR

TENANTS = "/_/proxy/tenants"


@dataclass(frozen=True)
class Clients:
    """Clients of one Okapi over one pool of connections."""

    okapi: OkapiStandIn
    pool: Connections

    def bare(self, tokens: TokenSource | None = None, timeout: float = 30.0) -> OkapiClient:
        """One without a token, unless there is a source of them."""
        return OkapiClient(self.okapi.url, tokens or FixedToken(None), self.pool, timeout=timeout)

    def tokens(self, filter_url: str) -> FilterToken:
        """The tokens of the auth filter at that address."""
        return FilterToken(self.okapi.url, lambda: filter_url, self.pool)

    def with_filter(self, address: str | None) -> OkapiClient:
        """One that gets its token from the auth filter at that address, or looks the address up."""
        found = AuthFilter(address, self.bare())
        return self.bare(FilterToken(self.okapi.url, found.address, self.pool))


@pytest.fixture
def clients(stand_in: OkapiStandIn) -> Iterator[Clients]:
    """Clients of the stand-in."""
    pool = Connections(8)
    yield Clients(stand_in, pool)
    pool.close()


def test_an_open_okapi_is_called_without_a_token_as_its_supertenant(clients: Clients, stand_in: OkapiStandIn) -> None:
    assert clients.bare().json("GET", TENANTS) == [{"id": "supertenant", "name": "supertenant"}]
    (sent,) = stand_in.requests
    assert "x-okapi-token" not in sent.headers
    assert sent.headers["x-okapi-tenant"] == "supertenant"


def test_ids_of_others_are_quoted_in_paths() -> None:
    assert path_of("_", "proxy", "tenants", "a/../b?c") == "/_/proxy/tenants/a%2F..%2Fb%3Fc"


def test_a_secured_okapi_is_called_with_a_token_of_its_auth_filter(
    clients: Clients, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    stand_in.secure(authtoken.url)
    okapi = clients.with_filter(authtoken.url)
    assert okapi.json("GET", TENANTS)
    assert okapi.json("GET", TENANTS)
    assert authtoken.issued() == 1
    assert len(stand_in.requests) == 3


def test_the_token_has_the_permissions_that_the_service_needs(
    clients: Clients, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    stand_in.secure(authtoken.url)
    clients.with_filter(authtoken.url).json("GET", TENANTS)
    granted = [permissions for tenant, permissions in authtoken.tokens.values() if permissions]
    assert granted == [frozenset(PERMISSIONS)]


def test_a_token_that_is_refused_is_renewed_once(
    clients: Clients, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    stand_in.secure(authtoken.url)
    okapi = clients.with_filter(authtoken.url)
    okapi.json("GET", TENANTS)
    authtoken.tokens.clear()
    assert okapi.json("GET", TENANTS)
    assert authtoken.issued() == 2


def test_a_missing_permission_is_named_after_one_new_token(
    clients: Clients, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    authtoken.withheld.add("okapi.proxy.tenants.list")
    stand_in.secure(authtoken.url)
    okapi = clients.with_filter(authtoken.url)
    with pytest.raises(PlatformForbids, match=r"the token needs the permission okapi\.proxy\.tenants\.list$"):
        okapi.json("GET", TENANTS)
    assert authtoken.issued() == 1


def test_the_token_of_the_settings_is_sent_and_not_renewed(
    clients: Clients, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    stand_in.secure(authtoken.url)
    fixed = authtoken.token(*PERMISSIONS)
    okapi = clients.bare(FixedToken(fixed))
    assert okapi.json("GET", TENANTS)
    authtoken.tokens.clear()
    with pytest.raises(PlatformForbids, match=r"401: Invalid token"):
        okapi.json("GET", TENANTS)
    assert authtoken.issued() == 0


def test_a_secured_okapi_without_a_way_to_a_token_says_what_to_set(
    clients: Clients, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    stand_in.secure(authtoken.url)
    with pytest.raises(PlatformForbids, match=r"requires a token .*Set okapi_auth_url .*or set okapi_token$"):
        clients.with_filter(None).json("GET", TENANTS)


def test_an_okapi_that_is_secured_later_is_called_with_a_token_then(
    clients: Clients, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    found = AuthFilter(None, clients.bare())
    assert found.address() is None
    tokens = clients.tokens(authtoken.url)
    okapi = clients.bare(tokens)
    assert okapi.json("GET", TENANTS)
    assert tokens.current() is None
    stand_in.secure(authtoken.url)
    assert okapi.json("GET", TENANTS)
    assert tokens.current() in authtoken.tokens


def test_an_auth_filter_that_gives_no_token_is_unavailable(
    clients: Clients, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    stand_in.secure(authtoken.url)
    okapi = clients.with_filter(stand_in.url + "/nowhere")
    with pytest.raises(PlatformUnavailable, match="returns no token for calls of Okapi: 404"):
        okapi.json("GET", TENANTS)


def test_no_token_is_logged_or_shown(
    clients: Clients,
    stand_in: OkapiStandIn,
    authtoken: Authtoken,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    stand_in.secure(authtoken.url)
    tokens = clients.tokens(authtoken.url)
    clients.bare(tokens).json("GET", TENANTS)
    shown = caplog.text + "".join(capsys.readouterr()) + repr(vars(clients.bare(FixedToken("t-geheim"))))
    assert tokens.current() not in (None, *shown.split())
    assert "t-geheim" not in shown


def test_the_auth_filter_is_looked_up_in_what_the_supertenant_has_enabled(
    clients: Clients, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    stand_in.secure(authtoken.url)
    token = FixedToken(authtoken.token(*PERMISSIONS))
    assert AuthFilter(None, clients.bare(token)).address() == authtoken.url


def test_an_auth_filter_without_an_instance_is_not_taken_for_none(clients: Clients, stand_in: OkapiStandIn) -> None:
    stand_in.state.add_modules([DESCRIPTOR])
    stand_in.state.change("supertenant", came=[DESCRIPTOR["id"]])
    with pytest.raises(PlatformUnavailable, match=re.escape(DESCRIPTOR["id"])):
        AuthFilter(None, clients.bare()).address()


def test_an_auth_filter_that_okapi_does_not_tell_is_not_taken_for_none(
    clients: Clients, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    stand_in.secure(authtoken.url)
    with pytest.raises(PlatformForbids):
        AuthFilter(None, clients.bare()).address()


def test_other_errors_than_refusals_of_the_token_are_responses(clients: Clients, stand_in: OkapiStandIn) -> None:
    assert clients.bare().call("GET", TENANTS + "/nobody").words == "404: nobody"


def test_an_okapi_that_fails_may_be_tried_again(clients: Clients, stand_in: OkapiStandIn) -> None:
    stand_in.state.put_tenant({"id": "diku"})
    stand_in.state.flaws.failures = 1
    with pytest.raises(PlatformUnavailable, match="500: it failed"):
        clients.bare().call("POST", TENANTS + "/diku/modules", {"id": "okapi"})


def test_an_okapi_that_does_not_listen_is_unavailable(clients: Clients, stand_in: OkapiStandIn) -> None:
    stand_in.stop()
    try:
        with pytest.raises(PlatformUnavailable, match="Connection refused$"):
            clients.bare().json("GET", TENANTS)
    finally:
        stand_in.start()


def test_a_slow_okapi_is_unavailable_after_the_timeout(clients: Clients, stand_in: OkapiStandIn) -> None:
    stand_in.state.flaws.slow = 0.5
    with pytest.raises(PlatformUnavailable, match="no response in time$"):
        clients.bare(timeout=0.05).json("GET", TENANTS)
