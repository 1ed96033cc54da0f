"""Slows down whoever guesses keys: some wrong ones at once, then one in a while. In bounded memory."""

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
    """By client: how many guesses it has left. The same wrong key again is no new guess: a program repeats itself."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = Lock()
        self._salt = secrets.token_bytes(16)
        self._clients: OrderedDict[str, tuple[float, float, bytes]] = OrderedDict()
        """Guesses left at a moment, and a digest of the last wrong key; those who guessed last are at the end."""

    def blocks(self, address: str) -> bool:
        """Whether that client has no guess left."""
        with self._lock:
            return self._left(_client(address)) < 1

    def wrong(self, address: str, key: str) -> None:
        """That client has sent a wrong key."""
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
    """An IPv6 client has a whole network of addresses."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(known) if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))
