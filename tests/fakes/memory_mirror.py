"""The memory store as the copy of an Okapi."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from okapi_install.domain.jobs import ACTIVE, JobStatus
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.ports import Tenant
from tests.fakes.memory_upkeep import MemoryUpkeep


class MemoryMirror(MemoryUpkeep):
    """A MirrorStore."""

    def __init__(self) -> None:
        super().__init__()
        self._mirrored: str | None = None

    def mirrored_okapi(self) -> str | None:
        return self._mirrored

    def mirror_okapi(self, address: str, *, moved: bool = False) -> str | None:
        with self._lock:
            if self._mirrored is None and not self._has_data():
                self._log.extend(self._modules)
                for built_in in (self._modules, self._tenants, self._enabled):
                    built_in.clear()
                self._mirrored = address
            elif self._mirrored is not None and moved:
                self._mirrored = address
            return self._mirrored

    def _has_data(self) -> bool:
        others = any(not name.startswith("okapi-") for name in self._modules) or self._tenants.keys() - {"supertenant"}
        return bool(others or self._records or self._instances or self._env)

    def mirror_modules(self, added: Sequence[ModuleDescriptor], removed: Collection[str]) -> None:
        with self._lock:
            for module in added:
                known = self._modules.get(module.id)
                if known is None or known.document != module.document or module.id in self._unlisted:
                    self._modules[module.id] = module
                    self._unlisted.discard(module.id)
                    self._log.append(module.id)
            gone = [name for name in removed if name in self._modules and name not in self._unlisted]
            self._unlisted.update(gone)
            self._log.extend(gone)

    def mirror_tenants(self, tenants: Sequence[Tenant], gone: Collection[str] = ()) -> None:
        with self._lock:
            for tenant in tenants:
                self.put_tenant(tenant)
            for tenant_id in self._tenants.keys() & set(gone):
                if not self._in_states(tenant_id, JobStatus.QUEUED, *ACTIVE):
                    self.remove_tenant(tenant_id)

    def mirror_tenant(self, tenant: Tenant, enabled: Collection[str], *, unless_active: bool) -> None:
        with self._lock:
            self.put_tenant(tenant)
            if not (unless_active and self._in_states(tenant.id, *ACTIVE)):
                self._enabled[tenant.id] = set(enabled)
