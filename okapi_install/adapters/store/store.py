"""The store, put together from its parts, and what is in it from the start."""

from __future__ import annotations

import time
from contextlib import suppress

from sqlalchemy import Connection, Engine, select

from okapi_install.adapters.store.claims import ClaimPart
from okapi_install.adapters.store.counters import CounterPart
from okapi_install.adapters.store.discovery import DiscoveryPart
from okapi_install.adapters.store.engine import check_file, make_engine
from okapi_install.adapters.store.history import HistoryPart
from okapi_install.adapters.store.jobs import JobPart
from okapi_install.adapters.store.queries import QueryPart
from okapi_install.adapters.store.registry import RegistryPart
from okapi_install.adapters.store.tables import TENANTS
from okapi_install.adapters.store.tenants import TenantPart
from okapi_install.adapters.store.transactions import Database, glance
from okapi_install.adapters.store.upkeep import UpkeepPart
from okapi_install.domain.errors import NotFound, StoreUnavailable, UserError
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.metrics import Meters
from okapi_install.service.ports import Beat, Census, Claim, Ending, JobRef, Progress, Store, Tenant

_ANY_TENANT = select(TENANTS.c.id).limit(1)
SUPERTENANT = Tenant(id="supertenant", name="supertenant", description="Okapi built-in super tenant")


class SqlStore(
    RegistryPart, TenantPart, DiscoveryPart, JobPart, ClaimPart, QueryPart, HistoryPart, UpkeepPart, CounterPart
):
    """The Store of ports.py on an SQL database whose tables are there (see schema.py)."""

    def __init__(self, engine: Engine, meters: Meters | None = None) -> None:
        super().__init__(Database(engine, meters))
        self.engine = engine

    def check(self) -> None:
        """See Store.check. It reads a table, so that a server without our tables does not pass."""
        self._look()
        if self.engine.dialect.name == "sqlite":
            check_file(self.engine)

    @glance
    def _look(self, connection: Connection) -> None:
        connection.execute(_ANY_TENANT)

    def beat(self, worker: str, lease: float) -> list[Beat]:
        """See JobStore.beat. With it goes what was learned since the last one."""
        beats = super().beat(worker, lease)
        self.write_durations()
        return beats

    def finish(self, claim: Claim, ending: Ending, progress: Progress) -> JobRef | None:
        """See JobStore.finish. What was learned is written at once, unless that was done a moment ago."""
        following = super().finish(claim, ending, progress)
        if self.learned.due(time.monotonic()):
            with suppress(StoreUnavailable):
                self.write_durations()
        return following

    def census(self) -> Census:
        """See JobStore.census."""
        self.write_durations()
        return super().census()

    def dispose(self) -> None:
        """See Store.dispose."""
        with suppress(StoreUnavailable):
            self.write_durations()
        self.engine.dispose()


def open_store(url: str, *, pool_size: int = 6, meters: Meters | None = None) -> SqlStore:
    """The store of that database, without looking into it. For greenlets, monkey-patch before this is imported.

    Raises:
        InternalError: the URL is not usable.
    """
    return SqlStore(make_engine(url, pool_size=pool_size), meters)


def ensure_builtin(store: Store, okapi: ModuleDescriptor) -> None:
    """Sees to it that the module of the service itself is there, and the super tenant that has it enabled.

    May be called by several processes at once, any number of times. Where all is there it only reads, so that a
    process can start while the store takes no changes.
    """
    if store.descriptors([okapi.id]).get(okapi.id) != okapi:
        store.add_modules([okapi])
    with suppress(NotFound):
        store.tenant(SUPERTENANT.id)
        return
    with suppress(UserError):  # another process was faster
        store.add_tenant(SUPERTENANT, [okapi.id])
