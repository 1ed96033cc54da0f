"""Interface versions, and whether a provided version satisfies a required one (Okapi: InterfaceDescriptor)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from okapi_install.domain.errors import UserError
from okapi_install.domain.identifiers import check_length

_JAVA_INT = re.compile(r"[+-]?\d{1,100}")
_INT_RANGE = range(-(2**31), 2**31)

VersionParts = tuple[int, int, int]
"""Major, minor, and patch, which is -1 if it is not given."""


@dataclass(frozen=True, slots=True)
class InterfaceVersion:
    """The version of an interface. A required version may list alternatives: `1.0 2.3`."""

    text: str
    parts: tuple[VersionParts, ...]
    """At least one. Alternatives after an unreadable one are ignored (Okapi)."""

    @classmethod
    def parse(cls, text: str) -> InterfaceVersion:
        """The version for `1.2`, `1.2.3`, or several separated by spaces. Raises UserError with Okapi's message."""
        check_length(text)
        parsed = _parse_interface_version(text)
        if parsed is None:
            raise UserError(f"Bad version number '{text}'")
        return parsed

    def compare(self, required: Self) -> int:
        """The difference between this provided version (its first alternative) and a required one.

        ±3 for another major version, ±2 minor, ±1 patch, 0 if equal. The first required alternative with the same major
        version is compared.
        """
        level = 0
        mine = self.parts[0]
        for theirs in required.parts:
            if mine[0] == theirs[0]:
                return _compare_minor(mine, theirs)
            level = 3 if mine[0] > theirs[0] else -3
        return level

    def satisfies(self, required: Self) -> bool:
        """Whether this version satisfies the required one: the same major version, and not older."""
        return 0 <= self.compare(required) <= 2


def _compare_minor(mine: VersionParts, theirs: VersionParts) -> int:
    if mine[1] != theirs[1]:
        return 2 if mine[1] > theirs[1] else -2
    return (mine[2] > theirs[2]) - (mine[2] < theirs[2])


@lru_cache(maxsize=16384)
def _parse_interface_version(text: str) -> InterfaceVersion | None:
    versions: list[VersionParts] = []
    for part in text.split(" "):
        parts = _version_parts(part)
        if parts is None:
            break
        versions.append(parts)
    return InterfaceVersion(text, tuple(versions)) if versions else None


def _version_parts(text: str) -> VersionParts | None:
    parts = text.rstrip(".").split(".")
    if not 2 <= len(parts) <= 3 or not all(_JAVA_INT.fullmatch(p) and int(p) in _INT_RANGE for p in parts):
        return None
    return int(parts[0]), int(parts[1]), int(parts[2]) if len(parts) == 3 else -1


@lru_cache(maxsize=32768)
def compatible(provided: str, required: str) -> bool:
    """Whether the provided version satisfies the required one. Both must be valid."""
    return InterfaceVersion.parse(provided).satisfies(InterfaceVersion.parse(required))
