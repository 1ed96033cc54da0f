"""The platform of a service that stands alone: its own store."""

from __future__ import annotations

from collections.abc import Callable, Collection

from okapi_install.service.ports import Differences, Instance, Recording, RegistryStore


class OwnPlatform:
    """The store decides, so there is nothing to bring up to date, and a job's commits are the record."""

    def __init__(self, store: RegistryStore) -> None:
        self._store = store

    def refresh_registry(self) -> None:
        """Does nothing."""

    def refresh_tenants(self) -> None:
        """Does nothing."""

    def refresh_tenant(self, tenant_id: str) -> None:
        """Does nothing. What reads the tenant next raises NotFound if there is none."""

    def enabled_now(self, tenant_id: str, known: frozenset[str]) -> frozenset[str]:
        """What is known."""
        del tenant_id
        return known

    def instances(self, module_id: str) -> list[Instance]:
        """The store's instances of a module. Raises StoreUnavailable."""
        return self._store.instances(module_id)

    def running_job(self, tenant_id: str) -> str | None:
        """None: all jobs are in the store."""
        del tenant_id
        return None

    def record(self, tenant_id: str, recording: Recording, before: Callable[[], None]) -> None:
        """Does nothing."""

    def differences(self, tenant_id: str, expected: Collection[str]) -> Differences:
        """None."""
        del tenant_id, expected
        return Differences()
