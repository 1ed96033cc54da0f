"""How long modules usually take, from earlier jobs. Cached for a short time, because pages ask often."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from cachetools import TTLCache

from okapi_install.domain.jobs import Change, Job
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.service.ports import Clock, Durations, JobStore

KEPT_SECONDS = 30.0
MOST_KEPT = 1000

TimingKey = tuple[str, str]
"""Product and action: durations are recorded by these, over all versions and tenants."""


class TimingsService:
    """Durations of earlier jobs. Thread-safe."""

    def __init__(self, store: JobStore, clock: Clock) -> None:
        self._store = store
        self._kept: TTLCache[frozenset[str], Mapping[TimingKey, Durations], float]
        self._kept = TTLCache(MOST_KEPT, KEPT_SECONDS, timer=clock.monotonic)
        self._lock = Lock()

    def usual(self, job: Job) -> dict[int, Durations]:
        """The known durations of the job's steps, by position."""
        keys = {step.pos: timing_key(step.change) for step in job.steps}
        known = self._of_products(frozenset(product for product, _ in keys.values()))
        return {pos: known[key] for pos, key in keys.items() if key in known}

    def _of_products(self, products: frozenset[str]) -> Mapping[TimingKey, Durations]:
        """Cached only if every product is known, so that the first duration of a product is shown at once."""
        with self._lock:
            kept = self._kept.get(products)
        if kept is not None:
            return kept
        found = self._store.durations(products)
        if products == {product for product, _ in found}:
            with self._lock:
                self._kept[products] = found
        return found


def timing_key(change: Change) -> TimingKey:
    """The key of the durations of a step with that change."""
    return ModuleId.parse(change.id).product, change.action.value
