"""Builds the use cases of an API process, or a worker, from settings. The only module that wires parts together."""

from __future__ import annotations

import atexit
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from opentelemetry.trace import NoOpTracer, Tracer

from okapi_install.adapters.celery.queue import CeleryQueue
from okapi_install.adapters.clocks import SystemClock, every
from okapi_install.adapters.greenlets import GreenletTasks
from okapi_install.adapters.notifier import RedisNotifier
from okapi_install.adapters.okapi.auth_filter import AuthFilter
from okapi_install.adapters.okapi.client import OkapiClient
from okapi_install.adapters.okapi.connections import Connections
from okapi_install.adapters.okapi.gateway import HttpGateway
from okapi_install.adapters.okapi.link import OkapiLink
from okapi_install.adapters.okapi.permissions import FilterPermissions
from okapi_install.adapters.okapi.platform import OkapiPlatform
from okapi_install.adapters.okapi.registry_mirror import RegistryMirror
from okapi_install.adapters.okapi.token import FixedToken
from okapi_install.adapters.remote_registry import HttpHealthProbe, HttpRemoteRegistry
from okapi_install.adapters.solver.process import SolverProcess
from okapi_install.adapters.store import bind_to_okapi, check_schema, ensure_builtin, open_store
from okapi_install.adapters.tenant_api import HttpTenantApi
from okapi_install.adapters.webhook import HttpWebhook
from okapi_install.config import Settings, SettingsError, variable
from okapi_install.domain.modules.internal_module import internal_module
from okapi_install.domain.presentation.log_links import LogLinks
from okapi_install.domain.workers import worker_identity
from okapi_install.service.discovery import DiscoveryService, EnvironmentService, Node
from okapi_install.service.health import HealthService, OkapiHealth
from okapi_install.service.jobs.callbacks import CallbackRule, CallbackSender, CallbackService
from okapi_install.service.jobs.installs import InstallService, Limits
from okapi_install.service.jobs.planning import Planner
from okapi_install.service.jobs.proposals import ProposalService
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.service.jobs.solutions import SolutionService
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.jobs.waiting import WaitingService
from okapi_install.service.metrics import Meters
from okapi_install.service.metrics_store import Metering
from okapi_install.service.observer import JobObserver
from okapi_install.service.outgoing_rules import OutgoingRules
from okapi_install.service.own_platform import OwnPlatform
from okapi_install.service.ports import Gateway, Notifier, Permissions, Platform, Queue, Store, TaskMonitor, WorkerAbout
from okapi_install.service.pull import PullService
from okapi_install.service.registry import RegistryService
from okapi_install.service.rollouts.advance import RolloutAdvancer
from okapi_install.service.rollouts.callbacks import RolloutCallbacks
from okapi_install.service.rollouts.observer import RolloutObserver
from okapi_install.service.rollouts.preflight import PreflightService
from okapi_install.service.rollouts.rollouts import RolloutService
from okapi_install.service.tenants import TenantService
from okapi_install.service.turns import Turns
from okapi_install.service.worker.call_policy import CallPolicy
from okapi_install.service.worker.catalog import Catalog
from okapi_install.service.worker.context import WorkerContext
from okapi_install.service.worker.module_calls import ModuleCalls
from okapi_install.service.worker.store_retries import Patience
from okapi_install.service.worker.tenant_jobs import TenantJobs
from okapi_install.service.worker.worker import Rhythm, Worker

_AUTH_FILTER_SECONDS = 5.0
"""How long the search for the auth filter of an Okapi may take; a request of a client waits for it."""


def required_broker(settings: Settings) -> str:
    """The broker's URL. Raises SettingsError if none is set: only `serve` starts a broker of its own."""
    if settings.broker_url is None:
        raise SettingsError(
            variable("broker_url"), "not set", "redis://HOST:PORT/0; only `okapi-install serve` brings one"
        )
    return settings.broker_url


def build_store(settings: Settings, meters: Meters | None = None) -> Store:
    """The store. Waits until its database is available and migrated to the schema of this program."""
    store = open_store(settings.database, pool_size=settings.pool_size, meters=meters)
    check_schema(store.engine, patience=settings.startup_wait_seconds)
    bind_to_okapi(store, settings.okapi)
    if settings.okapi is None:
        ensure_builtin(store, internal_module())
    return store


def build_link(settings: Settings, meters: Meters) -> OkapiLink | None:
    """The connection to the Okapi beside this service, if there is one."""
    if settings.okapi is None:
        return None
    token, auth_url = settings.okapi_token, settings.okapi_auth_url
    return OkapiLink.to(settings.okapi, token=token, auth_url=auth_url, timeout=settings.okapi_timeout, meters=meters)


def build_platform(
    settings: Settings, store: Store, meters: Meters
) -> tuple[RegistryService, Platform, OkapiLink | None]:
    """The registry, and what decides which modules and tenants there are: the store, or an Okapi and the link to it."""
    registry, okapi = RegistryService(store), build_link(settings, meters)
    if okapi is None:
        return registry, OwnPlatform(store), None
    mirror = RegistryMirror(okapi.client, store, registry, timeout=settings.okapi_registry_timeout)
    return registry, OkapiPlatform(okapi.client, store, mirror), okapi


def okapi_health(okapi: OkapiLink | None, platform: Platform) -> OkapiHealth | None:
    """The part of the health check that is about the Okapi beside this service, if there is one."""
    if okapi is None or not isinstance(platform, OkapiPlatform):
        return None
    return OkapiHealth(problem=okapi.problem, note=platform.progress)


def call_policy(settings: Settings) -> CallPolicy:
    """The timeouts and retries of calls to modules."""
    retries = settings.connect_retry_count
    return CallPolicy(
        connect_retries=retries,
        connect_retry_pause=settings.connect_retry_seconds / retries if retries else 0.0,
        call_timeout=settings.call_timeout,
        poll_timeout=settings.poll_timeout,
        poll_wait_ms=settings.poll_wait_ms,
        poll_retry_seconds=settings.poll_retry_seconds,
        step_timeout=settings.step_timeout,
        slow_step_seconds=settings.slow_step_seconds,
        lost_job_timeout=settings.lost_job_timeout,
        store_retry_seconds=settings.store_retry_seconds,
    )


def outgoing_rules(settings: Settings) -> OutgoingRules:
    """Where this service may connect to for clients. The host of the callback in the settings is always allowed."""
    hosts = settings.outgoing_hosts
    if hosts is not None and settings.callback_url is not None:
        hosts = (*hosts, urlsplit(settings.callback_url).hostname or "")
    return OutgoingRules(hosts=hosts, own_port=settings.port)


def job_limits(settings: Settings) -> Limits:
    """The limits of requests for jobs."""
    return Limits(
        most_waiting=settings.max_waiting_jobs,
        sync_timeout=settings.sync_timeout,
        refuse_beside_other_job=settings.okapi_jobs == "refuse",
    )


def callback_rule(settings: Settings) -> CallbackRule:
    """Where callbacks about ended jobs may go."""
    rules = outgoing_rules(settings)
    return CallbackRule(default=settings.callback_url, per_job=settings.callback_per_job, check=rules.check_url)


def build_gateway(settings: Settings) -> Gateway | None:
    """The Okapi beside this service, which gets the requests that are not for it."""
    if settings.okapi is None:
        return None
    return HttpGateway(
        settings.okapi,
        connect=settings.connect_timeout,
        idle=settings.okapi_proxy_timeout,
        spare=settings.most_forwarded_requests,
    )


def build_permissions(settings: Settings) -> Permissions | None:
    """The auth filter of the Okapi beside this service."""
    if settings.okapi is None:
        return None
    connections = Connections(settings.most_forwarded_requests)
    client = OkapiClient(settings.okapi, FixedToken(settings.okapi_token), connections, timeout=_AUTH_FILTER_SECONDS)
    return FilterPermissions(settings.okapi, AuthFilter(settings.okapi_auth_url, client).address, connections)


def build_remote(settings: Settings) -> HttpRemoteRegistry:
    """Other registries."""
    rules = outgoing_rules(settings)
    return HttpRemoteRegistry(rules, most_bytes=settings.pull_max_bytes, seconds=settings.pull_seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """The use cases behind the API."""

    settings: Settings
    store: Store
    registry: RegistryService
    tenants: TenantService
    discovery: DiscoveryService
    environment: EnvironmentService
    pull: PullService
    installs: InstallService
    solutions: SolutionService
    proposals: ProposalService
    rollouts: RolloutService
    preflight: PreflightService
    snapshots: SnapshotService
    waiting: WaitingService
    health: HealthService
    gateway: Gateway | None = None
    permissions: Permissions | None = None
    meters: Meters
    metering: Metering
    platform: Platform
    okapi: OkapiLink | None

    def start(self) -> None:
        """Starts to add the counts of this process to those of all, and to copy what the Okapi beside it has."""
        if isinstance(self.platform, OkapiPlatform):
            threading.Thread(target=self.platform.keep_reading, name="okapi-reader", daemon=True).start()
        if self.settings.metrics:
            every(self.settings.beat_seconds, self.metering.flush, "metering")
            atexit.register(self.metering.flush)


def build_services(settings: Settings) -> Services:
    """All use cases of an API process."""
    meters, broker = Meters(), required_broker(settings)
    store = build_store(settings, meters)
    registry, platform, okapi = build_platform(settings, store, meters)
    notifier, queue = RedisNotifier(broker, meters), CeleryQueue(broker, meters)
    tracer = build_tracer(settings, "okapi-install-api")
    installs = build_installs(settings, store, registry, platform, queue, notifier, meters, tracer)
    solutions = SolutionService(installs, store, registry, SolverProcess(settings.solution_seconds))
    timings = TimingsService(store, SystemClock())
    waiting = WaitingService(store, timings, SystemClock(), alive_within=settings.lease_seconds)
    snapshots = SnapshotService(timings, logs=LogLinks(settings.log_url), waiting=waiting)
    tenants = TenantService(store, registry, platform, before_removal=installs.stop_all)
    proposals = ProposalService(installs, solutions, snapshots)
    return Services(
        settings=settings,
        store=store,
        registry=registry,
        tenants=tenants,
        rollouts=build_rollouts(settings, store, installs, proposals, tenants, queue, notifier, meters),
        preflight=PreflightService(store, platform, proposals, HttpHealthProbe(), system_auth=settings.system_auth),
        discovery=DiscoveryService(store, HttpHealthProbe(), Node(node_id=settings.host, url=settings.public_url)),
        environment=EnvironmentService(store),
        pull=PullService(registry, build_remote(settings)),
        installs=installs,
        solutions=solutions,
        proposals=proposals,
        snapshots=snapshots,
        waiting=waiting,
        health=HealthService(store, notifier.ping, settings.lease_seconds, okapi_health(okapi, platform)),
        gateway=build_gateway(settings),
        permissions=build_permissions(settings),
        meters=meters,
        metering=Metering(store, meters),
        platform=platform,
        okapi=okapi,
    )


def build_installs(
    settings: Settings,
    store: Store,
    registry: RegistryService,
    platform: Platform,
    queue: Queue,
    notifier: Notifier,
    meters: Meters,
    tracer: Tracer | None,
) -> InstallService:
    """The operations of clients on jobs. A worker needs them for rollouts."""
    limits = job_limits(settings)
    parts = callback_rule(settings), meters, settings.has_gateway, tracer
    return InstallService(store, registry, queue, notifier, SystemClock(), limits, *parts, platform=platform)


def build_rollouts(
    settings: Settings,
    store: Store,
    installs: InstallService,
    proposals: ProposalService,
    tenants: TenantService,
    queue: Queue,
    notifier: Notifier,
    meters: Meters,
) -> RolloutService:
    """The operations of clients on rollouts."""
    observer = RolloutObserver(notifier, meters)
    advancer = build_advancer(settings, store, installs, queue, observer)
    rule = callback_rule(settings)
    return RolloutService(store, installs, proposals, tenants, advancer, observer, notifier, time.time, rule)


def build_advancer(
    settings: Settings,
    store: Store,
    installs: InstallService,
    queue: Queue,
    observer: RolloutObserver,
    background: Callable[[Callable[[], None]], None] | None = None,
) -> RolloutAdvancer:
    """What starts the tenants of rollouts."""
    parts, most = (store, installs, queue, observer, background), settings.max_waiting_jobs
    return RolloutAdvancer(*parts, clock=SystemClock(), most_waiting=most)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerParts:
    """The parts of a worker process."""

    settings: Settings
    store: Store
    worker: Worker
    tasks: GreenletTasks
    callbacks: CallbackService
    advancer: RolloutAdvancer
    rollout_callbacks: RolloutCallbacks
    metering: Metering
    okapi: OkapiLink | None

    def start(self) -> None:
        """Starts the heartbeat, the sweepers, the metrics and the callbacks."""
        self.tasks.every(self.settings.beat_seconds, self.worker.beat)
        self.tasks.every(self.settings.sweep_seconds, self.worker.sweep)
        self.tasks.every(self.settings.sweep_seconds, self.advancer.sweep)
        self.tasks.every(self.settings.sweep_seconds, self.callbacks.deliver_due)
        self.tasks.every(self.settings.sweep_seconds, self.rollout_callbacks.deliver_due)
        if self.settings.metrics:
            self.tasks.every(self.settings.beat_seconds, self.metering.flush)
        kept = self.settings.keep_complete_seconds
        if kept is not None:
            self.tasks.every(min(kept, 60.0), lambda: self.worker.forget_complete(kept))

    def stop(self) -> None:
        """Waits for what is being cleaned up."""
        self.tasks.join(timeout=5.0)
        self.worker.leave()
        if self.settings.metrics:
            self.metering.flush()
        if self.okapi is not None:
            self.okapi.close()
        self.store.dispose()


def build_worker(settings: Settings, name: str, about: WorkerAbout, monitor: TaskMonitor | None = None) -> WorkerParts:
    """The parts of a worker process. `name` is Celery's and may not be unique, so jobs are owned by an identity."""
    meters, broker, clock = Meters(), required_broker(settings), SystemClock()
    store = build_store(settings, meters)
    registry, platform, okapi = build_platform(settings, store, meters)
    policy, tasks, tracer = call_policy(settings), GreenletTasks(), build_tracer(settings, "okapi-install-worker")
    catalog = Catalog(store, registry, platform, clock, Patience(clock, policy))
    notifier, queue = RedisNotifier(broker, meters), CeleryQueue(broker, meters)
    installs = build_installs(settings, store, registry, platform, queue, notifier, meters, tracer)
    rollouts = RolloutObserver(notifier, meters)
    advancer = build_advancer(settings, store, installs, queue, rollouts, tasks.background)
    observer = JobObserver(notifier, meters, advancer.job_ended, monitor)
    calls = build_calls(settings, catalog, tracer)
    context = WorkerContext(
        store=store,
        platform=platform,
        catalog=catalog,
        planner=Planner(registry, gateway=settings.has_gateway),
        calls=calls,
        tenant_jobs=TenantJobs(calls, clock, policy, observer),
        observer=observer,
        clock=clock,
        policy=policy,
        okapi_url=settings.gateway_url,
        turns=build_turns(settings, store),
        system_auth=settings.system_auth,
        about=about,
        tracer=tracer or NoOpTracer(),
    )
    identity = worker_identity(name, str(uuid.uuid4()))
    return WorkerParts(
        settings=settings,
        store=store,
        worker=Worker(context, tasks, queue, identity=identity, rhythm=_rhythm(settings)),
        tasks=tasks,
        callbacks=build_callbacks(settings, store, tasks, observer),
        advancer=advancer,
        rollout_callbacks=build_rollout_callbacks(settings, store, rollouts),
        metering=Metering(store, meters),
        okapi=okapi,
    )


def build_turns(settings: Settings, store: Store) -> Turns:
    """The queues of modules that only so many may call at once."""
    clock = SystemClock()
    return Turns(store, clock, Patience(clock, call_policy(settings)), settings.max_per_module)


def _rhythm(settings: Settings) -> Rhythm:
    return Rhythm(
        lease=settings.lease_seconds,
        republish_after=settings.republish_seconds,
        most_takeovers=settings.max_takeovers,
    )


def build_calls(settings: Settings, catalog: Catalog, tracer: Tracer | None) -> ModuleCalls:
    """The client for calls to modules."""
    api = HttpTenantApi(connect_timeout=settings.connect_timeout, connections=settings.concurrency)
    return ModuleCalls(api, catalog, SystemClock(), call_policy(settings), tracer)


def build_tracer(settings: Settings, service: str) -> Tracer | None:
    """The tracer, which sends traces if an endpoint is set. Raises SettingsError if the extra is not installed."""
    if settings.otel_endpoint is None:
        return None
    try:
        from okapi_install.tracing import otlp_tracer  # the extra `otel` may be missing
    except ImportError as missing:
        hint = "off, or install the extra: pip install 'okapi-install[otel]'"
        raise SettingsError(variable("otel_endpoint"), f"set, but {missing.name} is not installed", hint) from missing
    return otlp_tracer(settings.otel_endpoint, service)


def build_callbacks(settings: Settings, store: Store, tasks: GreenletTasks, observer: JobObserver) -> CallbackService:
    """The sender of callbacks about ended jobs."""
    return CallbackService(
        store,
        HttpWebhook(outgoing_rules(settings)),
        tasks,
        observer,
        time.time,
        public_url=settings.public_url,
        secret=settings.callback_secret,
    )


def build_rollout_callbacks(settings: Settings, store: Store, observer: RolloutObserver) -> RolloutCallbacks:
    """The sender of callbacks about rollouts."""
    sender = CallbackSender(HttpWebhook(outgoing_rules(settings)), time.time, settings.callback_secret)
    return RolloutCallbacks(store, sender, observer, public_url=settings.public_url)
