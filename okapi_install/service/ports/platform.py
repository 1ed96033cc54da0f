"""The platform: what decides which modules, instances and tenants exist, and what a tenant has enabled.

It is either this service's own store, or an Okapi beside which it runs. In both cases plans are made from the store
(RegistryStore). Beside an Okapi, the store's descriptors, tenants and enabled modules are a copy, which the methods
`refresh…` bring up to date. Jobs are always in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.ports.values import Instance


class PlatformUnavailable(OkapiInstallError):
    """The platform does not respond at the moment, or refuses for a reason that may pass. A retry makes sense."""

    code = "platform_unavailable"


class PlatformForbids(PlatformUnavailable):
    """The platform refuses us, also with a new token: a permission is missing. The message names it."""

    code = "platform_forbids"


class ChangeNotRecorded(PlatformUnavailable):
    """The platform accepted a change, but does not show it when it is read back: something else overwrote it."""

    code = "change_not_recorded"


class DescriptorGone(OkapiInstallError):
    """The platform does not have the module's descriptor any more. The module is initialised, but not routed to."""

    code = "descriptor_gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One change of what a tenant has enabled: `gone` is replaced by `came`. One of them may be None."""

    gone: str | None
    came: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Differences:
    """What the platform says of a tenant, compared with what was expected. Sorted ids of modules."""

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected)


class Platform(Protocol):
    """What decides about modules, instances and tenants. One for a process; used by many threads or greenlets.

    Each method may raise PlatformUnavailable (also as PlatformForbids) and StoreUnavailable.
    """

    def refresh_registry(self) -> None:
        """Brings the store's module descriptors up to date: new ones are added, removed ones removed."""

    def refresh_tenants(self) -> None:
        """Brings the store's list of tenants up to date."""

    def refresh_tenant(self, tenant_id: str) -> None:
        """Brings one tenant, and what it has enabled, up to date in the store. Called before a plan is made.

        While a job of the tenant is running, what it has enabled is left to that job.

        Raises:
            NotFound: there is no such tenant; the message is its id.
        """

    def enabled_now(self, tenant_id: str, known: frozenset[str]) -> frozenset[str]:
        """What the tenant has enabled now. `known` is what the store has, and what the store's own platform returns.

        Called by the worker that owns the tenant's running job; the store is brought up to date.

        Raises:
            NotFound: there is no such tenant; the message is its id.
        """

    def instances(self, module_id: str) -> list[Instance]:
        """The instances of a module."""

    def running_job(self, tenant_id: str) -> str | None:
        """The id of an install job of the platform's own that runs for the tenant, else None.

        Raises:
            NotFound: there is no such tenant; the message is its id.
        """

    def record(self, tenant_id: str, recording: Recording, before: Callable[[], None]) -> frozenset[str] | None:
        """Records a change whose module is initialised; what the platform shows then. It can be repeated.

        A platform that is told with a call of its own calls `before` first, which commits that the module is
        initialised and is not called again, and waits for its turn. It returns what the tenant has enabled as it was
        read back. The store's own platform does nothing and returns None: the job's next commit records.
        One task at a time may record for a tenant: the owner of its running job.

        Raises:
            ChangeNotRecorded: it is not shown when it is read back.
            DescriptorGone: the platform has no descriptor of the module.
            NotFound: there is no such tenant; the message is its id.
        """

    def differences(self, tenant_id: str, expected: Collection[str]) -> Differences:
        """How what the tenant has enabled differs from what is expected; none for the store's own platform.

        Raises:
            NotFound: there is no such tenant; the message is its id.
        """
