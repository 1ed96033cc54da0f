"""How a browser shows the API key: typed into a form once, then kept as a cookie that the key itself is not in.

The cookie is good for the page and what else is no API, never for paths below `/_/`, and no other site can send it.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlencode

COOKIE = "okapi_install_page"
LOGIN_PATH = "/login"
STATIC_PREFIX = "/static/"


class PageLogin:
    """The key's side of it. Without a key everybody may look."""

    def __init__(self, key: str | None) -> None:
        self._key = key.encode() if key else None

    @property
    def needed(self) -> bool:
        """Whether there is a key to show."""
        return self._key is not None

    def is_key(self, sent: str) -> bool:
        """Whether that is the key, compared in constant time."""
        return self._key is not None and hmac.compare_digest(sent.strip().encode("utf-8", "replace"), self._key)

    def cookie(self) -> str:
        """The value of the cookie: it proves that its sender knew the key, and ends with it."""
        return hmac.new(self._key or b"", b"okapi-install page", hashlib.sha256).hexdigest()

    def admits(self, path: str, cookie: str | None) -> bool:
        """Whether a request of that path with that cookie needs no key."""
        if self._key is None or path == LOGIN_PATH or path.startswith(STATIC_PREFIX):
            return True
        if path.startswith("/_/") or cookie is None:
            return False
        return hmac.compare_digest(cookie.encode("utf-8", "replace"), self.cookie().encode())


def login_address(wanted: str) -> str:
    """Where a browser without the cookie is sent; the form leads it back to what it wanted."""
    return f"{LOGIN_PATH}?{urlencode({'next': wanted})}"


def safe_target(wanted: str | None) -> str:
    """Where to go after the login: a path of this server, else the list of jobs."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or not wanted.isprintable():
        return "/"
    return wanted
