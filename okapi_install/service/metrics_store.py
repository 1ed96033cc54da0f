"""Moves what a process has counted into the store, and reads what all of them have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.metrics import CountKey, Meters
from okapi_install.service.ports import Census, JobStore

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the metrics are made of: the counters of all processes together, and the numbers of now."""

    counts: Mapping[CountKey, float]
    census: Census


class Metering:
    """The counts of this process and of all."""

    def __init__(self, store: JobStore, meters: Meters) -> None:
        self._store = store
        self._meters = meters

    def flush(self) -> None:
        """Adds what was counted here to the store; if that fails, the next call does it.

        An answer that is lost after the commit counts twice what is in it: better than not at all.
        """
        taken = self._meters.take()
        if not taken:
            return
        try:
            self._store.add_counts(taken)
        except OkapiInstallError as problem:
            self._meters.give_back(taken)
            log.debug("counts are kept for later: the store is away", cause=problem.message)

    def read(self) -> Reading:
        """All counters, this process's included. Raises StoreUnavailable."""
        self.flush()
        return Reading(counts=self._store.counts(), census=self._store.census())
