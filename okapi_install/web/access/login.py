"""The login of a browser: the API key is typed into a form once and replaced by a session, which does not contain it.

The session cookie is valid for the page and other paths outside the API, never below `/_/`, and other sites cannot send
it. API processes with the same key accept each other's sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from functools import cached_property
from threading import Lock
from urllib.parse import urlencode

from itsdangerous import BadData, URLSafeTimedSerializer

from okapi_install.config import Settings

COOKIE = "okapi_install_page"
LOGIN_PATH = "/login"
STATIC_PREFIX = "/static/"
_MOST_ENDED = 10_000
_SLOW = {"n": 1 << 15, "r": 8, "p": 1}
"""Parameters of scrypt: a tenth of a second and 32 MiB per key."""


class PageLogin:
    """Checks keys and sessions. Without a key every request is admitted."""

    def __init__(self, key: str | None, seconds: float = 43_200.0) -> None:
        self._key = key.encode() if key else None
        self._seconds = seconds
        self._lock = Lock()
        self._ended: OrderedDict[str, float] = OrderedDict()

    @classmethod
    def of(cls, settings: Settings) -> PageLogin:
        """The login for these settings."""
        return cls(settings.api_key, settings.page_session_seconds)

    @property
    def needed(self) -> bool:
        """Whether the server has a key."""
        return self._key is not None

    def is_key(self, sent: str) -> bool:
        """Whether that is the key, compared in constant time."""
        return self._key is not None and hmac.compare_digest(sent.strip().encode("utf-8", "replace"), self._key)

    @cached_property
    def _serializer(self) -> URLSafeTimedSerializer:
        """Signs sessions with a secret derived from the API key, so that a new key ends all sessions.

        The derivation is slow. It is done once here, but an attacker who tries keys on a cookie needs it for each key.
        """
        secret = hashlib.scrypt(self._key or b"", salt=b"okapi-install page session", maxmem=1 << 26, **_SLOW)
        return URLSafeTimedSerializer(secret, signer_kwargs={"digest_method": hashlib.sha256})

    def new_session(self) -> str:
        """A new cookie value for a browser that has sent the key. Each is unique."""
        return str(self._serializer.dumps(secrets.token_urlsafe(16)))

    def end_session(self, cookie: str | None) -> None:
        """Makes this process refuse that cookie."""
        session = self._session(cookie)
        if session is None:
            return
        with self._lock:
            self._ended[session] = time.monotonic()
            if len(self._ended) > _MOST_ENDED:
                self._ended.popitem(last=False)

    def admits(self, path: str, cookie: str | None) -> bool:
        """Whether a request of that path with that cookie needs no key."""
        if self._key is None or path == LOGIN_PATH or path.startswith(STATIC_PREFIX):
            return True
        return not path.startswith("/_/") and self._session(cookie) is not None

    def _session(self, cookie: str | None) -> str | None:
        """The session's id; None if there is none, or it has ended."""
        if not cookie or self._key is None:
            return None
        try:
            session = self._serializer.loads(cookie, max_age=self._seconds)  # type: ignore[arg-type]
        except (BadData, ValueError):
            return None
        return session if isinstance(session, str) and session not in self._ended else None


def login_address(wanted: str) -> str:
    """The address of the login, which leads back to the requested page afterwards."""
    return f"{LOGIN_PATH}?{urlencode({'next': wanted})}"


def safe_target(wanted: str | None) -> str:
    """The path to open after the login: the target if it is a path of this server, else the list of jobs."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or not wanted.isprintable():
        return "/"
    return wanted
