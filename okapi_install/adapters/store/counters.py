"""Counters that all processes add to, for the metrics. They only grow; the removal of jobs leaves them alone."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from sqlalchemy import Connection, select

from okapi_install.adapters.store.tables import COUNTERS
from okapi_install.adapters.store.transactions import StorePart, glance, write
from okapi_install.adapters.store.upserts import upserting
from okapi_install.service.metrics import CountKey

_ADD = upserting(COUNTERS, lambda new: {"value": COUNTERS.c.value + new["value"]}, ["name", "labels"])
_ALL = select(COUNTERS.c.name, COUNTERS.c.labels, COUNTERS.c.value)


class CounterPart(StorePart):
    """Adding to counters, and reading them."""

    @write
    def add_counts(self, connection: Connection, deltas: Mapping[CountKey, float]) -> None:
        """See JobStore.add_counts. Processes lock the rows in the same order, so that none waits for another's."""
        rows = [
            {"name": name, "labels": orjson.dumps(labels).decode(), "value": value}
            for (name, labels), value in sorted(deltas.items())
        ]
        _ADD.run(connection, rows)

    @glance
    def counts(self, connection: Connection) -> dict[CountKey, float]:
        """See JobStore.counts."""
        return {
            (name, tuple((key, text) for key, text in orjson.loads(labels))): value
            for name, labels, value in connection.execute(_ALL)
        }
