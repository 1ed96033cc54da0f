"""The API as a test client over a store in memory, with other servers faked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from okapi_install.config import Settings
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.modules.internal_module import OKAPI_MODULE, internal_module
from okapi_install.service.discovery import DiscoveryService, EnvironmentService, Node
from okapi_install.service.own_platform import OwnPlatform
from okapi_install.service.ports import Tenant
from okapi_install.service.pull import PullService
from okapi_install.service.registry import RegistryService
from okapi_install.service.tenants import SUPERTENANT, TenantService
from okapi_install.web.access.login import PageLogin
from okapi_install.web.app import create_app
from okapi_install.web.okapi import discovery, environment, system, tenants
from okapi_install.web.okapi import modules as okapi_modules
from tests.fakes.memory_store import MemoryStore

Document = dict[str, Any]


class FakeRemote:
    """Registries by their addresses: a version and descriptors, or None for one that does not answer."""

    def __init__(self) -> None:
        self.servers: dict[str, list[object] | None] = {}
        self.known: list[str] = []

    def version(self, url: str) -> str | None:
        return "7.0.0" if self.servers.get(url) is not None else None

    def descriptors(self, url: str, known: Sequence[str]) -> list[object]:
        self.known = list(known)
        return self.servers[url] or []


class FakeProbe:
    """Answers for those addresses that are well."""

    def __init__(self) -> None:
        self.well: set[str] = set()
        self.asked: list[str] = []
        self.health: dict[str, str] = {}
        self.asked_health: list[str] = []

    def problem(self, url: str) -> str | None:
        self.asked.append(url)
        return None if url in self.well else "Connection refused"

    def health_problem(self, url: str) -> str | None:
        self.asked_health.append(url)
        return self.health.get(url)


@dataclass
class Api:
    """The API and what stands behind it."""

    store: MemoryStore = field(default_factory=MemoryStore)
    remote: FakeRemote = field(default_factory=FakeRemote)
    probe: FakeProbe = field(default_factory=FakeProbe)
    removals: list[str] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        self.store.add_modules([internal_module()])
        self.store.add_tenant(Tenant(id=SUPERTENANT, name=SUPERTENANT), [OKAPI_MODULE])
        modules = RegistryService(self.store)
        known = TenantService(self.store, modules, OwnPlatform(self.store), self.removals.append)
        found = DiscoveryService(self.store, self.probe, Node(node_id="localhost", url="http://localhost:9130"))
        blueprints = [
            okapi_modules.blueprint(modules, PullService(modules, self.remote)),
            tenants.blueprint(known, modules),
            discovery.blueprint(found),
            environment.blueprint(EnvironmentService(self.store)),
            system.blueprint(found),
        ]
        self.app = create_app(self.settings, blueprints, known, PageLogin.of(self.settings, self.store))
        self.client: FlaskClient = self.app.test_client(use_cookies=False)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, **more)

    def post(self, path: str, document: object = None, **more: Any) -> TestResponse:
        return self.client.post(path, json=document, **more) if document is not None else self.client.post(path, **more)

    def put(self, path: str, document: object, **more: Any) -> TestResponse:
        return self.client.put(path, json=document, **more)

    def delete(self, path: str, **more: Any) -> TestResponse:
        return self.client.delete(path, **more)

    def add(self, *documents: Document) -> None:
        """Adds modules without any check."""
        self.store.add_modules([ModuleDescriptor.parse(d) for d in documents])

    def enable(self, tenant: str, *modules: str) -> None:
        """Makes a tenant that has those modules enabled."""
        self.store.add_tenant(Tenant(id=tenant), modules)


@pytest.fixture
def api() -> Api:
    """A fresh server."""
    return Api()


@pytest.fixture
def api_with() -> Callable[..., Api]:
    """Makes a server with some settings."""
    return lambda **settings: Api(settings=Settings(**settings))


def module(ident: str, provides: Sequence[str] = (), requires: Sequence[str] = (), **more: object) -> Document:
    """A descriptor; interfaces as `id version`."""
    return {"id": ident, "provides": _interfaces(provides), "requires": _interfaces(requires), **more}


def _interfaces(given: Sequence[str]) -> list[Document]:
    return [dict(zip(("id", "version"), text.split(" ", 1), strict=True)) for text in given]
