"""The registry of modules: an index in memory that is kept current, and the changes that clients request."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import structlog

from okapi_install.domain import messages, okapi_messages
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.identifiers import check_length
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleDescriptor, ModuleSummary
from okapi_install.domain.modules.interface_versions import compatible
from okapi_install.domain.modules.versions import VersionFilter
from okapi_install.domain.registry.index import Index
from okapi_install.domain.registry.query import ModuleQuery
from okapi_install.domain.registry.registry import Registry
from okapi_install.service.ports import RegistryDelta, RegistryStore

log = structlog.get_logger()


class RegistryService:
    """The registry. One instance per process; thread-safe."""

    def __init__(self, store: RegistryStore) -> None:
        self._store = store
        self._registry = Registry()
        self._seq = 0
        self._catching_up = threading.Lock()

    @property
    def seq(self) -> int:
        """The number of the newest change that the last call of `current` has seen."""
        return self._seq

    def current(self, newest: int | None = None) -> Registry:
        """The index of all modules, as they are in the store now.

        `newest` is the number of the newest change, if the caller has just read it. It saves a query.
        """
        seq = self._seq
        if newest is not None and newest == seq:
            return self._registry
        if seq == 0:  # all modules have to be read: once, not by every waiting thread
            with self._catching_up:
                self._apply(self._store.registry_since(self._seq))
            return self._registry
        delta = self._store.registry_since(seq)
        if delta.seq != seq:
            with self._catching_up:
                self._apply(delta if self._seq == seq else self._store.registry_since(self._seq))
        return self._registry

    def _apply(self, delta: RegistryDelta) -> None:
        if delta.seq == self._seq:
            return
        gone: dict[str, None] = {}
        if delta.seq < self._seq:  # the database was restored to an earlier state: start from what it has now
            gone, delta = dict.fromkeys(self._registry.ids()), self._store.registry_since(0)
        changes = gone | {change.module_id: change.summary for change in delta.changes}
        self._registry.apply(changes.items())
        self._seq = delta.seq

    def get(self, module_id: str) -> ModuleDescriptor:
        """One descriptor. Raises NotFound."""
        found = self._store.descriptors([module_id]).get(module_id)
        if found is None:
            raise NotFound(module_id)
        return found

    def descriptors(self, ids: Sequence[str]) -> list[ModuleDescriptor]:
        """The descriptors of those of the ids that exist, in their order."""
        found = self._store.descriptors(ids)
        return [found[i] for i in ids if i in found]

    def select(self, query: ModuleQuery, without: Iterable[str] = ()) -> list[ModuleSummary]:
        """The modules that match a query, except those of the ids in `without`. Raises UserError."""
        registry, left_out = self.current(), set(without)
        among = (i for i in registry.ids() if i not in left_out) if left_out else None
        return registry.select(query, among)

    def add(
        self,
        modules: Sequence[ModuleDescriptor],
        *,
        check: bool = True,
        versions: VersionFilter | None = None,
    ) -> None:
        """Adds all modules or none. Those that exist already with the same document are skipped.

        With `check`, what they require must exist or be added with them; `versions` says which existing ones count.

        Raises:
            UserError: one exists with another document (Okapi 10203), or its requirements are not met (10200, 10201).
        """
        registry = self.current()
        new = self._new_ones(modules, registry)
        problems = registry.check_dependencies([d.summary() for d in new], versions) if check else ""
        if problems:
            raise UserError(problems)
        self._store.add_modules(new)
        if new:
            log.info("modules added", count=len(new))

    def add_those_met(self, modules: Sequence[ModuleDescriptor]) -> dict[str, str]:
        """Adds the modules whose requirements are met. The result has the problem of each of the others.

        Raises:
            UserError: one exists with another document (Okapi 10203).
        """
        registry = self.current()
        new = self._new_ones(modules, registry)
        met = _with_all_met(registry.index, [d.summary() for d in new])
        self._store.add_modules([d for d in new if d.id in met])
        after = self.current()
        return {
            d.id: after.check_dependencies([d.summary()]) or messages.left_out_of_pull() for d in new if d.id not in met
        }

    def _new_ones(self, modules: Sequence[ModuleDescriptor], registry: Registry) -> list[ModuleDescriptor]:
        known = self._store.descriptors([d.id for d in modules if d.id in registry])
        new = []
        for descriptor in modules:
            check_length(descriptor.id)
            there = known.setdefault(descriptor.id, descriptor)
            if there.document != descriptor.document:
                raise UserError(okapi_messages.module_exists(descriptor.id))
            if there is descriptor:
                new.append(descriptor)
        return new

    def remove(self, module_id: str) -> None:
        """Removes a module.

        Raises:
            UserError: a tenant has it enabled (Okapi 10206), or another module requires it (10208).
            NotFound: the module does not exist (10207).
        """
        users = self._store.users_of(module_id)
        if users:
            raise UserError(okapi_messages.module_in_use(module_id, users[0]))
        registry = self.current()
        if module_id not in registry:
            raise NotFound(okapi_messages.no_module_to_delete(module_id))
        problems = registry.check_removal(module_id)
        if problems:
            raise UserError(okapi_messages.module_is_required(module_id, problems))
        if not self._store.remove_module(module_id):
            raise NotFound(okapi_messages.no_module_to_delete(module_id))
        log.info("module removed", module=module_id)

    def cleanup(self, save_releases: int, save_snapshots: int, *, remove_dependencies: bool) -> None:
        """Removes old snapshots (Okapi: ModuleManager.deleteObsolete).

        Raises:
            UserError: one of them is enabled for a tenant, or is required by a module that stays. Nothing is removed.
        """
        old = self.current().obsolete(save_releases, save_snapshots, remove_dependencies=remove_dependencies)
        used = self._store.enabled_anywhere() if old else {}
        for module_id in old:
            if module_id in used:
                raise UserError(okapi_messages.module_in_use(module_id, used[module_id]))
        for module_id in old:
            self._store.remove_module(module_id)
        log.info("old modules removed", count=len(old))


def _with_all_met(index: Index, new: Sequence[ModuleSummary]) -> set[str]:
    """The new modules without those whose requirements are not met, nor those that then lose a provider, and so on."""
    left = {m.id: m for m in new}
    index = index.changed(dict(left))
    while lacking := [m.id for m in left.values() if _lacks(index, m)]:
        left = {i: m for i, m in left.items() if i not in lacking}
        index = index.changed(dict.fromkeys(lacking))
    return set(left)


def _lacks(index: Index, module: ModuleSummary) -> bool:
    def unmet(required: InterfaceRef) -> bool:
        offers = index.providers.get(required.id, ())
        return not any(compatible(e.interface.version, required.version) for e in offers)

    optional = (o for o in module.optional if o.id in index.providers)
    return any(unmet(r) for r in (*module.requires, *optional))
