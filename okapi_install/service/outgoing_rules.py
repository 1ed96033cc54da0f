"""Which hosts and addresses this service connects to on behalf of a client, and never to itself.

Clients name registries to pull from and addresses for callbacks, so these connections are restricted. Connections to
modules are not: their addresses are registered in the discovery.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from okapi_install.domain import messages
from okapi_install.domain.errors import UserError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = frozenset({"fd00:ec2::254", "100.100.100.200", "192.0.0.192"})
"""Metadata services of clouds, which reveal a machine's secrets, at other than link-local addresses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingRules:
    """Which connections are allowed.

    `hosts` are the allowed ones, `*.example.org` for all below a domain; None allows any. `own_port` is where this
    service listens.
    """

    hosts: Collection[str] | None = None
    own_port: int | None = None

    def check_url(self, url: str) -> None:
        """Raises UserError if the host of the URL is not allowed."""
        host = (urlsplit(url).hostname or "").rstrip(".")
        if self.hosts is not None and not any(_matches(host, allowed) for allowed in self.hosts):
            raise UserError(messages.host_not_listed(host))
        address = _address(host)
        if address is not None:
            self.check_address(host, address)

    def check_address(self, host: str, address: IpAddress) -> None:
        """Raises UserError for an address that no remote service has: link-local, multicast, unspecified."""
        plain = _plain(address)
        if plain.is_link_local or plain.is_multicast or plain.is_unspecified or str(plain) in _METADATA:
            raise UserError(messages.address_forbidden(host))

    def check_connection(self, host: str, peer: tuple[str, int], local: tuple[str, int]) -> None:
        """Raises UserError if a connection leads to the port of this service on this machine.

        Both ends of a connection to this machine have the same address, whichever it is.
        """
        there, here = _address(peer[0]), _address(local[0])
        if there is None or peer[1] != self.own_port:
            return
        if _plain(there).is_loopback or there == here:
            raise UserError(messages.connects_to_itself(host))


def _matches(host: str, allowed: str) -> bool:
    domain = allowed.removeprefix("*")
    return host.endswith(domain) and host != domain[1:] if domain != allowed else host == allowed


def _address(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _plain(address: IpAddress) -> IpAddress:
    """The IPv4 address within an IPv4-mapped IPv6 address, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address
