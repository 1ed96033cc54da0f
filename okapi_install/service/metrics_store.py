"""Adds the counts of this process to the totals in the store, and reads the totals of all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.metrics import CountKey, Meters
from okapi_install.service.ports import Census, Store, Trouble

log = structlog.get_logger()

FAILED_WITHIN, MOST_TROUBLES = 3600.0, 20
"""A failed job is among the troubles for that many seconds. There are at most so many troubles of each kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The values behind the metrics: the counters of all processes together, and the current gauges."""

    counts: Mapping[CountKey, float]
    census: Census
    rollouts: Mapping[str, int]
    """How many rollouts are in which state."""
    troubles: Sequence[Trouble] = ()


class Metering:
    """Moves counts to the store and reads the totals."""

    def __init__(self, store: Store, meters: Meters) -> None:
        self._store = store
        self._meters = meters

    def flush(self) -> None:
        """Adds the counts of this process to the store. If that fails, the next call does it.

        If the response is lost after the commit, the same counts are added twice, which is better than losing them.
        """
        taken = self._meters.take()
        if not taken:
            return
        try:
            self._store.add_counts(taken)
        except OkapiInstallError as problem:
            self._meters.give_back(taken)
            log.debug("counts are kept for later: the store is unavailable", cause=problem.message)

    def read(self) -> Reading:
        """All counters, including those of this process. Raises StoreUnavailable."""
        self.flush()
        rollouts, troubles = self._store.rollout_census(), self._store.troubles(FAILED_WITHIN, MOST_TROUBLES)
        counts, census = self._store.counts(), self._store.census()
        return Reading(counts=counts, census=census, rollouts=rollouts, troubles=troubles)
