"""Checks of the registry: unmet dependencies of modules, and modules that are obsolete.

Messages and rules are those of Okapi 7.0.0 (DepResolution.checkAvailable, ModuleManager, ModuleUtil).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cmp_to_key

from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.interface_versions import InterfaceVersion, compatible
from okapi_install.domain.modules.java_order import capacity, spread
from okapi_install.domain.modules.versions import VersionFilter
from okapi_install.domain.registry.index import Entry, Index

_Providers = Callable[[str], Iterable[Entry]]


class _Check:
    """Checks requirements against providers, with cached results.

    `providers` returns the providers of an interface; `order` sorts them for the messages.
    """

    def __init__(self, providers: _Providers, order: Callable[[Entry], tuple[int, str]]) -> None:
        self._providers = providers
        self._order = order
        self._offers: dict[str, frozenset[str]] = {}
        self._met: dict[tuple[str, str], bool] = {}

    def problems(self, module: ModuleSummary) -> list[str]:
        """A sentence for each unmet dependency. An optional interface without any provider counts as met."""
        optional = [o for o in module.optional if self._versions(o.id)]
        return [self._sentence(module, r) for r in (*module.requires, *optional) if not self._is_met(r)]

    def _versions(self, ident: str) -> frozenset[str]:
        known = self._offers.get(ident)
        if known is None:
            known = frozenset(e.interface.version for e in self._providers(ident))
            self._offers[ident] = known
        return known

    def _is_met(self, required: InterfaceRef) -> bool:
        key = (required.id, required.version)
        known = self._met.get(key)
        if known is None:
            known = any(compatible(have, required.version) for have in self._versions(required.id))
            self._met[key] = known
        return known

    def _sentence(self, module: ModuleSummary, required: InterfaceRef) -> str:
        have = self._versions(required.id)
        if not have:
            return okapi_messages.missing_dependency(module.id, required.id, required.version)
        entries = sorted(self._providers(required.id), key=self._order)
        listed = " ".join(_offer(version, entries) for version in _newest_first(have))
        return okapi_messages.incompatible_version(module.id, required.id, required.version, listed)


def _offer(version: str, entries: Sequence[Entry]) -> str:
    """The version, and every module with a compatible version of its own (Okapi)."""
    return "/".join([version, *(e.module.id for e in entries if compatible(version, e.interface.version))])


def _newest_first(versions: Iterable[str]) -> list[str]:
    def compare(a: str, b: str) -> int:
        return InterfaceVersion.parse(b).compare(InterfaceVersion.parse(a))

    return sorted(sorted(versions), key=cmp_to_key(compare))


def check_dependencies(index: Index, new: Sequence[ModuleSummary], versions: VersionFilter) -> str:
    """The unmet dependencies of new modules, one sentence a line; "" if there are none.

    Dependencies may be met by the new modules themselves, and by registered ones that pass the filter. Source: Okapi
    (ModuleManager.createList).
    """
    added: dict[str, list[Entry]] = {}
    come = {m.id: m for m in new if not (m.id in index.modules and versions.matches(m.module_id))}
    for module in come.values():
        for interface in module.provides:
            added.setdefault(interface.id, []).append(Entry(module, interface))

    def providers(ident: str) -> list[Entry]:
        there = [e for e in index.providers.get(ident, ()) if e.module.id not in come]
        return [e for e in there if versions.matches(e.module.module_id)] + added.get(ident, [])

    mask = capacity(index.size(versions) + len(come)) - 1
    check = _Check(providers, lambda e: (spread(e.module.id) & mask, e.module.id))
    return "\n".join(line for module in come.values() for line in check.problems(module))


def check_removal(index: Index, module_id: str) -> str:
    """The unmet dependencies of all remaining modules, including those that are unmet already (Okapi)."""
    remaining = {i: m for i, m in index.modules.items() if i != module_id}
    return "\n".join(line for lines in _problems(index, remaining).values() for line in lines)


def _problems(index: Index, modules: Mapping[str, ModuleSummary]) -> dict[str, list[str]]:
    def providers(ident: str) -> list[Entry]:
        return [e for e in index.providers.get(ident, ()) if e.module.id in modules]

    check = _Check(providers, lambda e: (0, e.module.id))
    found = {i: check.problems(modules[i]) for i in sorted(modules)}
    return {i: lines for i, lines in found.items() if lines}


def obsolete(index: Index, save_releases: int, save_snapshots: int, *, remove_dependencies: bool) -> list[str]:
    """The ids of snapshots older than `save_releases` releases and `save_snapshots` snapshots of their product.

    With `remove_dependencies` the modules that depend on them follow.

    Raises:
        UserError: modules depend on them, and `remove_dependencies` is not set.
    """
    old = _too_old(index, save_releases, save_snapshots)
    remaining = {i: m for i, m in index.modules.items() if i not in set(old)}
    broken = _problems(index, remaining)
    if broken and not remove_dependencies:
        raise UserError(
            "Removing obsolete modules resulted in missing dependencies.\n"
            "Supply removeDependencies=true if you think it's ok to remove them.\n"
            + "\n".join(line for lines in broken.values() for line in lines)
        )
    dropped: list[str] = []
    while broken:
        dropped += broken
        remaining = {i: m for i, m in remaining.items() if i not in broken}
        broken = _problems(index, remaining)
    return old + sorted(dropped, key=lambda i: (index.modules[i].module_id.key, i))


def _too_old(index: Index, save_releases: int, save_snapshots: int) -> list[str]:
    result = []
    for product in sorted(index.products, reverse=True):
        releases = snapshots = 0
        previous = None
        for module in reversed(index.products[product]):
            ident = module.module_id
            snapshot = ident.has_pre_release or ident.has_npm_snapshot
            if snapshot and releases >= save_releases and snapshots >= save_snapshots:
                result.append(module.id)
            # Versions that differ in their pre-release part alone belong to one release (Okapi).
            if ident.has_npm_snapshot or (previous is not None and ident.compare(previous) >= -1):
                snapshots += 1
            else:
                snapshots = 0
                releases += 1
            previous = ident
    return result
