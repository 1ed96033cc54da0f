"""The whole API over a service in memory: every blueprint that a real one has."""

from __future__ import annotations

from flask.testing import FlaskClient

from okapi_install.bootstrap import Services
from okapi_install.config import Settings
from okapi_install.domain.errors import OkapiInstallError
from okapi_install.domain.modules.internal_module import OKAPI_MODULE, internal_module
from okapi_install.domain.presentation.log_links import LogLinks
from okapi_install.service.discovery import DiscoveryService, EnvironmentService, Node
from okapi_install.service.health import HealthService
from okapi_install.service.jobs.callbacks import CallbackRule
from okapi_install.service.jobs.proposals import ProposalService
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.service.jobs.solutions import SolutionService
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.jobs.waiting import WaitingService
from okapi_install.service.metrics_store import Metering
from okapi_install.service.ports import Gateway, Permissions, Tenant
from okapi_install.service.pull import PullService
from okapi_install.service.registry import RegistryService
from okapi_install.service.rollouts.preflight import PreflightService
from okapi_install.service.rollouts.rollouts import RolloutService
from okapi_install.service.tenants import SUPERTENANT, TenantService
from okapi_install.web import request_meters
from okapi_install.web.access.login import PageLogin
from okapi_install.web.app import create_app
from okapi_install.web.blueprints import blueprints, front
from tests.fakes.inline_solver import InlineSolver
from tests.unit.service.house import House
from tests.unit.web.conftest import FakeProbe, FakeRemote


class JobsSite:
    """An API with some settings; `house` is what stands behind it, `gateway` an Okapi beside it."""

    def __init__(
        self, gateway: Gateway | None = None, permissions: Permissions | None = None, **settings: object
    ) -> None:
        self.gateway = gateway
        self.permissions = permissions
        self.settings = Settings(**settings)  # type: ignore[arg-type]
        rule = CallbackRule(default=self.settings.callback_url, per_job=self.settings.callback_per_job)
        self.house = House(callbacks=rule)
        self.remote, self.probe = FakeRemote(), FakeProbe()
        self.house.store.add_modules([internal_module()])
        self.house.store.add_tenant(Tenant(id=SUPERTENANT), [OKAPI_MODULE])
        self.broken: OkapiInstallError | None = None
        services = self._services()
        sign_in = PageLogin.of(self.settings, self.house.store)
        known = blueprints(services, sign_in)
        self.app = create_app(self.settings, known, services.tenants, sign_in, front(services))
        request_meters.install(self.app, self.house.meters)
        self.client: FlaskClient = self.app.test_client(use_cookies=False)

    def ping(self) -> None:
        """The broker responds, unless `broken` says why not."""
        if self.broken is not None:
            raise self.broken

    def _services(self) -> Services:
        store = self.house.store
        registry = RegistryService(store)
        solutions = SolutionService(self.house.installs, store, registry, InlineSolver())
        timings = TimingsService(store, self.house.clock)
        waiting = WaitingService(store, timings, self.house.clock, alive_within=self.settings.lease_seconds)
        snapshots = SnapshotService(timings, logs=LogLinks(self.settings.log_url), waiting=waiting)
        tenants = TenantService(store, registry, self.house.platform, self.house.installs.stop_all)
        proposals = ProposalService(self.house.installs, solutions, snapshots)
        return Services(
            settings=self.settings,
            store=store,
            registry=registry,
            tenants=tenants,
            rollouts=RolloutService(
                *(store, self.house.installs, proposals, tenants, self.house.advancer),
                *(self.house.rollout_observer, self.house.notifier, store.now),
            ),
            preflight=PreflightService(store, self.house.platform, proposals, self.probe),
            discovery=DiscoveryService(store, self.probe, Node(node_id="localhost", url="http://localhost:9130")),
            environment=EnvironmentService(store),
            pull=PullService(registry, self.remote),
            installs=self.house.installs,
            solutions=solutions,
            proposals=proposals,
            snapshots=snapshots,
            platform=self.house.platform,
            okapi=None,
            waiting=waiting,
            health=HealthService(store, self.ping, self.settings.lease_seconds),
            gateway=self.gateway,
            permissions=self.permissions,
            meters=self.house.meters,
            metering=Metering(store, self.house.meters),
        )
