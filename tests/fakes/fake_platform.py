"""An Okapi beside the service, in memory, with its flaws. Tests script what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection

from okapi_install.domain.errors import NotFound
from okapi_install.service.ports import (
    ChangeNotRecorded,
    DescriptorGone,
    Differences,
    Instance,
    PlatformUnavailable,
    Recording,
)
from tests.fakes.memory_store import MemoryStore

Trouble = Callable[[], None]
"""What happens before a change is made, or after. It may raise."""


def nothing() -> None:
    """All is well."""


def unavailable() -> None:
    """The platform does not respond."""
    raise PlatformUnavailable("connection refused")


class FakePlatform:
    """See ports.Platform. `shown` is what it shows of each tenant; `told` are the changes that it was told of.

    `before` and `after` have what goes wrong with the next recordings. `jobs` are looks at which a job of its own runs.
    """

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.shown: dict[str, set[str]] = {tenant.id: set(store.enabled(tenant.id)) for tenant in store.tenants()}
        self.told: list[str] = []
        self.without_descriptor: set[str] = set()
        self.before: list[Trouble] = []
        self.after: list[Trouble] = []
        self.questions: list[Trouble] = []
        self.discovery: list[Trouble] = []
        self.jobs: list[str | None] = []
        self.recording: str | None = None

    def refresh_registry(self) -> None: ...

    def refresh_tenants(self) -> None: ...

    def refresh_tenant(self, tenant_id: str) -> None:
        """The store takes over what the tenant has, unless a job of it runs."""
        if not any(job.complete is False and job.owner for job in self._store.jobs_of(tenant_id)):
            self._store._enabled[tenant_id] = set(self._of(tenant_id))

    def enabled_now(self, tenant_id: str, known: frozenset[str]) -> frozenset[str]:
        """What the tenant has."""
        self._next(self.questions)
        self._store._enabled[tenant_id] = set(self._of(tenant_id))
        return frozenset(self._of(tenant_id))

    def instances(self, module_id: str) -> list[Instance]:
        """Those in the store."""
        self._next(self.discovery)
        return self._store.instances(module_id)

    def running_job(self, tenant_id: str) -> str | None:
        """A job of its own, as the test says."""
        self._next(self.questions)
        self._of(tenant_id)
        return self.jobs.pop(0) if self.jobs else None

    def record(self, tenant_id: str, recording: Recording, before: Callable[[], None]) -> frozenset[str]:
        """Makes the change; one at a time, or it fails the test."""
        before()
        change = f"{recording.gone or ''}>{recording.came or ''}"
        assert self.recording is None, f"{change} while {self.recording}"
        self.recording = change
        try:
            return self._record(tenant_id, recording, change)
        finally:
            self.recording = None

    def _record(self, tenant_id: str, recording: Recording, change: str) -> frozenset[str]:
        self._next(self.before)
        shown = self._of(tenant_id)
        if recording.came in self.without_descriptor:
            raise DescriptorGone(str(recording.came))
        self.told.append(change)
        shown.discard(recording.gone or "")
        shown.update([recording.came] if recording.came else [])
        self._next(self.after)
        if (recording.came or "") not in {*shown, ""} or recording.gone in shown:
            raise ChangeNotRecorded(f"Okapi lost {change}")
        return frozenset(shown)

    def differences(self, tenant_id: str, expected: Collection[str]) -> Differences:
        """How what the tenant has differs."""
        self._next(self.questions)
        shown = self._of(tenant_id)
        missing, unexpected = sorted(set(expected) - shown), sorted(shown - set(expected))
        return Differences(missing=tuple(missing), unexpected=tuple(unexpected))

    def _of(self, tenant_id: str) -> set[str]:
        if tenant_id not in self.shown:
            raise NotFound(tenant_id)
        return self.shown[tenant_id]

    def _next(self, troubles: list[Trouble]) -> None:
        if troubles:
            troubles.pop(0)()
