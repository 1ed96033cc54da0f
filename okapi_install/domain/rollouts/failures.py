"""Groups failures: the same module with the same first line, whatever ids, numbers and tenants it names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from okapi_install.domain.foreign_text import one_line
from okapi_install.domain.rollouts.rollout import RolloutTenant, TenantStatus

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_HEX = re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_SPACES = re.compile(r"\s+")
_MODULE = re.compile(r"[A-Za-z][\w.]*(?:-[A-Za-z][\w.]*)*-\d+\.\d+\.\d+[\w.+-]*", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureGroup:
    """Tenants that failed in the same way. `key` names the group in requests; `example` is the line of one of them."""

    key: str
    module: str | None
    line: str
    example: str
    tenants: tuple[str, ...]


def normalised(message: str | None, tenant: str) -> str:
    """The first line of a message with `<tenant>`, `<id>` and `<n>` for what differs between tenants.

    Modules with a version stay as they are.
    """
    line = one_line(message or "")
    line = re.sub(rf"(?<![A-Za-z0-9]){re.escape(tenant)}(?![A-Za-z0-9])", "<tenant>", line)
    parts, at = [], 0
    for found in _MODULE.finditer(line):
        parts += [_without_ids(line[at : found.start()]), found[0]]
        at = found.end()
    return _SPACES.sub(" ", "".join([*parts, _without_ids(line[at:])])).strip()


def _without_ids(text: str) -> str:
    return _NUMBER.sub("<n>", _HEX.sub("<id>", _UUID.sub("<id>", text)))


def group_key(module: str | None, line: str) -> str:
    """A short name for a group, the same wherever its module and line are the same."""
    return hashlib.sha256(f"{module or ''} {line}".encode("utf-8", "replace")).hexdigest()[:12]


def key_of(one: RolloutTenant) -> str:
    """The key of the group that a failed tenant belongs to."""
    return group_key(one.module, normalised(one.message, one.tenant))


def grouped(tenants: Iterable[RolloutTenant]) -> list[FailureGroup]:
    """The failed tenants by module and line, largest group first."""
    groups: dict[str, list[RolloutTenant]] = {}
    for one in tenants:
        if one.status is TenantStatus.ERROR:
            groups.setdefault(key_of(one), []).append(one)
    found = [_group(key, members) for key, members in groups.items()]
    return sorted(found, key=lambda group: (-len(group.tenants), group.module or "", group.line))


def _group(key: str, members: list[RolloutTenant]) -> FailureGroup:
    first = members[0]
    return FailureGroup(
        key=key,
        module=first.module,
        line=normalised(first.message, first.tenant),
        example=one_line(first.message or ""),
        tenants=tuple(sorted(one.tenant for one in members)),
    )
