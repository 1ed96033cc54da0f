"""Versions of modules: semantic versions, module ids, and the filter for pre-releases and snapshots.

The rules are those of Okapi 7.0.0 (ModuleId, SemVer, ModuleVersionFilter). This module knows nothing of descriptors
or registries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache, total_ordering

from okapi_install.domain.errors import UserError
from okapi_install.domain.identifiers import LONGEST_KEPT, check_length

_MOST_DIGITS = 18
"""Numbers with more digits may not fit in 64 bits (Okapi)."""
_NUMBERS = re.compile(r"\d+")
_PRE_RELEASE_PART = re.compile(r"[^+.]+")

PreReleasePart = tuple[int, int, str]
"""(0, number, "") or (1, 0, text): numbers sort before texts."""
SemVerKey = tuple[tuple[int, ...], int, tuple[PreReleasePart, ...], bool, str]


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class SemVer:
    """A semantic version by Okapi's lenient rules: one numeric part is enough, and more than three are allowed.

    Equality and order are by value, so `1.0` equals `01.0`.
    """

    text: str
    numbers: tuple[int, ...]
    pre_release: tuple[PreReleasePart, ...]
    metadata: str | None
    has_npm_snapshot: bool
    """Whether there are three numeric parts and the last has five digits or more, as in FOLIO's NPM snapshots."""
    key: SemVerKey = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> SemVer:
        """The version for a text. Raises UserError with Okapi's message."""
        parts, offset = _numbers(text)
        pre_release, offset = _pre_release(text, offset)
        if offset == len(text):
            metadata = None
        elif text[offset] == "+":
            metadata = text[offset + 1 :]
        else:
            raise UserError(f"invalid semver: {text}")
        numbers = tuple(int(p) for p in parts)
        npm = len(parts) == 3 and len(parts[2]) >= 5
        key = (numbers, 0 if pre_release else 1, pre_release, metadata is not None, metadata or "")
        return cls(text, numbers, pre_release, metadata, npm, key)

    @property
    def has_pre_release(self) -> bool:
        """Whether it has a pre-release part, as in `1.0.0-SNAPSHOT.3`."""
        return bool(self.pre_release)

    def compare(self, other: SemVer) -> int:
        """±4 if the major version differs, ±3 minor, ±2 patch or later numbers, ±1 the rest; 0 if equal."""
        sign = (self.key > other.key) - (self.key < other.key)
        if self.numbers == other.numbers:
            return sign
        pairs = list(zip(self.numbers, other.numbers, strict=False))
        same = next((n for n, (mine, theirs) in enumerate(pairs) if mine != theirs), len(pairs))
        return sign * max(2, 4 - same)

    def has_prefix(self, other: SemVer) -> bool:
        """Whether this version starts with the parts of the other, as `1.2.3` does with `1.2`."""
        if self.numbers != other.numbers:
            return _longer(self.numbers, other.numbers)
        if self.pre_release != other.pre_release:
            return _longer(self.pre_release, other.pre_release)
        return other.metadata is None or self.metadata == other.metadata

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SemVer) and self.key == other.key

    def __lt__(self, other: SemVer) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _numbers(text: str) -> tuple[list[str], int]:
    parts: list[str] = []
    offset = 0
    while True:
        found = _NUMBERS.match(text, offset)
        if found is None:
            raise UserError("missing version component" if parts else f"missing major version: {text}")
        if found.end() - offset > _MOST_DIGITS:
            raise UserError(f"at most {_MOST_DIGITS} digits for numeric component")
        parts.append(found.group())
        offset = found.end()
        if not text.startswith(".", offset):
            return parts, offset
        offset += 1


def _pre_release(text: str, offset: int) -> tuple[tuple[PreReleasePart, ...], int]:
    parts: list[PreReleasePart] = []
    if not text.startswith("-", offset):
        return (), offset
    while True:
        found = _PRE_RELEASE_PART.match(text, offset + 1)
        if found is None:
            raise UserError("missing pre-release version component")
        part = found.group()
        number = part.isdecimal() and len(part) <= _MOST_DIGITS  # Okapi cannot compare longer numbers at all
        parts.append((0, int(part), "") if number else (1, 0, part))
        offset = found.end()
        if not text.startswith(".", offset):
            return tuple(parts), offset


def _longer(mine: tuple[object, ...], prefix: tuple[object, ...]) -> bool:
    return len(mine) > len(prefix) and mine[: len(prefix)] == prefix


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class ModuleId:
    """A module id such as `mod-users-1.2.3`, or a product name alone, with `version` None."""

    text: str
    product: str
    version: SemVer | None
    key: tuple[str, bool, SemVerKey | tuple[()]] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> ModuleId:
        """The id for a text, split at the first `-` before a digit. Raises UserError, also if too long."""
        if len(text) <= LONGEST_KEPT:
            return _kept_module_id(text)
        check_length(text)
        return _parse_module_id(text)

    @property
    def has_sem_ver(self) -> bool:
        """Whether it has a version."""
        return self.version is not None

    @property
    def has_npm_snapshot(self) -> bool:
        """Whether its version is an NPM snapshot, as in SemVer."""
        return self.version is not None and self.version.has_npm_snapshot

    @property
    def has_pre_release(self) -> bool:
        """Whether its version has a pre-release part."""
        return self.version is not None and self.version.has_pre_release

    def compare(self, other: ModuleId) -> int:
        """±5 if the product differs, else as SemVer.compare. An id without a version sorts before one with it."""
        if self.product != other.product:
            return 5 if self.product > other.product else -5
        if self.version is None or other.version is None:
            return 4 * ((self.version is not None) - (other.version is not None))
        return self.version.compare(other.version)

    def has_prefix(self, other: ModuleId) -> bool:
        """Whether the product is the same, and this version starts with the other's."""
        if self.product != other.product or self.version is None:
            return False
        return other.version is None or self.version.has_prefix(other.version)

    def latest(self, ids: Iterable[str]) -> str:
        """The newest id of this product among the ids and this one."""
        newest = self
        for text in ids:
            candidate = ModuleId.parse(text)
            if candidate.product == self.product and candidate > newest:
                newest = candidate
        return newest.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModuleId) and self.key == other.key

    def __lt__(self, other: ModuleId) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)


_VERSION_MARK = re.compile(r"-(?=\d)")


@lru_cache(maxsize=32768)
def _kept_module_id(text: str) -> ModuleId:
    return _parse_module_id(text)


def _parse_module_id(text: str) -> ModuleId:
    mark = _VERSION_MARK.search(text)
    if mark is None:
        return ModuleId(text, text, None, (text, False, ()))
    product = text[: mark.start()]
    version = SemVer.parse(text[mark.end() :])
    return ModuleId(text, product, version, (product, True, version.key))


@dataclass(frozen=True, slots=True)
class VersionFilter:
    """A filter for pre-releases and NPM snapshots: None includes them, "false" excludes them, "only" all others."""

    pre_release: str | None = None
    npm_snapshot: str | None = None

    @classmethod
    def parse(cls, pre_release: str | None, npm_snapshot: str | None) -> VersionFilter:
        """The filter for query parameters as sent. "true" is the same as no parameter.

        Raises:
            UserError: a value is not valid. The message is Okapi's.
        """
        npm = _filter_value("npmSnapshot", npm_snapshot)
        return cls(_filter_value("preRelease", pre_release), npm)

    def matches(self, module_id: ModuleId) -> bool:
        """Whether a module of that id passes the filter."""
        if module_id.has_pre_release:
            return self.pre_release != "false"
        if module_id.has_npm_snapshot:
            return self.npm_snapshot != "false"
        return self.pre_release != "only" and self.npm_snapshot != "only"


def _filter_value(name: str, value: str | None) -> str | None:
    if value is None or value == "true":
        return None
    if value in ("false", "only"):
        return value
    raise UserError(f'Expected "true", "false", "only" or undefined/null for parameter {name}, but got: {value}')
