"""Platform: the store's own, and an Okapi beside the service. Both are prepared as an operator would, from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from okapi_install.adapters.okapi.connections import Connections
from okapi_install.domain.errors import NotFound
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.own_platform import OwnPlatform
from okapi_install.service.ports import Differences, Instance, Platform, Progress, Recording, Tenant
from okapi_install.service.registry import RegistryService
from tests.contract.builders import claimed, submit
from tests.fakes.memory_store import MemoryStore
from tests.fixtures.okapi_stand_in import OkapiStandIn
from tests.fixtures.okapi_stand_in.beside import platform_beside

A, B, NEW = "mod-a-1.0.0", "mod-b-1.0.0", "mod-a-1.1.0"


class Site(Protocol):
    """A platform, its store, and what an operator does at it."""

    platform: Platform
    store: MemoryStore

    def add_modules(self, *ids: str) -> None: ...

    def remove_module(self, module_id: str) -> None: ...

    def add_tenant(self, tenant: Tenant, *enabled: str) -> None: ...

    def remove_tenant(self, tenant: str) -> None: ...

    def add_instance(self, instance: Instance) -> None: ...


class OwnSite:
    """A service that stands alone."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.platform: Platform = OwnPlatform(self.store)

    def add_modules(self, *ids: str) -> None:
        self.store.add_modules([ModuleDescriptor.parse({"id": ident}) for ident in ids])

    def remove_module(self, module_id: str) -> None:
        self.store.remove_module(module_id)

    def add_tenant(self, tenant: Tenant, *enabled: str) -> None:
        self.store.add_tenant(tenant, enabled)

    def remove_tenant(self, tenant: str) -> None:
        self.store.remove_tenant(tenant)

    def add_instance(self, instance: Instance) -> None:
        self.store.add_instance(instance)


class OkapiSite:
    """A service beside an Okapi."""

    def __init__(self, okapi: OkapiStandIn, connections: Connections) -> None:
        self.store = MemoryStore()
        self.platform: Platform = platform_beside(okapi, self.store, connections)
        self._okapi = okapi.state

    def add_modules(self, *ids: str) -> None:
        self._okapi.add_modules({"id": ident} for ident in ids)

    def remove_module(self, module_id: str) -> None:
        self._okapi.remove_module(module_id)

    def add_tenant(self, tenant: Tenant, *enabled: str) -> None:
        texts = {"name": tenant.name, "description": tenant.description}
        self._okapi.put_tenant({"id": tenant.id, **{key: text for key, text in texts.items() if text}}, enabled)

    def remove_tenant(self, tenant: str) -> None:
        self._okapi.remove_tenant(tenant)

    def add_instance(self, instance: Instance) -> None:
        self._okapi.add_instance(dict(instance.document))


@pytest.fixture(params=["own", "okapi"])
def site(request: pytest.FixtureRequest, stand_in: OkapiStandIn) -> Iterator[Site]:
    """Each of the platforms, with the modules A, B and NEW, and the tenant `diku`, which has A."""
    connections = Connections(8)
    found: Site = OwnSite() if request.param == "own" else OkapiSite(stand_in, connections)
    found.add_modules(A, B, NEW)
    found.add_tenant(Tenant(id="diku", name="Diku"), A)
    yield found
    connections.close()


def modules_of(site: Site) -> set[str]:
    """The ids of all modules that plans are made with, but its own."""
    site.platform.refresh_registry()
    return {ident for ident in RegistryService(site.store).current().ids() if not ident.startswith("okapi-")}


def test_plans_are_made_with_the_modules_that_there_are(site: Site) -> None:
    assert modules_of(site) == {A, B, NEW}
    site.remove_module(B)
    site.add_modules("mod-c-1.0.0")
    assert modules_of(site) == {A, NEW, "mod-c-1.0.0"}


def test_the_tenants_are_those_that_there_are(site: Site) -> None:
    site.add_tenant(Tenant(id="other", description="another"))
    site.platform.refresh_tenants()
    found = [tenant for tenant in site.store.tenants() if tenant.id != "supertenant"]
    assert found == [Tenant(id="diku", name="Diku"), Tenant(id="other", description="another")]
    site.remove_tenant("other")
    site.platform.refresh_tenants()
    assert [tenant.id for tenant in site.store.tenants() if tenant.id != "supertenant"] == ["diku"]


def test_plans_are_made_with_what_the_tenant_has(site: Site) -> None:
    site.platform.refresh_tenant("diku")
    assert site.store.tenant_state("diku").enabled == {A}
    assert site.store.tenant("diku") == Tenant(id="diku", name="Diku")


def test_no_plan_is_made_for_a_tenant_that_there_is_not(site: Site) -> None:
    def state(tenant: str) -> None:
        site.platform.refresh_tenant(tenant)
        site.store.tenant_state(tenant)

    with pytest.raises(NotFound, match="^nobody$"):
        state("nobody")
    state("diku")
    site.remove_tenant("diku")
    with pytest.raises(NotFound, match="^diku$"):
        state("diku")


def test_instances_of_a_module_are_those_of_that_module(site: Site) -> None:
    document = {"instId": "i1", "srvcId": A, "url": "http://a:8081"}
    instance = Instance(inst_id="i1", srvc_id=A, url="http://a:8081", document=document)
    site.add_instance(instance)
    site.add_instance(Instance(inst_id="i2", srvc_id=B, url=None, document={"instId": "i2", "srvcId": B}))
    assert site.platform.instances(A) == [instance]
    assert [found.url for found in site.platform.instances(B)] == [None]
    assert site.platform.instances(NEW) == []


def test_no_job_of_its_own_runs(site: Site) -> None:
    assert site.platform.running_job("diku") is None


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        (Recording(gone=None, came=B), {A, B}),
        (Recording(gone=A, came=NEW), {NEW}),
        (Recording(gone=A, came=None), set()),
        (Recording(gone=A, came=A), {A}),
        (Recording(gone=None, came=None), {A}),
    ],
)
def test_a_recorded_change_is_what_the_tenant_has(site: Site, recording: Recording, expected: set[str]) -> None:
    site.platform.refresh_tenant("diku")
    claim = claimed(site.store, submit(site.store))
    known = site.platform.enabled_now("diku", claim.enabled)
    assert known == {A}
    for _ in range(2):  # it may be repeated
        site.platform.record("diku", recording, before=lambda: None)
    came, gone = ([ident] if ident else [] for ident in (recording.came, recording.gone))
    site.store.save(claim, Progress(enable=tuple(came), disable=tuple(set(gone) - set(came))))
    assert site.platform.differences("diku", expected) == Differences()
    assert site.platform.enabled_now("diku", frozenset(site.store.enabled("diku"))) == expected
    assert site.store.enabled("diku") == sorted(expected)


def test_what_a_running_job_has_changed_is_left_to_it(site: Site) -> None:
    site.platform.refresh_tenant("diku")
    claim = claimed(site.store, submit(site.store))
    site.store.save(claim, Progress(enable=(B,)))
    site.platform.refresh_tenant("diku")
    assert site.store.enabled("diku") == [A, B]


def test_a_platform_is_one(site: Site) -> None:
    check: Callable[[], None] = site.platform.refresh_registry
    check()
