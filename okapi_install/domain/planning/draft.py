"""A draft of the modules that a tenant would have, and its faults in the order in which Okapi finds them.

The provided and required interfaces are updated with each change. This module only finds faults; `repair` decides what
to do about them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.interface_versions import compatible
from okapi_install.domain.modules.java_order import DEFAULT_CAPACITY, JavaMap, capacity, spread
from okapi_install.domain.registry.index import Entry


class _Table:
    """Entries by interface id, in the order that Okapi's maps of lists would have if they were built now."""

    def __init__(self, modules: JavaMap[ModuleSummary], listed: Callable[[ModuleSummary], tuple[InterfaceRef, ...]]):
        self._modules = modules
        self._listed = listed
        self._entries: dict[str, list[Entry]] = {}

    def add(self, module: ModuleSummary) -> None:
        """Adds the interfaces that the module lists."""
        for interface in self._listed(module):
            self._entries.setdefault(interface.id, []).append(Entry(module, interface))

    def remove(self, module: ModuleSummary) -> None:
        """Removes the interfaces that the module lists."""
        for ident in {interface.id for interface in self._listed(module)}:
            left = [e for e in self._entries[ident] if e.module.id != module.id]
            self._entries[ident] = left
            if not left:
                del self._entries[ident]

    def __contains__(self, ident: object) -> bool:
        return ident in self._entries

    def unordered(self, ident: str) -> list[Entry]:
        """The entries of an interface, in any order."""
        return self._entries.get(ident, [])

    def entries(self, ident: str) -> list[Entry]:
        """The entries of an interface, in the order of their modules."""
        return sorted(self.unordered(ident), key=lambda e: self._modules.place(e.module.id))

    def in_order(self, idents: Collection[str]) -> list[str]:
        """The given interface ids in the order of Okapi's map.

        Okapi fills the map with `computeIfAbsent`, which puts a new key first in its bucket.
        """
        if len(idents) < 2:
            return list(idents)
        mask = self._buckets() - 1
        latest_first = sorted(idents, key=self._first, reverse=True)
        return sorted(latest_first, key=lambda ident: spread(ident) & mask)

    def _first(self, ident: str) -> tuple[tuple[int, int], int]:
        """The sort key for when the interface was first added."""
        module = min((e.module for e in self._entries[ident]), key=lambda m: self._modules.place(m.id))
        return self._modules.place(module.id), [i.id for i in self._listed(module)].index(ident)

    def _buckets(self) -> int:
        """The map's number of buckets. `computeIfAbsent` grows it only at the next call after it became too full."""
        size = len(self._entries)
        before = capacity(size - 1)
        if before == capacity(size):
            return before
        last = next(listed[-1] for m in reversed(self._modules.values()) if (listed := self._listed(m)))
        return before if len(self._entries[last.id]) == 1 else capacity(size)


class Draft:
    """A set of modules, and the faults of their combination."""

    def __init__(self, modules: Iterable[ModuleSummary] = (), buckets: int = DEFAULT_CAPACITY) -> None:
        self.modules: JavaMap[ModuleSummary] = JavaMap(buckets)
        self._provided = _Table(self.modules, lambda m: tuple([i for i in m.provides if i.regular]))
        self._required = _Table(self.modules, lambda m: m.requires)
        self._wanted = _Table(self.modules, lambda m: m.requires + m.optional)
        self._twice: set[str] = set()
        self._missing: set[str] = set()
        self._clashing: set[str] = set()
        self._touched: set[str] = set()
        self._products: dict[str, list[str]] = {}
        for module in modules:
            self.enable(module)

    def enable(self, module: ModuleSummary) -> None:
        """Adds a module, unless it is already in the draft."""
        if module.id in self.modules:
            return
        self.modules.put(module.id, module)
        self._products.setdefault(module.product, []).append(module.id)
        for table in (self._provided, self._required, self._wanted):
            table.add(module)
        self._touch(module)

    def disable(self, module_id: str) -> None:
        """Removes a module, if it is in the draft."""
        module = self.modules.remove(module_id)
        if module is None:
            return
        self._products[module.product].remove(module_id)
        for table in (self._provided, self._required, self._wanted):
            table.remove(module)
        self._touch(module)

    def of_product(self, product: str) -> str | None:
        """The id of the first module of that product; None if there is none."""
        return min(self._products.get(product, ()), key=self.modules.place, default=None)

    def provided_twice(self) -> list[tuple[str, list[Entry]]]:
        """The interfaces that more than one module provides, with their providers."""
        self._judge()
        return [(i, self._provided.entries(i)) for i in self._provided.in_order(self._twice)]

    def missing(self) -> list[tuple[str, list[Entry]]]:
        """The required interfaces that no module provides, with the modules that require them."""
        self._judge()
        return [(i, self._required.entries(i)) for i in self._required.in_order(self._missing)]

    def clashing(self) -> list[tuple[Entry, list[Entry]]]:
        """The providers whose version is not compatible with all requirements, with the incompatible entries."""
        self._judge()
        result = []
        for ident in self._wanted.in_order(self._clashing):
            provider = self._provided.entries(ident)[0]
            unsuited = [e for e in self._wanted.entries(ident) if not _suits(provider, e)]
            if unsuited:
                result.append((provider, unsuited))
        return result

    def _touch(self, module: ModuleSummary) -> None:
        for interfaces in (module.provides, module.requires, module.optional):
            self._touched.update([i.id for i in interfaces])

    def _judge(self) -> None:
        for ident in self._touched:
            providers = self._provided.unordered(ident)
            _mark(self._twice, ident, len(providers) > 1)
            _mark(self._missing, ident, not providers and ident in self._required)
            wanted = self._wanted.unordered(ident) if providers else []
            _mark(self._clashing, ident, any(not _suits(p, e) for p in providers for e in wanted))
        self._touched.clear()


def _suits(provider: Entry, wanting: Entry) -> bool:
    return compatible(provider.interface.version, wanting.interface.version)


def _mark(marked: set[str], ident: str, mark: bool) -> None:
    if mark:
        marked.add(ident)
    else:
        marked.discard(ident)
