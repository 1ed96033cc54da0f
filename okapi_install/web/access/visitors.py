"""Protection of a server without an API key against requests that foreign pages make a browser send.

Without a key, any page in a browser on this machine or in its network could send requests. So the server responds only
to known host names (a page can make its own name resolve to this server), and changes nothing for other origins. With a
key this is not needed: a page does not have the key, and no cookie is valid for the API.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from okapi_install.config import Settings

_FOREIGN = frozenset({"cross-site", "same-site"})


class Headers(Protocol):
    """Headers with case-insensitive names."""

    def get(self, name: str, /) -> str | None:
        """The value, or None."""


class Visitors:
    """The rules of one server, from its settings."""

    def __init__(self, settings: Settings) -> None:
        self._open = not settings.keys
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.allowed_origins or ())
        public = urlsplit(settings.public_url).hostname or ""
        own = ("localhost", settings.host, public, socket.gethostname())
        self._names = frozenset(name.lower() for name in (*own, *(settings.allowed_hosts or ())))

    def knows_host(self, host: str | None) -> bool:
        """Whether a request with that Host header is allowed. IP addresses are: a page cannot own one as a name."""
        if not self._open or not host:
            return True
        name = _name_of(host)
        return name is not None and (name in self._names or name.endswith(".localhost") or _is_address(name))

    def may_change(self, headers: Headers, host: str) -> bool:
        """Whether a request with those headers may change something, also one that is sent without a key."""
        return not self._open or self.is_not_foreign(headers, host)

    def is_not_foreign(self, headers: Headers, host: str) -> bool:
        """Whether no page of an unknown origin has made the request. Only browsers send an Origin."""
        origin = headers.get("Origin")
        if origin is None:
            return headers.get("Sec-Fetch-Site") not in _FOREIGN
        return self._is_own(origin, host) or self._is_listed(origin)

    def may_read(self, origin: str, host: str) -> bool:
        """Whether a browser may show a response to a page of that origin."""
        return not self._open or self._is_own(origin, host) or self._is_listed(origin)

    def _is_listed(self, origin: str) -> bool:
        return origin.lower() in self._origins

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            return urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:
            return False


def _name_of(host: str) -> str | None:
    """A Host header without its port; None if it is invalid."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".") or None
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def networks(listed: Sequence[str]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Addresses and networks from the settings, which have been validated."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in listed)
