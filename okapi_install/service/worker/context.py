"""What carrying out jobs needs, put together once for a worker process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from opentelemetry.trace import NoOpTracer, Tracer

from okapi_install.service.metrics import Meters
from okapi_install.service.planning import Planner
from okapi_install.service.ports import Clock, Notifier, Store
from okapi_install.service.worker.call_policy import CallPolicy
from okapi_install.service.worker.catalog import Catalog
from okapi_install.service.worker.step import StepRunner
from okapi_install.service.worker.store_retries import Patience

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """Store, tools and manners of a worker. `okapi_url` is the `X-Okapi-Url` that modules get."""

    store: Store
    catalog: Catalog
    planner: Planner
    steps: StepRunner
    notifier: Notifier
    clock: Clock
    policy: CallPolicy
    okapi_url: str
    system_auth: bool = True
    meters: Meters = field(default_factory=Meters)
    tracer: Tracer = field(default_factory=NoOpTracer)

    def patiently(self, write: Callable[[], T]) -> T:
        """Does a thing with the store, again while it is away. Raises StoreNotWritable, as Patience does."""
        return Patience(self.clock, self.policy)(write)

    def without_end(self, write: Callable[[], T]) -> T:
        """Does a thing with the store, again for as long as it is away or takes no changes."""
        return Patience(self.clock, self.policy).without_end(write)
