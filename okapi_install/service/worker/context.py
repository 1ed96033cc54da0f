"""The shared objects of a worker process, built once."""

from __future__ import annotations

from dataclasses import dataclass, field

from opentelemetry.trace import NoOpTracer, Tracer

from okapi_install.service.fair_limit import FairOrder
from okapi_install.service.jobs.planning import Planner
from okapi_install.service.observer import JobObserver
from okapi_install.service.ports import Clock, Platform, Store, WorkerAbout
from okapi_install.service.turns import Turns
from okapi_install.service.worker.call_policy import CallPolicy
from okapi_install.service.worker.catalog import Catalog
from okapi_install.service.worker.module_calls import ModuleCalls
from okapi_install.service.worker.store_retries import Patience
from okapi_install.service.worker.tenant_jobs import TenantJobs


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerContext:
    """Store, tools and policy of a worker. `okapi_url` is the `X-Okapi-Url` that modules get."""

    store: Store
    platform: Platform
    catalog: Catalog
    planner: Planner
    calls: ModuleCalls
    tenant_jobs: TenantJobs
    observer: JobObserver
    clock: Clock
    policy: CallPolicy
    okapi_url: str
    turns: Turns
    system_auth: bool = True
    about: WorkerAbout = field(default_factory=WorkerAbout)
    """What the process reports with its heartbeats."""
    tracer: Tracer = field(default_factory=NoOpTracer)
    recordings: FairOrder = field(default_factory=FairOrder)
    """The order in which changes are recorded in the platform, by tenant."""

    @property
    def retries(self) -> Patience:
        """Retries store operations while the database is unavailable."""
        return Patience(self.clock, self.policy)
