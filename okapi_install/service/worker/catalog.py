"""A worker's caches of module descriptors and instances.

A descriptor is valid as long as the registry's index has the same summary object. A module that was removed and added
again is read again. Instances are cached for a second. If many jobs need the same entry at once, only one reads it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping

from cachetools import LRUCache, TTLCache, cached

from okapi_install.domain.modules.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.domain.registry.registry import Registry
from okapi_install.service.ports import Clock, Platform, PlatformUnavailable, RegistryStore
from okapi_install.service.registry import RegistryService
from okapi_install.service.worker.store_retries import Patience

_MOST_DESCRIPTORS = 2000
_MOST_MODULES = 5000
_FRESH = 1.0
"""Seconds for which a module's instances are not read again."""


class Catalog:
    """Descriptors (of the store) and instances (of the platform), read on first use; reads wait for the store."""

    def __init__(
        self, store: RegistryStore, registry: RegistryService, platform: Platform, clock: Clock, patience: Patience
    ) -> None:
        self._store = store
        self._platform = platform
        self._registry = registry
        self._patience = patience
        self._descriptors: LRUCache[str, tuple[ModuleSummary, ModuleDescriptor]] = LRUCache(_MOST_DESCRIPTORS)
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._urls: TTLCache[str, list[str], float] = TTLCache(_MOST_MODULES, _FRESH, timer=clock.monotonic)
        self._urls_lock = threading.Condition()
        self._recent_urls = cached(self._urls, key=str, condition=self._urls_lock)(self._urls_or_last)
        self._last_urls: LRUCache[str, list[str]] = LRUCache(_MOST_MODULES)

    def registry(self, newest: int | None = None) -> Registry:
        """The index of all modules, as the store has it now; see RegistryService.current."""
        return self._patience(lambda: self._registry.current(newest))

    def descriptors(self, registry: Registry, ids: Iterable[str]) -> dict[str, ModuleDescriptor]:
        """The descriptors of those of the ids that the registry has, or had: an Okapi may have removed them."""
        wanted = set(ids)
        summaries = {i: s for i in wanted if (s := registry.get(i)) is not None}
        found = self._valid(summaries)
        if len(found) < len(summaries):
            with self._reading:
                found |= self._read({i: s for i, s in summaries.items() if i not in found})
        unlisted = sorted(wanted.difference(summaries))
        return found | self._patience(lambda: self._store.descriptors(unlisted)) if unlisted else found

    def _valid(self, summaries: Mapping[str, ModuleSummary]) -> dict[str, ModuleDescriptor]:
        with self._lock:
            kept = {i: k for i in summaries if (k := self._descriptors.get(i)) is not None}
        return {i: descriptor for i, (summary, descriptor) in kept.items() if summary is summaries[i]}

    def _read(self, summaries: Mapping[str, ModuleSummary]) -> dict[str, ModuleDescriptor]:
        """The descriptors: those that another job has read meanwhile, the rest from the store."""
        found = self._valid(summaries)
        missing = [i for i in summaries if i not in found]
        read = self._patience(lambda: self._store.descriptors(missing)) if missing else {}
        with self._lock:
            self._descriptors.update((i, (summaries[i], descriptor)) for i, descriptor in read.items())
        return found | read

    def instance_url(self, module_id: str, *, fresh: bool = False) -> str | None:
        """The address of one of the module's instances, picked at random as Okapi does; None if there is none.

        `fresh` reads them again, because a call to the last address has failed. Raises PlatformUnavailable.
        """
        urls = self._fresh_urls(module_id) if fresh else self._recent_urls(module_id)
        return random.choice(urls) if urls else None  # noqa: S311 (load balancing, not security)

    def _fresh_urls(self, module_id: str) -> list[str]:
        urls = self._read_urls(module_id)
        with self._urls_lock:
            self._urls[module_id] = urls
        return urls

    def _urls_or_last(self, module_id: str) -> list[str]:
        """The addresses; those that were read last while the platform is unavailable, if there are some."""
        try:
            return self._read_urls(module_id)
        except PlatformUnavailable:
            last = self._last_urls.get(module_id)
            if last is None:
                raise
            return last

    def _read_urls(self, module_id: str) -> list[str]:
        urls = self._urls_now(module_id)
        self._last_urls[module_id] = urls
        return urls

    def _urls_now(self, module_id: str) -> list[str]:
        return [i.url for i in self._patience(lambda: self._platform.instances(module_id)) if i.url]
