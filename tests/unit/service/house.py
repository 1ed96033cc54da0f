"""A whole service in memory: the store and modules are fakes, everything between is real."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.trace import NoOpTracer, Tracer

from okapi_install.domain.jobs import Action, Change, InstallOptions, Job, JobKind
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.jobs.callbacks import CallbackRule
from okapi_install.service.jobs.installs import InstallService, Limits, Order
from okapi_install.service.jobs.planning import Planner
from okapi_install.service.metrics import Meters
from okapi_install.service.observer import JobObserver
from okapi_install.service.own_platform import OwnPlatform
from okapi_install.service.ports import Instance, Platform, Tenant
from okapi_install.service.registry import RegistryService
from okapi_install.service.rollouts.advance import RolloutAdvancer
from okapi_install.service.rollouts.observer import RolloutObserver
from okapi_install.service.turns import Turns
from okapi_install.service.worker.call_policy import CallPolicy
from okapi_install.service.worker.catalog import Catalog
from okapi_install.service.worker.context import WorkerContext
from okapi_install.service.worker.module_calls import ModuleCalls
from okapi_install.service.worker.store_retries import Patience
from okapi_install.service.worker.tenant_jobs import TenantJobs
from okapi_install.service.worker.worker import Rhythm, Worker
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_modules import FakeModules, Script
from tests.fakes.fake_platform import FakePlatform
from tests.fakes.inline_tasks import InlineTasks
from tests.fakes.memory_store import MemoryStore
from tests.fakes.quiet import RememberingQueue, SilentNotifier

TENANT_V2 = {
    "id": "_tenant",
    "version": "2.0",
    "interfaceType": "system",
    "handlers": [
        {"methods": ["POST"], "pathPattern": "/_/tenant"},
        {"methods": ["GET", "DELETE"], "pathPattern": "/_/tenant/{id}"},
    ],
}


def descriptor(
    ident: str, provides: Sequence[str] = (), requires: Sequence[str] = (), **more: object
) -> dict[str, object]:
    """A module; interfaces as `name version`. It has a tenant interface 2.0."""
    offered = [dict(zip(("id", "version"), p.split(" "), strict=True)) for p in provides]
    needed = [dict(zip(("id", "version"), r.split(" "), strict=True)) for r in requires]
    return {"id": ident, "provides": [*offered, TENANT_V2], "requires": needed, **more}


CHAIN = (
    descriptor("a-1.0.0", ["ia 1.0"]),
    descriptor("b-1.0.0", ["ib 1.0"], ["ia 1.0"]),
    descriptor("c-1.0.0", ["ic 1.0"], ["ib 1.0"]),
    descriptor("d-1.0.0", ["id 1.0"]),
)


def enable(*ids: str) -> tuple[Change, ...]:
    """A request to enable those."""
    return tuple(Change(id=i) for i in ids)


def disable(*ids: str) -> tuple[Change, ...]:
    """A request to disable those."""
    return tuple(Change(id=i, action=Action.DISABLE) for i in ids)


MOST_WAITING = 5


class House:
    """The service with tenant `diku` and some modules; with `beside`, next to an Okapi that is a fake."""

    def __init__(
        self,
        *documents: dict[str, object],
        policy: CallPolicy | None = None,
        callbacks: CallbackRule | None = None,
        tracer: Tracer | None = None,
        gateway: bool = True,
        clock: FakeClock | None = None,
        beside: bool = False,
        refuse: bool = False,
        most_per_module: int | None = None,
    ) -> None:
        self.gateway, self.meters = gateway, Meters()
        self.clock, self.modules, self.tasks = clock or FakeClock(), FakeModules(), InlineTasks()
        self.store, self.queue, self.notifier = MemoryStore(), RememberingQueue(), SilentNotifier()
        self._furnish(documents or CHAIN)
        registry, policy = RegistryService(self.store), policy or CallPolicy()
        self.okapi = FakePlatform(self.store)
        self.platform: Platform = self.okapi if beside else OwnPlatform(self.store)
        patience = Patience(self.clock, policy)
        catalog = Catalog(self.store, registry, self.platform, self.clock, patience)
        calls = ModuleCalls(self.modules, catalog, self.clock, policy, tracer)
        observer = JobObserver(self.notifier, self.meters, lambda job: self.advancer.job_ended(job))
        self.context = WorkerContext(
            store=self.store,
            platform=self.platform,
            catalog=catalog,
            planner=Planner(registry, gateway=gateway),
            calls=calls,
            tenant_jobs=TenantJobs(calls, self.clock, policy, observer),
            observer=observer,
            clock=self.clock,
            policy=policy,
            okapi_url="http://okapi",
            turns=Turns(self.store, self.clock, patience, most_per_module),
            tracer=tracer or NoOpTracer(),
        )
        self.installs = self._clients(registry, callbacks, tracer, refuse)
        self.advancer = self._advancer()
        self.runner = self.worker("w1")

    def _advancer(self) -> RolloutAdvancer:
        self.rollout_observer = RolloutObserver(self.notifier, self.meters)
        stands_on = self.store, self.installs, self.queue, self.rollout_observer
        return RolloutAdvancer(*stands_on, clock=self.clock, most_waiting=MOST_WAITING)

    def _clients(
        self, registry: RegistryService, callbacks: CallbackRule | None, tracer: Tracer | None, refuse: bool
    ) -> InstallService:
        stores = self.store, registry, self.queue, self.notifier
        parts, place = (callbacks, self.meters, self.gateway, tracer), self.platform
        limits = Limits(most_waiting=MOST_WAITING, refuse_beside_other_job=refuse)
        return InstallService(*stores, self.clock, limits, *parts, platform=place)

    def _furnish(self, documents: Sequence[dict[str, object]]) -> None:
        self.store.add_tenant(Tenant(id="diku"))
        self.store.add_modules([ModuleDescriptor.parse(document) for document in documents])
        for ident in (str(document["id"]) for document in documents):
            url = f"http://modules/{ident}"
            sent = {"instId": "i-" + ident, "srvcId": ident, "url": url}
            self.store.add_instance(Instance(inst_id="i-" + ident, srvc_id=ident, url=url, document=sent))

    def worker(self, name: str) -> Worker:
        """A worker more."""
        return Worker(self.context, self.tasks, self.queue, identity=name, rhythm=Rhythm())

    def script(self, module: str, script: Script) -> None:
        """How a module answers from now on."""
        self.modules.scripts[module] = script

    def submit(self, *changes: Change, kind: JobKind = JobKind.INSTALL, tenant: str = "diku", **options: object) -> Job:
        """Submits a job, for a client with a token."""
        wanted = InstallOptions(asynchronous=True, **options)  # type: ignore[arg-type]
        request = None if kind is JobKind.UPGRADE else changes
        order = Order(kind=kind, tenant=tenant, request=request, options=wanted, headers={"X-Okapi-Token": "secret"})
        job = self.installs.submit(order).job
        assert job is not None
        return job

    def work(self) -> None:
        """Delivers all messages to the worker, until none is left."""
        while self.queue.published:
            message = self.queue.published.pop(0)
            self.runner.run(message.id, message.task_id)

    def carried_out(self, *changes: Change, kind: JobKind = JobKind.INSTALL, **options: object) -> Job:
        """Submits a job and carries it out."""
        job = self.submit(*changes, kind=kind, **options)  # type: ignore[arg-type]
        self.work()
        return self.store.job(job.id)
