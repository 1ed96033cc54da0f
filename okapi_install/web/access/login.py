"""The login of a browser: an API key is typed into a form once and replaced by a session, which does not contain it.

The session cookie is valid for the page and other paths outside the API, never below `/_/`, and other sites cannot send
it. The store has a hash of it, so that all API processes know the session, and a copy of the database opens no page.
"""

from __future__ import annotations

import secrets
import time
from urllib.parse import urlencode

from okapi_install.config import Settings
from okapi_install.domain.access import KeyHolder, digest_of
from okapi_install.service.access import KeyRing
from okapi_install.service.ports import AccessStore, PageSession

COOKIE = "okapi_install_page"
LOGIN_PATH = "/login"
LOGOUT_PATH = "/logout"
STATIC_PREFIX = "/static/"


class PageLogin:
    """Checks sessions. `keys` are the keys of the server; without any, no session is needed."""

    def __init__(self, keys: KeyRing, store: AccessStore, seconds: float = 43_200.0) -> None:
        self.keys = keys
        self._store = store
        self._seconds = seconds

    @classmethod
    def of(cls, settings: Settings, store: AccessStore) -> PageLogin:
        """The login for these settings."""
        return cls(KeyRing(settings.keys, store, time.monotonic), store, settings.page_session_seconds)

    def new_session(self, key: str) -> str | None:
        """A new cookie value for a browser that has sent that key; None if it is not a key. Each is unique."""
        holder, mark = self.keys.find(key), self.keys.mark(key)
        if holder is None or mark is None:
            return None
        cookie = secrets.token_urlsafe(32)
        session = PageSession(digest=digest_of(cookie), key_name=holder.name, key_mark=mark)
        self._store.add_session(session, self._seconds)
        return cookie

    def end_session(self, cookie: str | None) -> None:
        """Makes all processes refuse that cookie."""
        if cookie:
            self._store.end_session(digest_of(cookie))

    def holder(self, path: str, cookie: str | None) -> KeyHolder | None:
        """The holder of the key with which the session of that cookie was opened, if it is valid for that path."""
        if not cookie or path.startswith("/_/"):
            return None
        session = self._store.session(digest_of(cookie), self._seconds)
        return None if session is None else self.keys.holder(session.key_name, session.key_mark)


def needs_no_session(path: str) -> bool:
    """Whether a browser gets that path without a session: the login, and what its page needs."""
    return path == LOGIN_PATH or path.startswith(STATIC_PREFIX)


def login_address(wanted: str) -> str:
    """The address of the login, which leads back to the requested page afterwards."""
    return f"{LOGIN_PATH}?{urlencode({'next': wanted})}"


def safe_target(wanted: str | None) -> str:
    """The path to open after the login: the target if it is a path of this server, else the list of jobs."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or not wanted.isprintable():
        return "/"
    return wanted
