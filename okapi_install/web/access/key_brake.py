"""Limits attempts to guess the key: a few at once, then one after each pause. Its memory is bounded."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

BRAKE = "okapi_install.key_brake"
"""Where an app keeps its brake."""
AT_ONCE = 10
SECONDS_FOR_ONE = 6.0
_MOST_CLIENTS = 10_000


class KeyBrake:
    """The attempts left for each client. The same wrong key again is not counted, because programs repeat requests."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = Lock()
        self._salt = secrets.token_bytes(16)
        self._clients: OrderedDict[str, tuple[float, float, bytes]] = OrderedDict()
        """Attempts left at a time, and a digest of the last wrong key, least recent client first."""

    def blocks(self, address: str) -> bool:
        """Whether that client has no attempts left."""
        with self._lock:
            return self._left(_client(address)) < 1

    def wrong(self, address: str, key: str) -> None:
        """Counts a wrong key of that client."""
        client, digest = _client(address), hashlib.blake2b(key.encode("utf-8", "replace"), key=self._salt).digest()
        with self._lock:
            if self._clients.get(client, (0.0, 0.0, b""))[2] == digest:
                return
            self._clients[client] = self._left(client) - 1, self._now(), digest
            self._clients.move_to_end(client)
            if len(self._clients) > _MOST_CLIENTS:
                self._clients.popitem(last=False)

    def _left(self, client: str) -> float:
        left, since, _ = self._clients.get(client, (float(AT_ONCE), self._now(), b""))
        return min(float(AT_ONCE), left + (self._now() - since) / SECONDS_FOR_ONE)


def _client(address: str) -> str:
    """The key of a client: its address, or the network of an IPv6 address, since a client has all addresses of it."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(known) if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))
