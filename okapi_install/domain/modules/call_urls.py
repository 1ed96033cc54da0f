"""The URL of a call: the address of an instance and a path of its descriptor, joined so that the call stays there.

Okapi joins the two as texts. Then a path `@host/` leads to another host, and `/../` to another module behind the same
host. What is refused here could only do that, or could not be sent at all.
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
    """An instance's address, or a path of a descriptor, that no call can be made with."""

    code = "unusable_url"


def check_address(address: str) -> None:
    """Raises UnusableUrl unless it is an HTTP address that paths can be added to."""
    _parts(address)


@lru_cache(4096)
def call_url(address: str, path: str) -> str:
    """The URL of that path at the instance of that address. Slashes at the address's end do not count.

    Raises:
        UnusableUrl: with it the call would leave the instance; which of both is wrong, and what it must be.
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
    """Whether a text can be one segment of a path when it is quoted, such as the id of a tenant job."""
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
    """Whether a path is sent as it is, and no server finds a step upwards in it."""
    if len(path) > MOST_CHARACTERS or _PATH.fullmatch(path) is None or _NOT_IN_A_PATH.search(path):
        return False
    decoded = (path, unquote(path), unquote(unquote(path)))
    segments = (part.partition(";")[0] for text in decoded for part in _SEPARATOR.split(text))
    return not any(segment in (".", "..") for segment in segments)


def _shown(text: str) -> str:
    """As JSON: nothing in it obeys a terminal or breaks a line."""
    return json.dumps(text[:200])
