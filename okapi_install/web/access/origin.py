"""The same-origin check: requests that a browser sends from another site cannot change anything.

Browsers report the origin in Sec-Fetch-Site, but over plain HTTP only for localhost. Without it, Origin, or else
Referer, must name the requested host.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit


class Headers(Protocol):
    """Headers with case-insensitive names."""

    def get(self, name: str, /) -> str | None:
        """The value, or None."""


def is_same_origin(headers: Headers, host: str) -> bool:
    """Whether a request with those headers was made by a page of this server. `host` may have a port."""
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("Origin") or headers.get("Referer")
    if not origin:
        return False
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
