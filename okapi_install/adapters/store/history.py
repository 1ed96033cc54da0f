"""What is learned from jobs that ended: how long modules take, and which may still be at work after an abort."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, select

from okapi_install.adapters.store.tables import DURATIONS, LEFTOVERS, STEPS
from okapi_install.adapters.store.transactions import StorePart, glance, write
from okapi_install.adapters.store.upserts import replacing, upserting
from okapi_install.domain.errors import StoreUnavailable
from okapi_install.domain.jobs import StepStatus
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.service.ports import Durations

_d = DURATIONS.c
_DONE = select(STEPS.c.module_id, STEPS.c.action, STEPS.c.started, STEPS.c.ended).where(
    STEPS.c.job_seq == bindparam("at_seq"),
    STEPS.c.status == StepStatus.DONE.value,
    STEPS.c.started.is_not(None),
    STEPS.c.ended >= bindparam("since"),
)
_RECORD = upserting(
    DURATIONS,
    lambda new: {
        "count": _d.count + new["count"],
        "mean": _d.mean + (new["mean"] - _d.mean) * new["count"] / (_d.count + new["count"]),
        "longest": case((new["longest"] > _d.longest, new["longest"]), else_=_d.longest),
    },
    ["product", "action"],
)
_NOTE = replacing(LEFTOVERS)
_CLEAR = delete(LEFTOVERS).where(
    LEFTOVERS.c.tenant_id == bindparam("of_tenant"), LEFTOVERS.c.product.in_(bindparam("products", expanding=True))
)
LEFT = select(LEFTOVERS.c.module_id, LEFTOVERS.c.text).where(LEFTOVERS.c.tenant_id == bindparam("of_tenant"))
_SEEN = select(DURATIONS).where(_d.product.in_(bindparam("products", expanding=True)))


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Done:
    """A step that succeeded: the product of its module, its action, and its seconds."""

    product: str
    action: str
    seconds: float


def product_of(module_id: str) -> str:
    """The module's name without its version."""
    return ModuleId.parse(module_id).product


def done_in_this_run(connection: Connection, seq: int, since: float) -> list[Done]:
    """The steps of a job that succeeded after `since`: not those of a run before a retry. Sorted."""
    return done_of(connection.execute(_DONE, {"at_seq": seq, "since": since}))


def done_of(rows: Iterable[Sequence[Any]]) -> list[Done]:
    """The steps of rows of module, action, start and end. Sorted."""
    return sorted(
        Done(product=product_of(module_id), action=action, seconds=max(0.0, ended - started))
        for module_id, action, started, ended in rows
    )


def note_leftovers(connection: Connection, tenant: str, texts: Mapping[str, str], at: float) -> None:
    """Remembers the modules that may still be at work, and what to warn with."""
    rows = [
        {"tenant_id": tenant, "module_id": module, "product": product_of(module), "text": text, "at": at}
        for module, text in texts.items()
    ]
    _NOTE.run(connection, rows)


def clear_leftovers(connection: Connection, tenant: str, done: Sequence[Done]) -> None:
    """Forgets those of the products that a job is done with."""
    if done:
        connection.execute(_CLEAR, {"of_tenant": tenant, "products": sorted({one.product for one in done})})


def durations_of(connection: Connection, products: Collection[str]) -> dict[tuple[str, str], Durations]:
    """How long steps took before, by product and action."""
    rows = connection.execute(_SEEN, {"products": sorted(products)})
    return {
        (product, action): Durations(count=count, mean=mean, longest=longest)
        for product, action, count, mean, longest in rows
    }


class HistoryPart(StorePart):
    """Reading what was learned."""

    def durations(self, products: Collection[str]) -> dict[tuple[str, str], Durations]:
        """See JobStore.durations."""
        self.write_durations()
        return self._durations(products)

    def write_durations(self) -> None:
        """Writes what has been learned since the last time."""
        learned = self.learned.take()
        if not learned:
            return
        try:
            self._write_durations(learned)
        except StoreUnavailable:
            self.learned.merge(learned.items())
            raise

    @glance
    def _durations(self, connection: Connection, products: Collection[str]) -> dict[tuple[str, str], Durations]:
        return durations_of(connection, products)

    @write
    def _write_durations(self, connection: Connection, learned: Mapping[tuple[str, str], Durations]) -> None:
        """In the order of the keys: processes that write at once lock the same rows."""
        rows = [
            {"product": product, "action": action, "count": one.count, "mean": one.mean, "longest": one.longest}
            for (product, action), one in sorted(learned.items())
        ]
        _RECORD.run(connection, rows)
