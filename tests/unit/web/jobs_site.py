"""The API of jobs over a whole service in memory."""

from __future__ import annotations

from flask.testing import FlaskClient

from okapi_install.config import Settings
from okapi_install.domain.internal_module import OKAPI_MODULE, internal_module
from okapi_install.service.callbacks import CallbackRule
from okapi_install.service.history import HistoryService
from okapi_install.service.metering import Metering
from okapi_install.service.ports import Tenant
from okapi_install.service.registry import RegistryService
from okapi_install.service.tenants import SUPERTENANT, TenantService
from okapi_install.web import installs, jobs_api, metrics, request_meters
from okapi_install.web.app import create_app
from tests.unit.service.house import House


class JobsSite:
    """An API with some settings; `house` is what stands behind it."""

    def __init__(self, **settings: object) -> None:
        self.settings = Settings(**settings)  # type: ignore[arg-type]
        rule = CallbackRule(default=self.settings.callback_url, per_job=self.settings.callback_per_job)
        self.house = House(callbacks=rule)
        store = self.house.store
        store.add_modules([internal_module()])
        store.add_tenant(Tenant(id=SUPERTENANT), [OKAPI_MODULE])
        tenants = TenantService(store, RegistryService(store), self.house.installs.abort_all)
        blueprints = [
            installs.blueprint(self.house.installs, tenants, strict_delete=self.settings.strict_delete),
            jobs_api.blueprint(self.house.installs, HistoryService(store, self.house.clock)),
        ]
        if self.settings.metrics:
            metering = Metering(store, self.house.meters)
            blueprints.append(metrics.blueprint(metering, alive_within=self.settings.lease_seconds))
        self.app = create_app(self.settings, blueprints, tenants)
        request_meters.install(self.app, self.house.meters)
        self.client: FlaskClient = self.app.test_client(use_cookies=False)
