"""The query parameters that filter a list of modules, with Okapi's rules (ModuleUtil.filter)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.interface_versions import InterfaceVersion
from okapi_install.domain.modules.versions import ModuleId, VersionFilter

_JAVA_INT = re.compile(r"[+-]?\d{1,10}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleQuery:
    """The parameters as sent; None for one that is absent."""

    filter: str | None = None
    latest: str | None = None
    provide: str | None = None
    require: str | None = None
    order_by: str | None = None
    order: str | None = None
    pre_release: str | None = None
    npm_snapshot: str | None = None
    scope: str | None = None


def select(modules: Iterable[ModuleSummary], query: ModuleQuery) -> list[ModuleSummary]:
    """The modules that match the query, oldest first unless `order_by` is given.

    Raises:
        UserError: a parameter is not valid. The message is Okapi's.
    """
    prefix = None if query.filter is None else ModuleId.parse(query.filter)
    versions = VersionFilter.parse(query.pre_release, query.npm_snapshot)
    found = [
        m
        for m in modules
        if (prefix is None or m.module_id.has_prefix(prefix)) and versions.matches(m.module_id) and _fits(m, query)
    ]
    found.sort(key=lambda m: (m.module_id.key, m.id))
    if query.latest is not None:
        found = _latest(found, _limit(query.latest))
    if _descending(query):
        found.reverse()
    return found


def _fits(module: ModuleSummary, query: ModuleQuery) -> bool:
    return (
        _named(module.requires, query.require, query.scope) or _named(module.optional, query.require, query.scope)
    ) and _named(module.provides, query.provide, query.scope)


def _named(interfaces: Sequence[InterfaceRef], wanted: str | None, scope: str | None) -> bool:
    """Whether one of the interfaces is in a list `id,id=version,…`."""
    if wanted is None:
        return True
    pairs = [_java_split(item, "=") for item in _java_split(wanted, ",")]
    return any(
        _is(interface, pair) for interface in interfaces if scope is None or scope in interface.scope for pair in pairs
    )


def _is(interface: InterfaceRef, pair: Sequence[str]) -> bool:
    if len(pair) == 2:
        same = InterfaceVersion.parse(pair[1]).compare(InterfaceVersion.parse(interface.version)) == 0
        return same and interface.id == pair[0]
    return bool(pair) and interface.id == pair[0]


def _java_split(text: str, separator: str) -> list[str]:
    """The result of Java's String.split, which drops empty parts at the end."""
    parts = text.split(separator)
    while parts and not parts[-1] and len(text) > 0:
        parts.pop()
    return parts


def _limit(text: str) -> int:
    if not _JAVA_INT.fullmatch(text) or not -(2**31) <= int(text) < 2**31:
        raise UserError(okapi_messages.bad_parameter("latest", f'For input string: "{text}"'))
    return int(text)


def _latest(modules: Sequence[ModuleSummary], limit: int) -> list[ModuleSummary]:
    """The `limit` newest modules of each product, but at least one. Input and result are oldest first."""
    seen: dict[str, int] = {}
    kept = []
    for module in reversed(modules):
        seen[module.product] = seen.get(module.product, 0) + 1
        if seen[module.product] <= max(1, limit):
            kept.append(module)
    return kept[::-1]


def _descending(query: ModuleQuery) -> bool:
    if query.order_by is None:
        return False
    if query.order_by != "id":
        raise UserError(okapi_messages.unknown_order_field(query.order_by))
    if query.order not in (None, "asc", "desc"):
        raise UserError(okapi_messages.unknown_order(query.order))
    return query.order != "asc"
