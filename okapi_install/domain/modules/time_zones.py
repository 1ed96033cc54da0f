"""Validates the time zones of timers in module descriptors (Java: ZoneId.of)."""

from __future__ import annotations

import re
from functools import lru_cache
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"[+-](\d{1,2}|\d{4}|\d{6}|\d{2}:\d{2}(:\d{2})?)", re.ASCII)
_LONGEST_OFFSET = 18 * 3600
_PREFIXES = ("UTC", "GMT", "UT")
_REGION = re.compile(r"[A-Za-z][A-Za-z0-9~/._+-]+")
_NOT_IN_JAVA = re.compile(r"EST|HST|MST|ROC|Factory|localtime|posixrules|(posix|right)/.*")
"""Names in the time zone database, or in Debian's copy of it, that Java does not know."""


def is_zone(name: str) -> bool:
    """Whether it is `Z`, an offset, `UTC`, `GMT` or `UT` with or without one, or a name of the time zone database."""
    if name == "Z" or name in _PREFIXES or _is_offset(name):
        return True
    prefix = next((p for p in _PREFIXES if name.startswith((p + "+", p + "-"))), None)
    return _is_offset(name.removeprefix(prefix)) if prefix else _is_region(name)


def _is_offset(text: str) -> bool:
    if not _OFFSET.fullmatch(text):
        return False
    digits = text[1:].replace(":", "")
    hours, minutes, seconds = (int(digits[at : at + 2] or 0) for at in (0, 2, 4))
    return minutes < 60 and seconds < 60 and hours * 3600 + minutes * 60 + seconds <= _LONGEST_OFFSET


@lru_cache(maxsize=1024)
def _is_region(name: str) -> bool:
    if not _REGION.fullmatch(name) or _NOT_IN_JAVA.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):  # not a file of the database; no such file; a folder, or too long a name
        return False
    return True
