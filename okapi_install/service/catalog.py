"""What a worker knows of modules while it carries out jobs: descriptors, and where modules run.

Descriptors are kept as long as the registry's index holds the very summary that they came with; a module
that is removed and added again is read anew. Instances are kept for a second.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from okapi_install.domain.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.domain.registry import Registry
from okapi_install.service.patience import Patience
from okapi_install.service.ports import Clock, RegistryStore
from okapi_install.service.registry import RegistryService


class Catalog:
    """Descriptors and instances, read from the store when they are first wanted; while it is away, that waits."""

    def __init__(self, store: RegistryStore, registry: RegistryService, clock: Clock, patience: Patience) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._patience = patience
        self._descriptors: dict[str, tuple[ModuleSummary, ModuleDescriptor]] = {}
        self._urls: dict[str, tuple[float, list[str]]] = {}

    def registry(self) -> Registry:
        """The index of all modules, as the store has it now."""
        return self._patience(self._registry.current)

    def descriptors(self, registry: Registry, ids: Iterable[str]) -> dict[str, ModuleDescriptor]:
        """The descriptors of those of the ids that the registry has."""
        summaries = {i: s for i in set(ids) if (s := registry.get(i)) is not None}
        missing = [i for i, s in summaries.items() if i not in self._descriptors or self._descriptors[i][0] is not s]
        read = self._patience(lambda: self._store.descriptors(missing)) if missing else {}
        for module_id, descriptor in read.items():
            self._descriptors[module_id] = (summaries[module_id], descriptor)
        return {i: self._descriptors[i][1] for i in summaries if i in self._descriptors}

    def instance_url(self, module_id: str, *, fresh: bool = False) -> str | None:
        """The address of one of the module's instances, picked at random as Okapi does; None if there is none."""
        now = self._clock.monotonic()
        known = self._urls.get(module_id)
        if known is None or fresh or now - known[0] > 1.0:
            instances = self._patience(lambda: self._store.instances(module_id))
            known = now, [i.url for i in instances if i.url]
            self._urls[module_id] = known
        return random.choice(known[1]) if known[1] else None  # noqa: S311 (load balancing, not security)
