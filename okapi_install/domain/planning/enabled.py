"""What a set of enabled modules provides and requires, and so which module can be enabled or disabled now.

These are the checks that Okapi makes before each step (DepResolution.moduleDepProvided, moduleDepRequired).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.interface_versions import compatible

_NONE: dict[str, int] = {}


class EnabledModules:
    """A multiset of modules: one that was added twice must be removed twice."""

    def __init__(self, modules: Iterable[ModuleSummary] = ()) -> None:
        self._modules: dict[str, ModuleSummary] = {}
        self._count: dict[str, int] = {}
        self._provided: dict[str, dict[str, int]] = {}
        self._required: dict[str, dict[str, int]] = {}
        self._replaced: dict[str, int] = {}
        for module in modules:
            self.add(module)

    def copy(self) -> Self:
        """An independent copy."""
        return type(self)(m for i, m in self._modules.items() for _ in range(self._count[i]))

    def __contains__(self, module_id: object) -> bool:
        return module_id in self._modules

    def add(self, module: ModuleSummary) -> None:
        """Adds a module."""
        self._modules[module.id] = module
        _add(self._count, module.id, 1)
        self._adjust(module, 1)

    def remove(self, module_id: str) -> ModuleSummary | None:
        """Removes a module once and returns it; None if it was not there."""
        module = self._modules.get(module_id)
        if module is None:
            return None
        _add(self._count, module_id, -1)
        if module_id not in self._count:
            del self._modules[module_id]
        self._adjust(module, -1)
        return module

    def _adjust(self, module: ModuleSummary, by: int) -> None:
        for interface in module.provides:
            if interface.regular:
                _add(self._provided.setdefault(interface.id, {}), interface.version, by)
        for interface in module.requires:
            _add(self._required.setdefault(interface.id, {}), interface.version, by)
        for product in module.replaces:
            _add(self._replaced, product, by)

    def offers(self, required: InterfaceRef, leaving: ModuleSummary | None = None) -> bool:
        """Whether a module provides the interface, without counting `leaving` (once)."""
        for version, count in self._provided.get(required.id, _NONE).items():
            going = 0 if leaving is None else _offers(leaving, required.id, version)
            if count > going and compatible(version, required.version):
                return True
        return False

    def first_unmet(self, module: ModuleSummary, leaving: ModuleSummary | None = None) -> InterfaceRef | None:
        """The first unmet requirement if the module were enabled now, replacing `leaving`.

        None if it can be enabled.
        """
        missing = (r for r in module.requires if not self.offers(r, leaving))
        return next((r for r in missing if not provides(module, r)), None)

    def first_not_offered(self, module: ModuleSummary) -> InterfaceRef | None:
        """The first unmet requirement by Okapi's check: a replaced module still counts, the new one does not yet."""
        return next((r for r in module.requires if not self.offers(r)), None)

    def first_needed(self, module: ModuleSummary) -> InterfaceRef | None:
        """The first interface of the module that an enabled module requires; None if it can be disabled.

        A module that another enabled one replaces can always be disabled.
        """
        if self._replaced.get(module.product):
            return None
        return next((p for p in module.provides if p.regular and self._needs(p)), None)

    def _needs(self, provided: InterfaceRef) -> bool:
        return any(compatible(provided.version, version) for version in self._required.get(provided.id, ()))


def provides(module: ModuleSummary, required: InterfaceRef) -> bool:
    """Whether the module provides the interface in a compatible version."""
    return any(p.id == required.id and p.regular and compatible(p.version, required.version) for p in module.provides)


def _offers(module: ModuleSummary, ident: str, version: str) -> int:
    return sum(p.regular and p.id == ident and p.version == version for p in module.provides)


def _add(counts: dict[str, int], key: str, by: int) -> None:
    count = counts.get(key, 0) + by
    if count:
        counts[key] = count
    else:
        del counts[key]
