"""An immutable index of the registry at one moment. A change produces a new index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.interface_versions import compatible
from okapi_install.domain.modules.java_order import capacity, key_order, sized_capacity, spread
from okapi_install.domain.modules.versions import ModuleId, VersionFilter


class Entry(NamedTuple):
    """A module and one interface that it provides or requires."""

    module: ModuleSummary
    interface: InterfaceRef


Table = dict[str, tuple[Entry, ...]]
"""Entries by interface id, in no particular order."""
Question = tuple[VersionFilter, bool, str, str]


class Index:
    """All modules, indexed by id, by product and by interface."""

    def __init__(self) -> None:
        self.modules: dict[str, ModuleSummary] = {}
        self.products: dict[str, tuple[ModuleSummary, ...]] = {}
        """The modules of each product, oldest first."""
        self.providers: Table = {}
        self.requirers: Table = {}
        """The modules that require an interface or list it as optional."""
        self._answers: dict[Question, tuple[ModuleSummary, ...]] = {}
        self._sizes: dict[VersionFilter, int] = {}

    def changed(self, changes: Mapping[str, ModuleSummary | None]) -> Index:
        """A new index in which those modules are added, replaced, or (None) removed."""
        new = Index()
        gone = {i: self.modules[i] for i in changes if i in self.modules}
        come = [m for m in changes.values() if m is not None]
        new.modules = {i: m for i, m in self.modules.items() if i not in gone} if gone else dict(self.modules)
        new.modules.update((m.id, m) for m in come)
        new.products = _regrouped(self.products, gone, come)
        new.providers = _retabled(self.providers, gone, come, lambda m: m.provides)
        new.requirers = _retabled(self.requirers, gone, come, lambda m: m.requires + m.optional)
        return new

    def latest(self, product: str, versions: VersionFilter) -> ModuleSummary | None:
        """The newest module of a product that passes the filter; None if there is none."""
        newest_first = reversed(self.products.get(product, ()))
        return next((m for m in newest_first if versions.matches(m.module_id)), None)

    def size(self, versions: VersionFilter) -> int:
        """How many modules pass the filter."""
        known = self._sizes.get(versions)
        if known is None:
            known = sum(versions.matches(m.module_id) for m in self.modules.values())
            self._sizes[versions] = known
        return known

    def providers_for(self, required: InterfaceRef, versions: VersionFilter) -> tuple[ModuleSummary, ...]:
        """The newest provider of a required interface of each product, except products that another one replaces.

        Source: Okapi (DepResolution.findModulesForRequiredInterface), in its order.
        """
        return self._answer((versions, True, required.id, required.version))

    def requirers_of(self, provided: InterfaceRef, versions: VersionFilter) -> tuple[ModuleSummary, ...]:
        """The newest module of each product that works with a provided interface, except products that one replaces.

        Source: Okapi (DepResolution.findModuleWithProvidedInterface), in its order.
        """
        return self._answer((versions, False, provided.id, provided.version))

    def _answer(self, question: Question) -> tuple[ModuleSummary, ...]:
        known = self._answers.get(question)
        if known is None:
            known = self._find(question)
            self._answers[question] = known  # two threads may compute it at once, with the same result
        return known

    def _find(self, question: Question) -> tuple[ModuleSummary, ...]:
        versions, provide, ident, version = question
        table = self.providers if provide else self.requirers
        fitting = [
            e.module
            for e in table.get(ident, ())
            if e.interface.regular
            and (compatible(e.interface.version, version) if provide else compatible(version, e.interface.version))
            and versions.matches(e.module.module_id)
        ]
        mask = sized_capacity(self.size(versions)) - 1
        fitting.sort(key=lambda m: (spread(m.id) & mask, m.id))
        newest: dict[str, ModuleSummary] = {}
        for module in fitting:
            known = newest.get(module.product)
            if known is None or module.module_id > known.module_id:
                newest[module.product] = module
        replaced = {product for module in fitting for product in module.replaces}
        return tuple(newest[p] for p in key_order(newest, capacity(len(newest))) if p not in replaced)


def _regrouped(
    products: dict[str, tuple[ModuleSummary, ...]], gone: Mapping[str, ModuleSummary], come: Iterable[ModuleSummary]
) -> dict[str, tuple[ModuleSummary, ...]]:
    added: defaultdict[str, list[ModuleSummary]] = defaultdict(list)
    for module in come:
        added[module.product].append(module)
    result = dict(products)
    for product in {*added, *(m.product for m in gone.values())}:
        kept = [m for m in products.get(product, ()) if m.id not in gone]
        group = sorted(kept + added[product], key=_age)
        result[product] = tuple(group)
        if not group:
            del result[product]
    return result


def _age(module: ModuleSummary) -> tuple[ModuleId, str]:
    return module.module_id, module.id


def _retabled(
    table: Table,
    gone: Mapping[str, ModuleSummary],
    come: Iterable[ModuleSummary],
    interfaces: Callable[[ModuleSummary], tuple[InterfaceRef, ...]],
) -> Table:
    added: defaultdict[str, list[Entry]] = defaultdict(list)
    for module in come:
        for interface in interfaces(module):
            added[interface.id].append(Entry(module, interface))
    touched = {interface.id for module in gone.values() for interface in interfaces(module)}
    result = dict(table)
    for ident in {*added, *touched}:
        kept = _kept(table.get(ident, ()), gone if ident in touched else {})
        result[ident] = (*kept, *added[ident])
        if not result[ident]:
            del result[ident]
    return result


def _kept(entries: tuple[Entry, ...], gone: Mapping[str, ModuleSummary]) -> Iterator[Entry]:
    return (e for e in entries if e.module.id not in gone)
