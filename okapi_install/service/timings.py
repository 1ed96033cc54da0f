"""How long modules took before, for estimates; read through a short cache, since pages ask often."""

from __future__ import annotations

import time
from collections.abc import Mapping

from okapi_install.domain.jobs import Job
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.service.ports import Clock, Durations, JobStore

KEPT_SECONDS = 30.0


class HistoryService:
    """Durations seen before, by product and action."""

    def __init__(self, store: JobStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: dict[frozenset[str], tuple[float, Mapping[tuple[str, str], Durations]]] = {}

    def durations(self, job: Job) -> Mapping[tuple[str, str], Durations]:
        """Those of the products in the job's plan."""
        products = frozenset(ModuleId.parse(step.change.id).product for step in job.steps)
        now = self._clock.monotonic()
        kept = self._kept.get(products)
        if kept is not None and now - kept[0] < KEPT_SECONDS:
            return kept[1]
        if len(self._kept) > 1000:
            self._kept.clear()
        found = self._store.durations(products)
        if products == {product for product, _ in found}:
            self._kept[products] = now, found
        return found

    def now(self) -> float:
        """Seconds since 1970, for ages that are shown."""
        return time.time()
