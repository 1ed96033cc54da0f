"""Headers in which proxies report their client. Only those of the trusted proxies in the settings are used."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """WSGI middleware: the scheme (X-Forwarded-Proto) and the client (the last X-Forwarded-For) of a trusted proxy."""

    def __init__(self, inner: WSGIApplication, trusted: Sequence[Network]) -> None:
        self._inner = inner
        self._trusted = trusted
        self._behind = ProxyFix(inner, x_for=1, x_proto=1, x_host=0, x_port=0, x_prefix=0)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See WSGI."""
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            return self._behind(environ, start_response)
        return self._inner(environ, start_response)

    def _trusts(self, address: str) -> bool:
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
        return any((mapped or known) in network for network in self._trusted)
