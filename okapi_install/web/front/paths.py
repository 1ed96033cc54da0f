"""Which paths are this service's own beside an Okapi. All others are that Okapi's.

Okapi and this service must agree on what a path is. Okapi resolves `..` and decodes a path after it has chosen the
handler, so a path that another reading would make ours is refused instead of handed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

_TENANTS = ["", "_", "proxy", "tenants"]
_OF_A_TENANT = frozenset({"install", "upgrade"})
_SEPARATOR = re.compile(r"[/\\]")
_INVOKE = ["_", "invoke", "tenant"]
"""Okapi takes the rest of such a path, after the tenant, as another path. It is meant for paths of modules."""


def is_ours(path: str) -> bool:
    """Whether the decoded path belongs to this service, whether it exists or not."""
    segments = path.split("/")
    if segments[:3] == ["", "_", "install"]:
        return True
    return segments[:4] == _TENANTS and len(segments) > 5 and segments[5] in _OF_A_TENANT


def is_ambiguous(raw: str) -> bool:
    """Whether a path that is not ours, as it was sent, can be read as another one that is ours or leads elsewhere."""
    return any("." in segments or ".." in segments or _reads_as_ours(segments) for segments in _readings(raw))


def _readings(raw: str) -> Iterator[list[str]]:
    """The segments of the path, however often it is decoded; without parameters and empty segments."""
    text = raw
    for _ in range(3):
        yield [name for part in _SEPARATOR.split(text) if (name := part.partition(";")[0].strip())]
        text = unquote(text, errors="replace")


def _reads_as_ours(segments: list[str]) -> bool:
    return is_ours("/" + "/".join(segments)) or (segments[:3] == _INVOKE and segments[4:5] == ["_"])
