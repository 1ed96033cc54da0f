"""What a worker knows of modules while it carries out jobs: descriptors, and where modules run.

Descriptors are kept as long as the registry's index holds the very summary that they came with; a module
that is removed and added again is read anew. Instances are kept for a second. Of many jobs that want the same at
once, one reads it.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping

from okapi_install.domain.modules.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.domain.modules.registry import Registry
from okapi_install.service.ports import Clock, RegistryStore
from okapi_install.service.registry import RegistryService
from okapi_install.service.worker.store_retries import Patience

_FRESH = 1.0
"""Seconds for which an instance is not asked for again."""


class Catalog:
    """Descriptors and instances, read from the store when they are first wanted; while it is away, that waits."""

    def __init__(self, store: RegistryStore, registry: RegistryService, clock: Clock, patience: Patience) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._patience = patience
        self._descriptors: dict[str, tuple[ModuleSummary, ModuleDescriptor]] = {}
        self._urls: dict[str, tuple[float, list[str]]] = {}
        self._reading = threading.Lock()
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def registry(self, newest: int | None = None) -> Registry:
        """The index of all modules, as the store has it now; see RegistryService.current."""
        return self._patience(lambda: self._registry.current(newest))

    def descriptors(self, registry: Registry, ids: Iterable[str]) -> dict[str, ModuleDescriptor]:
        """The descriptors of those of the ids that the registry has."""
        summaries = {i: s for i in set(ids) if (s := registry.get(i)) is not None}
        if self._missing(summaries):
            with self._reading:
                self._read(summaries)
        return {i: self._descriptors[i][1] for i in summaries if i in self._descriptors}

    def _missing(self, summaries: Mapping[str, ModuleSummary]) -> list[str]:
        return [i for i, s in summaries.items() if i not in self._descriptors or self._descriptors[i][0] is not s]

    def _read(self, summaries: Mapping[str, ModuleSummary]) -> None:
        missing = self._missing(summaries)
        read = self._patience(lambda: self._store.descriptors(missing)) if missing else {}
        for module_id, descriptor in read.items():
            self._descriptors[module_id] = (summaries[module_id], descriptor)

    def instance_url(self, module_id: str, *, fresh: bool = False) -> str | None:
        """The address of one of the module's instances, picked at random as Okapi does; None if there is none."""
        urls = self._known_urls(module_id)
        if urls is None or fresh:
            with self._asking[module_id]:
                urls = None if fresh else self._known_urls(module_id)
                urls = self._ask(module_id) if urls is None else urls
        return random.choice(urls) if urls else None  # noqa: S311 (load balancing, not security)

    def _known_urls(self, module_id: str) -> list[str] | None:
        at, urls = self._urls.get(module_id, (0.0, None))
        return None if urls is None or self._clock.monotonic() - at > _FRESH else urls

    def _ask(self, module_id: str) -> list[str]:
        now = self._clock.monotonic()
        urls = [i.url for i in self._patience(lambda: self._store.instances(module_id)) if i.url]
        self._urls[module_id] = now, urls
        return urls
