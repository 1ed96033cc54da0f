"""The URL of a call, joined from an instance's address and a path of its descriptor, so that it stays at the instance.

Okapi concatenates the two strings. A path `@host/` then leads to another host, and `/../` to another module behind the
same host. Only URLs that would do this, or that cannot be sent at all, are refused.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, urlsplit

from okapi_install.domain import messages
from okapi_install.domain.errors import OkapiInstallError

MOST_CHARACTERS = 4000
_ADDRESS = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_PATH = re.compile(r"/[!-~]*")
_NOT_IN_A_PATH = re.compile(r"[?#\\]")
_SEPARATOR = re.compile(r"[/\\]")


class UnusableUrl(OkapiInstallError):
    """An instance's address or a descriptor's path cannot be used for a call."""

    code = "unusable_url"


def check_address(address: str) -> None:
    """Raises UnusableUrl unless it is an HTTP address that paths can be added to."""
    _parts(address)


@lru_cache(4096)
def call_url(address: str, path: str) -> str:
    """The URL of that path at the instance of that address. Trailing slashes of the address are ignored.

    Raises:
        UnusableUrl: the call would leave the instance. The message says whether the address or the path is wrong.
    """
    _parts(address)
    if not _is_path(path):
        raise UnusableUrl(messages.bad_path(_shown(path)))
    root = address.rstrip("/")
    own, joined = urlsplit(root), urlsplit(root + path)
    if joined[:2] != own[:2] or joined.path != own.path + path:
        raise UnusableUrl(messages.bad_path(_shown(path)))
    return root + path


def is_segment(text: str) -> bool:
    """Whether a text, such as the id of a tenant job, can be a single segment of a path once it is quoted."""
    return text.isprintable() and bool(text) and _is_path("/" + quote(text, safe="", errors="replace"))


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise UnusableUrl(messages.bad_instance_address(_shown(address))) from None
    own_path = parts.path or "/"
    plain = _ADDRESS.fullmatch(address) is not None and not _NOT_IN_A_PATH.search(address)
    if not (usable and plain and _is_path(own_path)):
        raise UnusableUrl(messages.bad_instance_address(_shown(address)))
    return parts


def _is_path(path: str) -> bool:
    """Whether a path can be sent unchanged, and no server can read a `..` in it, however often it decodes it."""
    if len(path) > MOST_CHARACTERS or _PATH.fullmatch(path) is None or _NOT_IN_A_PATH.search(path):
        return False
    decoded = (path, unquote(path), unquote(unquote(path)))
    segments = (part.partition(";")[0] for text in decoded for part in _SEPARATOR.split(text))
    return not any(segment in (".", "..") for segment in segments)


def _shown(text: str) -> str:
    """The text as JSON, so that control characters and line breaks are escaped."""
    return json.dumps(text[:200])
