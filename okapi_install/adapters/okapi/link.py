"""What connects this process to the Okapi beside it: a client with our token, and the supertenant's auth filter."""

from __future__ import annotations

from dataclasses import dataclass

from okapi_install.adapters.okapi.auth_filter import AuthFilter
from okapi_install.adapters.okapi.client import OkapiClient
from okapi_install.adapters.okapi.connections import Connections
from okapi_install.adapters.okapi.token import FilterToken, FixedToken, TokenSource
from okapi_install.service.metrics import Meters
from okapi_install.service.ports import PlatformForbids, PlatformUnavailable

_MOST_CALLS = 32
_HEALTH_SECONDS = 0.6
_NO_TOKEN = FixedToken(None)


@dataclass(frozen=True, kw_only=True)
class OkapiLink:
    """`connections` is for calls of the auth filter too; `client` calls Okapi as the supertenant, with our token."""

    client: OkapiClient
    auth_filter: AuthFilter
    connections: Connections
    health: OkapiClient

    @classmethod
    def to(
        cls, url: str, *, token: str | None, auth_url: str | None, timeout: float, meters: Meters | None = None
    ) -> OkapiLink:
        """The link to the Okapi at that URL. It connects on the first call."""
        connections = Connections(_MOST_CALLS)
        given = FixedToken(token)
        auth_filter = AuthFilter(auth_url, OkapiClient(url, given, connections, timeout=timeout, meters=meters))
        tokens: TokenSource = given if token else FilterToken(url, auth_filter.address, connections)
        return cls(
            client=OkapiClient(url, tokens, connections, timeout=timeout, meters=meters),
            auth_filter=auth_filter,
            connections=connections,
            health=OkapiClient(url, _NO_TOKEN, Connections(1), timeout=_HEALTH_SECONDS),
        )

    def problem(self) -> str | None:
        """What is wrong with Okapi, for the health check; None if it responds, be it with a refusal."""
        try:
            self.health.call("GET", "/_/proxy/health")
        except PlatformForbids:
            return None
        except PlatformUnavailable:
            return "The Okapi beside this service does not respond"
        return None

    def close(self) -> None:
        """Closes the idle connections."""
        self.connections.close()
        self.health.close()
