"""How long modules usually take, from earlier jobs. Cached for a short time, because pages ask often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        return self.usual_of([job])[job.id]

    def usual_of(self, jobs: Sequence[Job]) -> dict[str, dict[int, Durations]]:
        """The same for many jobs, by their ids, in one read."""
        keys = {job.id: {step.pos: timing_key(step.change) for step in job.steps} for job in jobs}
        products = frozenset(product for steps in keys.values() for product, _ in steps.values())
        known = self._of_products(products) if products else {}
        return {
            job_id: {pos: known[key] for pos, key in steps.items() if key in known} for job_id, steps in keys.items()
        }

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
