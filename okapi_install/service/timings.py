"""How long modules usually take, from earlier jobs. Read through a short cache, because pages ask often."""

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
"""Product and action: durations are kept by these, over all versions and tenants."""


class TimingsService:
    """Durations of earlier jobs. For many threads."""

    def __init__(self, store: JobStore, clock: Clock) -> None:
        self._store = store
        self._kept: TTLCache[frozenset[str], Mapping[TimingKey, Durations], float]
        self._kept = TTLCache(MOST_KEPT, KEPT_SECONDS, timer=clock.monotonic)
        self._lock = Lock()

    def usual(self, job: Job) -> dict[int, Durations]:
        """What is known of the job's steps, by their position."""
        keys = {step.pos: timing_key(step.change) for step in job.steps}
        known = self._of_products(frozenset(product for product, _ in keys.values()))
        return {pos: known[key] for pos, key in keys.items() if key in known}

    def _of_products(self, products: frozenset[str]) -> Mapping[TimingKey, Durations]:
        """Kept only once every product is known: the first duration of a product is shown at once."""
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
    """Under which key the duration of a step with that change is kept."""
    return ModuleId.parse(change.id).product, change.action.value
