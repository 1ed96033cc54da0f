"""The registry of modules in this process: an index in memory, to which changes are applied.

Readers never wait: each state is an immutable `Index`, and a change replaces it with a new one. A reader that needs
several answers from the same state takes `index` once. Writers take turns.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.modules.versions import ModuleId, VersionFilter
from okapi_install.domain.registry.checks import check_dependencies, check_removal, obsolete
from okapi_install.domain.registry.index import Entry, Index
from okapi_install.domain.registry.query import ModuleQuery, select


class Registry:
    """All modules. Threads may read while another one applies changes."""

    def __init__(self, modules: Iterable[ModuleSummary] = ()) -> None:
        self._index = Index()
        self._writing = threading.Lock()
        self.apply((m.id, m) for m in modules)

    @property
    def index(self) -> Index:
        """The current state, which is immutable."""
        return self._index

    def apply(self, changes: Iterable[tuple[str, ModuleSummary | None]]) -> None:
        """Adds, replaces or (None) removes modules. If a module occurs several times, its last change counts."""
        with self._writing:
            last = dict(changes)
            if last:
                self._index = self._index.changed(last)

    def __contains__(self, module_id: object) -> bool:
        return module_id in self._index.modules

    def __len__(self) -> int:
        return len(self._index.modules)

    def get(self, module_id: str) -> ModuleSummary | None:
        """The module of that id, if there is one."""
        return self._index.modules.get(module_id)

    def ids(self) -> list[str]:
        """The ids of all modules, sorted as strings."""
        return sorted(self._index.modules)

    def latest(self, product: str, versions: VersionFilter | None = None) -> str | None:
        """The id of the newest module of a product that passes the filter; None if there is none."""
        found = self._index.latest(product, versions or VersionFilter())
        return found.id if found else None

    def of_product(self, product: str) -> tuple[ModuleSummary, ...]:
        """The modules of a product, oldest version first."""
        return self._index.products.get(product, ())

    def providers(self, interface_id: str) -> list[Entry]:
        """The providers of an interface, of any type, sorted by module id."""
        return _by_module(self._index.providers.get(interface_id, ()))

    def requirers(self, interface_id: str) -> list[Entry]:
        """The modules that require an interface or list it as optional, sorted by module id."""
        return _by_module(self._index.requirers.get(interface_id, ()))

    def check_dependencies(self, new: Sequence[ModuleSummary], versions: VersionFilter | None = None) -> str:
        """The unmet dependencies of new modules, as sentences; "" if there are none.

        Dependencies may be met by the new modules themselves, and by registered ones that pass the filter.
        """
        return check_dependencies(self._index, new, versions or VersionFilter())

    def check_removal(self, module_id: str) -> str:
        """The unmet dependencies of all other modules if that one is removed; "" if there are none (Okapi)."""
        return check_removal(self._index, module_id)

    def obsolete(self, save_releases: int, save_snapshots: int, *, remove_dependencies: bool = False) -> list[str]:
        """The ids of old snapshots that can be removed, by the rules of registry_checks.obsolete. Raises UserError."""
        return obsolete(self._index, save_releases, save_snapshots, remove_dependencies=remove_dependencies)

    def select(self, query: ModuleQuery, among: Iterable[str] | None = None) -> list[ModuleSummary]:
        """The modules that match a query, of all or of those ids. Raises UserError with Okapi's message."""
        modules = self._index.modules
        given = modules.values() if among is None else (modules[i] for i in among if i in modules)
        return select(given, query)


def _by_module(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda e: (ModuleId.parse(e.module.id), e.module.id))
