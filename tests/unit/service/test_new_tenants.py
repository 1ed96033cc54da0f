"""Tenants that the platform has and the store does not know yet: somebody has just created them in Okapi."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.modules.internal_module import OKAPI_MODULE
from okapi_install.service.own_platform import OwnPlatform
from okapi_install.service.ports import Tenant
from okapi_install.service.registry import RegistryService
from okapi_install.service.tenants import TenantService
from tests.fakes.memory_store import MemoryStore


class Okapi(OwnPlatform):
    """A platform with tenants of its own, and what they have enabled."""

    def __init__(self, store: MemoryStore, tenants: dict[str, list[str]]) -> None:
        super().__init__(store)
        self._memory = store
        self._tenants = tenants
        self.refreshed: list[str] = []

    def refresh_tenant(self, tenant_id: str) -> None:
        self.refreshed.append(tenant_id)
        if tenant_id not in self._tenants:
            raise NotFound(tenant_id)
        self._memory.add_tenant(Tenant(id=tenant_id), self._tenants[tenant_id])


def test_a_tenant_is_looked_up_where_it_was_created() -> None:
    store = MemoryStore()
    okapi = Okapi(store, {"new": [OKAPI_MODULE], "plain": []})
    tenants = TenantService(store, RegistryService(store), okapi, lambda _tenant: None)
    assert tenants.get("new").id == "new"
    tenants.check_caller("new")
    assert okapi.refreshed == ["new"]
    with pytest.raises(NotFound):
        tenants.check_caller("plain")
    with pytest.raises(NotFound):
        tenants.get("none")
    with pytest.raises(UserError, match="none"):
        tenants.check_caller("none")
