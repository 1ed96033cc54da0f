"""The registry half of the memory store: modules, tenants, discovery and environment in dictionaries."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.ports import EnvEntry, Instance, RegistryChange, RegistryDelta, Tenant


class MemoryRegistry:
    """A RegistryStore of one process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._modules: dict[str, ModuleDescriptor] = {}
        self._unlisted: set[str] = set()
        """Modules that are readable, but not in the registry."""
        self._log: list[str] = []
        self._tenants: dict[str, Tenant] = {}
        self._enabled: dict[str, set[str]] = {}
        self._instances: dict[str, Instance] = {}
        self._env: dict[str, EnvEntry] = {}

    def registry_since(self, seq: int) -> RegistryDelta:
        with self._lock:
            listed = {name: one for name, one in self._modules.items() if name not in self._unlisted}
            changed = sorted(listed) if seq <= 0 else list(dict.fromkeys(reversed(self._log[seq:])))[::-1]
            changes = tuple(
                RegistryChange(module_id=name, summary=listed[name].summary() if name in listed else None)
                for name in changed
            )
            return RegistryDelta(seq=len(self._log), changes=changes)

    def add_modules(self, modules: Sequence[ModuleDescriptor]) -> None:
        with self._lock:
            new: dict[str, ModuleDescriptor] = {}
            for module in modules:
                known = self._modules.get(module.id) or new.setdefault(module.id, module)
                if known.document != module.document:
                    raise UserError(okapi_messages.module_exists(module.id))
            self._modules.update(new)
            self._log.extend(new)

    def remove_module(self, module_id: str) -> bool:
        with self._lock:
            users = self.users_of(module_id)
            if users:
                raise UserError(okapi_messages.module_in_use(module_id, users[0]))
            if self._modules.pop(module_id, None) is None:
                return False
            self._log.append(module_id)
            return True

    def descriptors(self, ids: Iterable[str]) -> dict[str, ModuleDescriptor]:
        with self._lock:
            return {name: self._modules[name] for name in ids if name in self._modules}

    def add_tenant(self, tenant: Tenant, enabled: Sequence[str] = ()) -> None:
        with self._lock:
            if tenant.id in self._tenants:
                raise UserError(okapi_messages.tenant_exists(tenant.id))
            self._tenants[tenant.id] = tenant
            self._enabled[tenant.id] = set(enabled)

    def put_tenant(self, tenant: Tenant) -> None:
        with self._lock:
            self._tenants[tenant.id] = tenant
            self._enabled.setdefault(tenant.id, set())

    def tenant(self, tenant_id: str) -> Tenant:
        with self._lock:
            if tenant_id not in self._tenants:
                raise NotFound(tenant_id)
            return self._tenants[tenant_id]

    def tenants(self) -> list[Tenant]:
        with self._lock:
            return [self._tenants[name] for name in sorted(self._tenants)]

    def remove_tenant(self, tenant_id: str) -> None:
        with self._lock:
            self.tenant(tenant_id)
            del self._tenants[tenant_id], self._enabled[tenant_id]

    def enabled(self, tenant_id: str) -> list[str]:
        with self._lock:
            self.tenant(tenant_id)
            return sorted(self._enabled[tenant_id])

    def users_of(self, module_id: str) -> list[str]:
        with self._lock:
            return sorted(tenant for tenant, modules in self._enabled.items() if module_id in modules)

    def enabled_anywhere(self) -> dict[str, str]:
        with self._lock:
            pairs = sorted((tenant, module) for tenant, modules in self._enabled.items() for module in modules)
            return {module: tenant for tenant, module in reversed(pairs)}

    def enabled_everywhere(self) -> dict[str, list[str]]:
        with self._lock:
            return {tenant: list(modules) for tenant, modules in self._enabled.items() if modules}

    def add_instance(self, instance: Instance) -> None:
        with self._lock:
            if instance.inst_id in self._instances:
                raise UserError(okapi_messages.instance_exists(instance.inst_id))
            self._instances[instance.inst_id] = instance

    def instances(self, srvc_id: str | None = None) -> list[Instance]:
        with self._lock:
            return [one for one in self._instances.values() if srvc_id in (None, one.srvc_id)]

    def remove_instances(self, srvc_id: str | None = None, inst_id: str | None = None) -> int:
        with self._lock:
            gone = [one.inst_id for one in self.instances(srvc_id) if inst_id in (None, one.inst_id)]
            for name in gone:
                del self._instances[name]
            return len(gone)

    def put_env(self, entry: EnvEntry) -> None:
        with self._lock:
            self._env[entry.name] = entry

    def env(self) -> list[EnvEntry]:
        with self._lock:
            return [self._env[name] for name in sorted(self._env)]

    def remove_env(self, name: str) -> bool:
        with self._lock:
            return self._env.pop(name, None) is not None
