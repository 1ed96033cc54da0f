"""The registry of modules as this process knows it: an index in memory that changes are applied to.

Readers never wait: every state is an `Index` that does not change any more, and a change puts a new one in its
place. A reader that needs several answers from one and the same state takes `index` once. Writers take turns.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.modules.index import Entry, Index
from okapi_install.domain.modules.query import ModuleQuery, select
from okapi_install.domain.modules.registry_checks import check_dependencies, check_removal, obsolete
from okapi_install.domain.modules.versions import ModuleId, VersionFilter


class Registry:
    """All modules. Any thread may read while another applies changes."""

    def __init__(self, modules: Iterable[ModuleSummary] = ()) -> None:
        self._index = Index()
        self._writing = threading.Lock()
        self.apply((m.id, m) for m in modules)

    @property
    def index(self) -> Index:
        """The state of now, which will not change."""
        return self._index

    def apply(self, changes: Iterable[tuple[str, ModuleSummary | None]]) -> None:
        """Adds or replaces modules, or (None) removes them; of several changes of one module the last counts."""
        with self._writing:
            last = dict(changes)
            if last:
                self._index = self._index.changed(last)

    def __contains__(self, module_id: object) -> bool:
        return module_id in self._index.modules

    def __len__(self) -> int:
        return len(self._index.modules)

    def get(self, module_id: str) -> ModuleSummary | None:
        """The module of that id."""
        return self._index.modules.get(module_id)

    def ids(self) -> list[str]:
        """The ids of all modules, sorted as texts."""
        return sorted(self._index.modules)

    def latest(self, product: str, versions: VersionFilter | None = None) -> str | None:
        """The id of the newest module of a product that the filter lets through."""
        found = self._index.latest(product, versions or VersionFilter())
        return found.id if found else None

    def of_product(self, product: str) -> tuple[ModuleSummary, ...]:
        """The modules of a product, oldest version first."""
        return self._index.products.get(product, ())

    def providers(self, interface_id: str) -> list[Entry]:
        """Modules that provide an interface of that id, of whatever type, by module id."""
        return _by_module(self._index.providers.get(interface_id, ()))

    def requirers(self, interface_id: str) -> list[Entry]:
        """Modules that require an interface of that id, or to which it is optional, by module id."""
        return _by_module(self._index.requirers.get(interface_id, ()))

    def check_dependencies(self, new: Sequence[ModuleSummary], versions: VersionFilter | None = None) -> str:
        """What the new modules lack among themselves and the modules that the filter lets through; "" if nothing."""
        return check_dependencies(self._index, new, versions or VersionFilter())

    def check_removal(self, module_id: str) -> str:
        """What any module would lack without that one; "" if nothing. Okapi looks at all that remain."""
        return check_removal(self._index, module_id)

    def obsolete(self, save_releases: int, save_snapshots: int, *, remove_dependencies: bool = False) -> list[str]:
        """Ids of old snapshots that may go; see registry_checks.obsolete. Raises UserError."""
        return obsolete(self._index, save_releases, save_snapshots, remove_dependencies=remove_dependencies)

    def select(self, query: ModuleQuery, among: Iterable[str] | None = None) -> list[ModuleSummary]:
        """The modules that a query asks for, of all or of those ids. Raises UserError in Okapi's words."""
        modules = self._index.modules
        given = modules.values() if among is None else (modules[i] for i in among if i in modules)
        return select(given, query)


def _by_module(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda e: (ModuleId.parse(e.module.id), e.module.id))
