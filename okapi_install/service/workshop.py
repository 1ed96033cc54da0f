"""What carrying out jobs needs, put together once for a worker process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from okapi_install.domain.errors import StoreNotWritable, StoreUnavailable
from okapi_install.service.call_policy import CallPolicy
from okapi_install.service.catalog import Catalog
from okapi_install.service.meters import Meters
from okapi_install.service.planning import Planner
from okapi_install.service.ports import Clock, Notifier, Store
from okapi_install.service.spans import NoTracer, Tracer
from okapi_install.service.steps import StepRunner

log = structlog.get_logger()
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
    tracer: Tracer = field(default_factory=NoTracer)

    def patiently(self, write: Callable[[], T]) -> T:
        """Does a thing with the store, again and again while the store is away.

        A write whose answer was lost may be done twice: writes are such that this changes nothing.

        Raises:
            StoreNotWritable: it has been read-only or full for longer than the policy allows.
        """
        refused_since: float | None = None
        pause = 0.1
        while True:
            try:
                return write()
            except StoreNotWritable:
                refused_since = refused_since or self.clock.monotonic()
                if self.clock.monotonic() - refused_since > self.policy.store_retry_seconds:
                    raise
            except StoreUnavailable as problem:
                log.warning("the store is away; waiting for it", cause=problem.message)
            self.clock.sleep(pause)
            pause = min(pause * 2, 2.0)
