"""Adds the counts of this process to the totals in the store, and reads the totals of all processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.metrics import CountKey, Meters
from okapi_install.service.ports import Census, Store

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The values behind the metrics: the counters of all processes together, and the current gauges."""

    counts: Mapping[CountKey, float]
    census: Census
    rollouts: Mapping[str, int]
    """How many rollouts are in which state."""


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
        rollouts = self._store.rollout_census()
        return Reading(counts=self._store.counts(), census=self._store.census(), rollouts=rollouts)
