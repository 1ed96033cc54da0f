"""The platform of a service that stands beside an Okapi: that Okapi's tables, of which the store has a copy.

Okapi loses changes of one tenant that are made at once, and a job of its own overwrites what others changed while it
ran. So its callers make changes of a tenant one after the other, and each is read back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

import structlog
from cachetools import LRUCache

from okapi_install.adapters.okapi.client import SUPERTENANT, OkapiClient, path_of
from okapi_install.adapters.okapi.connections import Response
from okapi_install.adapters.okapi.joined import Joined
from okapi_install.adapters.okapi.registry_mirror import RegistryMirror
from okapi_install.domain import recording_messages
from okapi_install.domain.errors import NotFound, OkapiInstallError, UserError
from okapi_install.domain.foreign_status import is_not_found, succeeded
from okapi_install.domain.foreign_text import bounded
from okapi_install.domain.identifiers import check_legacy_tenant_id
from okapi_install.service.ports import (
    ChangeNotRecorded,
    DescriptorGone,
    Differences,
    Instance,
    PlatformUnavailable,
    Recording,
    Store,
    Tenant,
)

log = structlog.get_logger()

TENANTS = path_of("_", "proxy", "tenants")
_RECORD_ONLY = "invoke=false&depCheck=false"
"""Changes what a tenant has enabled: no module is called, and nothing is refused for what it requires."""
_MOST_TENANTS = 2000
_PAGE_SECONDS = 5.0
"""How long the list of tenants may take: pages wait for it, and show what is known otherwise."""
_BETWEEN_READS, _BETWEEN_ATTEMPTS = 300.0, 5.0
"""Seconds between two copies of all, and after one that failed."""


class OkapiPlatform:
    """A Platform. `registry` is the mirror of that Okapi's module descriptors in the store."""

    def __init__(self, client: OkapiClient, store: Store, registry: RegistryMirror) -> None:
        self.client = client
        self.registry = registry
        self._store = store
        self._refresh_tenants = Joined(self._read_tenants)
        self._seen: LRUCache[str, frozenset[str]] = LRUCache(_MOST_TENANTS)
        """What tenants had enabled when it was last read and nothing was changed since."""
        self._lock = threading.Lock()

    def keep_reading(self) -> None:
        """Copies all that Okapi has, again and again: what pages show of tenants for which nobody makes plans."""
        while True:
            try:
                self.read_all()
                pause = _BETWEEN_READS
            except OkapiInstallError as why:
                log.warning("what Okapi has cannot be read yet", cause=why.message)
                pause = _BETWEEN_ATTEMPTS
            time.sleep(pause)

    def read_all(self) -> None:
        """Copies the tenants, the modules, and what each tenant has enabled. Raises as the port says."""
        self.refresh_tenants()
        self.refresh_registry()
        for tenant in self._store.tenants():
            with suppress(NotFound):
                self.refresh_tenant(tenant.id)

    def progress(self) -> str | None:
        """How far the registry of Okapi is read, if that takes long."""
        reading = self.registry.reading
        return None if reading is None else recording_messages.reads_registry(*reading)

    def refresh_registry(self) -> None:
        """Copies new module descriptors into the store. One request, and few more if there are new ones."""
        self.registry.refresh()

    def refresh_tenants(self) -> None:
        """Copies the list of tenants into the store."""
        self._refresh_tenants()

    def refresh_tenant(self, tenant_id: str) -> None:
        """Copies one tenant, and what it has enabled. Raises NotFound."""
        try:
            enabled = self._read(tenant_id)
            self._store.mirror_tenant(self._tenant(tenant_id), enabled, unless_active=True)
        except NotFound:
            self._store.mirror_tenants((), [tenant_id])
            raise

    def enabled_now(self, tenant_id: str, known: frozenset[str]) -> frozenset[str]:
        """What the tenant has enabled in Okapi. Raises NotFound."""
        enabled = self._read(tenant_id)
        if enabled != known:
            self._store.mirror_tenant(self._tenant(tenant_id), enabled, unless_active=False)
        return enabled

    def instances(self, module_id: str) -> list[Instance]:
        """The instances of a module in Okapi's discovery."""
        path = path_of("_", "discovery", "modules", module_id)
        found = self.client.call("GET", path)
        if _names(found, module_id):
            return []
        listed = self._objects(found, path)
        return [one for one in map(_instance, listed) if one is not None]

    def running_job(self, tenant_id: str) -> str | None:
        """A job of Okapi's own that is not complete. With our paths registered there, it lists our jobs instead."""
        path = _path(tenant_id, "install")
        found = self.client.call("GET", path)
        _check_tenant(found, tenant_id)
        jobs = self._objects(found, path)
        running = [str(job["id"]) for job in jobs if job.get("complete") is False and "id" in job]
        ours = self._store.revisions(running) if running else {}
        return next((ident for ident in running if ident not in ours), None)

    def record(self, tenant_id: str, recording: Recording, before: Callable[[], None]) -> frozenset[str]:
        """Changes what the tenant has enabled, unless it is so already, and reads it back. See the port."""
        before()
        shown = self._seen_or_read(tenant_id, recording)
        if not _shows(recording, shown):
            self._send(tenant_id, recording)
            shown = self._read(tenant_id)
            if not _shows(recording, shown):
                raise ChangeNotRecorded(recording_messages.change_not_recorded(self.client.shown_url, tenant_id))
        return shown

    def differences(self, tenant_id: str, expected: Collection[str]) -> Differences:
        """How what Okapi says of the tenant differs from what is expected. Raises NotFound."""
        enabled, wanted = self._read(tenant_id), set(expected)
        return Differences(missing=tuple(sorted(wanted - enabled)), unexpected=tuple(sorted(enabled - wanted)))

    def _seen_or_read(self, tenant_id: str, recording: Recording) -> frozenset[str]:
        """What Okapi showed last, or what it shows now if it showed the change already."""
        with self._lock:
            seen = self._seen.get(tenant_id)
        if seen is not None and not _shows(recording, seen):
            return seen
        return self._read(tenant_id)

    def _send(self, tenant_id: str, recording: Recording) -> None:
        with self._lock:
            self._seen.pop(tenant_id, None)
        came, gone = recording.came, recording.gone
        if came is None:
            if gone is not None:
                self._disable(tenant_id, gone)
        elif gone is None or gone == came or not self._replace(tenant_id, gone, came):
            self._enable(tenant_id, came)

    def _enable(self, tenant_id: str, came: str) -> None:
        path = _path(tenant_id, "modules")
        found = self.client.call("POST", path, {"id": came}, query=_RECORD_ONLY)
        self._check_change(found, f"POST {path}", tenant_id, came)

    def _replace(self, tenant_id: str, gone: str, came: str) -> bool:
        """Replaces one module by another; False if the old one's descriptor is gone, so that no tenant has it."""
        path = _path(tenant_id, "modules", gone)
        found = self.client.call("POST", path, {"id": came}, query=_RECORD_ONLY)
        if _names(found, gone):
            return False
        self._check_change(found, f"POST {path}", tenant_id, came)
        return True

    def _disable(self, tenant_id: str, gone: str) -> None:
        path = _path(tenant_id, "modules", gone)
        found = self.client.call("DELETE", path, query=_RECORD_ONLY)
        if not _names(found, gone):  # else its descriptor is gone, and what is read back says whether it matters
            self._check_change(found, f"DELETE {path}", tenant_id, gone)

    def _check_change(self, found: Response, request: str, tenant_id: str, module_id: str) -> None:
        _check_tenant(found, tenant_id)
        if _names(found, module_id):
            raise DescriptorGone(recording_messages.descriptor_gone(module_id))
        if not succeeded(found.status):
            raise self._unavailable(request, found.words)

    def _read(self, tenant_id: str) -> frozenset[str]:
        """What the tenant has enabled. Raises NotFound."""
        path = _path(tenant_id, "modules")
        found = self.client.call("GET", path)
        _check_tenant(found, tenant_id)
        enabled = frozenset(str(one["id"]) for one in self._objects(found, path) if "id" in one)
        with self._lock:
            self._seen[tenant_id] = enabled
        return enabled

    def _tenant(self, tenant_id: str) -> Tenant:
        """The tenant as the store has it; one that it does not have is read."""
        with suppress(NotFound):
            return self._store.tenant(tenant_id)
        path = path_of("_", "proxy", "tenants", tenant_id)
        found = self.client.call("GET", path)
        _check_tenant(found, tenant_id)
        document = self.client.document_of(found, f"GET {path}")
        tenant = _tenant_of(document) if isinstance(document, Mapping) else None
        if tenant is None or tenant.id != tenant_id:
            raise self._unavailable(f"GET {path}", "it is no tenant of that id that can be stored")
        return tenant

    def _read_tenants(self) -> None:
        timeout = min(self.client.timeout, _PAGE_SECONDS)
        found = self._objects(self.client.call("GET", TENANTS, timeout=timeout), TENANTS)
        tenants = [tenant for tenant in map(_tenant_of, found) if tenant is not None]
        ids = {tenant.id for tenant in tenants}
        if SUPERTENANT not in ids:
            raise self._unavailable(f"GET {TENANTS}", f"the list of tenants does not have {SUPERTENANT}")
        missing = [tenant.id for tenant in self._store.tenants() if tenant.id not in ids]
        self._store.mirror_tenants(tenants, [ident for ident in missing if self._is_gone(ident)])

    def _is_gone(self, tenant_id: str) -> bool:
        """Whether Okapi has no such tenant. It is asked before a tenant is removed with all its jobs."""
        return _names(self.client.call("GET", path_of("_", "proxy", "tenants", tenant_id)), tenant_id)

    def _objects(self, found: Response, path: str) -> list[Mapping[str, object]]:
        """The objects of a list. Raises PlatformUnavailable for any other response."""
        listed = self.client.document_of(found, f"GET {path}")
        if not isinstance(listed, list):
            raise self._unavailable(f"GET {path}", "it is not a list")
        return [one for one in listed if isinstance(one, Mapping)]

    def _unavailable(self, request: str, why: str) -> PlatformUnavailable:
        return PlatformUnavailable(recording_messages.okapi_does_not_respond(self.client.shown_url, request, why))


def _path(tenant_id: str, *more: str) -> str:
    return path_of("_", "proxy", "tenants", tenant_id, *more)


def _names(found: Response, ident: str) -> bool:
    """Whether the response is Okapi's for something that does not exist: 404, and its id as text."""
    return is_not_found(found.status) and found.body.decode("utf-8", "replace").strip() == ident


def _check_tenant(found: Response, tenant_id: str) -> None:
    if _names(found, tenant_id):
        raise NotFound(tenant_id)


def _shows(recording: Recording, enabled: Collection[str]) -> bool:
    """Whether that is enabled after the change."""
    came, gone = recording.came, recording.gone
    return (came is None or came in enabled) and (gone is None or gone == came or gone not in enabled)


def _instance(document: Mapping[str, object]) -> Instance | None:
    inst_id, srvc_id, url = document.get("instId"), document.get("srvcId"), document.get("url")
    if not isinstance(inst_id, str) or not isinstance(srvc_id, str):
        return None
    return Instance(inst_id=inst_id, srvc_id=srvc_id, url=url if isinstance(url, str) else None, document=document)


def _tenant_of(document: Mapping[str, object]) -> Tenant | None:
    """The tenant, unless its id cannot be stored."""
    ident = document.get("id")
    if not isinstance(ident, str):
        return None
    try:
        check_legacy_tenant_id(ident)
    except UserError as why:
        log.warning("a tenant of Okapi cannot be stored", cause=why.message)
        return None
    return Tenant(id=ident, name=_text(document.get("name")), description=_text(document.get("description")))


def _text(value: object) -> str | None:
    return bounded(value) if isinstance(value, str) else None
