"""Tenants and their enabled modules. Nothing is cached: each call reads the store, brought up to date first."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import structlog

from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.identifiers import LONGEST_TENANT_ID, check_legacy_tenant_id, check_tenant_id
from okapi_install.domain.modules.descriptors import Interface, ModuleDescriptor, ModuleSummary
from okapi_install.domain.modules.internal_module import OKAPI_PRODUCT
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.registry.query import ModuleQuery
from okapi_install.service.ports import Platform, PlatformUnavailable, RegistryStore, Tenant, TenantOverview
from okapi_install.service.registry import RegistryService

log = structlog.get_logger()

SUPERTENANT = "supertenant"


class TenantService:
    """The operations on tenants. `before_removal` is called with a tenant's id, to stop its jobs before its removal."""

    def __init__(
        self,
        store: RegistryStore,
        registry: RegistryService,
        platform: Platform,
        before_removal: Callable[[str], None],
    ) -> None:
        self._store = store
        self._registry = registry
        self._platform = platform
        self._before_removal = before_removal

    def check_caller(self, tenant_id: str) -> None:
        """Checks that requests may be made as that tenant.

        Raises:
            UserError: the tenant does not exist (Okapi 10106).
            NotFound: it does not have the module `okapi` enabled, which provides these paths (10102).
        """
        if tenant_id == SUPERTENANT:
            return
        try:
            enabled = [] if "\0" in tenant_id else self._enabled_of(tenant_id)
        except NotFound:
            raise UserError(okapi_messages.no_such_tenant(tenant_id)) from None
        if not any(ModuleId.parse(i).product == OKAPI_PRODUCT for i in enabled):
            raise NotFound(okapi_messages.no_such_path())

    def all(self) -> list[Tenant]:
        """All tenants, by id. While the platform is unavailable, those that the store knows."""
        with self._as_known():
            self._platform.refresh_tenants()
        return self._store.tenants()

    def overviews(self, tenant_ids: Collection[str]) -> dict[str, TenantOverview]:
        """What those of the tenants that exist have and do, by id."""
        return self._store.tenant_overviews(tenant_ids)

    def enabled_everywhere(self) -> dict[str, list[str]]:
        """The enabled modules of each tenant that has some, as the store has them: no tenant is brought up to date."""
        return self._store.enabled_everywhere()

    def get(self, tenant_id: str) -> Tenant:
        """One tenant. Raises NotFound."""
        with suppress(NotFound):
            return self._store.tenant(tenant_id)
        self._platform.refresh_tenant(tenant_id)  # it may be new there
        return self._store.tenant(tenant_id)

    def create(self, tenant: Tenant) -> Tenant:
        """Adds a tenant; one without an id gets a new one.

        Raises:
            UserError: the id is invalid or taken.
        """
        ident = tenant.id or f"t{uuid.uuid4().hex}"[:LONGEST_TENANT_ID]
        check_tenant_id(ident)
        added = Tenant(id=ident, name=tenant.name, description=tenant.description)
        self._store.add_tenant(added)
        return added

    def update(self, tenant_id: str, sent_id: str | None, tenant: Tenant) -> None:
        """Replaces name and description; adds the tenant if it is new (Okapi).

        Raises:
            UserError: the body has another id, or the id cannot be stored.
        """
        if sent_id != tenant_id:
            raise UserError(okapi_messages.tenant_id_is_fixed("null" if sent_id is None else sent_id, tenant_id))
        check_legacy_tenant_id(tenant_id)
        self._store.put_tenant(tenant)

    def remove(self, tenant_id: str) -> None:
        """Removes a tenant with its enabled modules and its jobs. Data that modules store for it stays there.

        The workers that run its jobs tell their modules to stop.

        Raises:
            UserError: it is the supertenant.
            NotFound: there is no such tenant.
        """
        if tenant_id == SUPERTENANT:
            raise UserError(okapi_messages.super_tenant_stays(tenant_id))
        self._store.tenant(tenant_id)
        self._before_removal(tenant_id)
        self._store.remove_tenant(tenant_id)

    def enabled(self, tenant_id: str) -> list[str]:
        """Sorted ids of the tenant's enabled modules. While the platform is unavailable, those that the store knows.

        Raises NotFound.
        """
        with self._as_known():
            self._platform.refresh_tenant(tenant_id)
        return self._store.enabled(tenant_id)

    @contextmanager
    def _as_known(self) -> Iterator[None]:
        """Goes on when the platform is unavailable: pages about jobs are needed most then. Plans are not made of it."""
        try:
            yield
        except PlatformUnavailable as problem:
            log.warning("shows what is known of tenants", cause=problem.message)

    def _enabled_of(self, tenant_id: str) -> list[str]:
        """What the store knows of a tenant, or the platform if the store does not know it. Raises NotFound."""
        with suppress(NotFound):
            return self._store.enabled(tenant_id)
        self._platform.refresh_tenant(tenant_id)
        return self._store.enabled(tenant_id)

    def check_enabled(self, tenant_id: str, module_id: str) -> None:
        """Raises NotFound, naming the tenant or the module, unless it has that module enabled."""
        if module_id not in self._store.enabled(tenant_id):
            raise NotFound(module_id)

    def modules(self, tenant_id: str, query: ModuleQuery) -> list[ModuleSummary]:
        """The enabled modules of a tenant that match a query. Raises NotFound, UserError."""
        enabled = self._store.enabled(tenant_id)
        return self._registry.current().select(query, enabled)

    def interfaces(self, tenant_id: str, kind: str | None) -> list[Mapping[str, Any]]:
        """The interfaces of its enabled modules, of one type or all, as in the descriptors. Raises NotFound."""
        return [document for _, interface, document in self._provided(tenant_id) if kind in (None, interface.type)]

    def providers(self, tenant_id: str, interface_id: str, kind: str | None) -> list[str]:
        """Ids of its enabled modules that provide an interface of that id, of one type or any. Raises NotFound."""
        found = {
            module.id: None
            for module, interface, _ in self._provided(tenant_id)
            if interface.id == interface_id and kind in (None, interface.type)
        }
        return list(found)

    def timers(self, tenant_id: str) -> list[dict[str, Any]]:
        """The timers of its enabled modules as Okapi lists them; none for an unknown tenant, as in Okapi."""
        try:
            enabled = self._registry.descriptors(self._store.enabled(tenant_id))
        except NotFound:
            return []
        found = [timer for module in enabled for timer in _timers(module)]
        return sorted(found, key=lambda timer: str(timer["id"]))

    def timer(self, tenant_id: str, timer_id: str) -> dict[str, Any]:
        """One timer. Raises NotFound, naming the tenant or the timer."""
        product, mark, number = timer_id.rpartition("_")
        timers = self.timers(tenant_id)
        if not mark or not re.fullmatch(r"[+-]?\d{1,9}", number) or not (timers or self._has_modules(tenant_id)):
            raise NotFound(tenant_id)
        wanted = f"{product.rpartition('_')[2]}_{int(number)}"
        for timer in timers:
            if timer["id"] == wanted:
                return timer | {"id": timer_id}
        raise NotFound(f"{tenant_id}_{wanted}")

    def _has_modules(self, tenant_id: str) -> bool:
        return bool(self._store.enabled(tenant_id))

    def _provided(self, tenant_id: str) -> list[tuple[ModuleDescriptor, Interface, Mapping[str, Any]]]:
        enabled = self._registry.descriptors(self._store.enabled(tenant_id))
        return [
            (module, interface, document)
            for module in enabled
            for interface, document in zip(module.provides, module.document.get("provides", ()), strict=True)
        ]


def _timers(module: ModuleDescriptor) -> list[dict[str, Any]]:
    for document in module.document.get("provides", ()):
        if document["id"] == "_timer" and document.get("interfaceType") == "system":
            entries = document.get("handlers", ())
            return [
                {"id": f"{module.product}_{n}", "routingEntry": entry, "modified": False}
                for n, entry in enumerate(entries)
            ]
    return []
