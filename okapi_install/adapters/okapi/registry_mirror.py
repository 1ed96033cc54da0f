"""Copies the module descriptors of an Okapi into the store.

A descriptor never changes under its id, so it is read once. The short list of ids, which is read each time, says what
is new and what is gone. Many new ones are read by the request that Okapi's own pull uses: a GET that has the ids of all
others in its body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import structlog

from okapi_install.adapters.okapi.client import OkapiClient, path_of
from okapi_install.adapters.okapi.connections import Response
from okapi_install.adapters.okapi.joined import Joined
from okapi_install.domain import recording_messages
from okapi_install.domain.errors import UserError
from okapi_install.domain.foreign_status import is_not_found
from okapi_install.domain.foreign_text import bounded
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.modules.internal_module import OKAPI_PRODUCT
from okapi_install.service.ports import MirrorStore, PlatformUnavailable
from okapi_install.service.pull import readable
from okapi_install.service.registry import RegistryService

log = structlog.get_logger()

MODULES = path_of("_", "proxy", "modules")
_ONE_BY_ONE = 5
"""So many new modules are read by their ids, which Okapi answers at once. It takes a second for the other request."""
_BATCH = 500
_NAMED = 5


class RegistryMirror:
    """The registry of one Okapi in the store. `timeout` is for a list of descriptors, in seconds."""

    def __init__(self, client: OkapiClient, store: MirrorStore, registry: RegistryService, *, timeout: float) -> None:
        self._client = client
        self._store = store
        self._registry = registry
        self._timeout = timeout
        self._unusable: set[str] = set()
        self._done: tuple[bytes, int] | None = None
        """The short list that was taken over last, and the number of the newest change in the store then."""
        self.reading: tuple[int, int] | None = None
        """While many new modules are read: how many of how many."""
        self.refresh = Joined(self._refresh)
        """Brings the store up to date. Raises PlatformUnavailable, StoreUnavailable."""

    def _refresh(self) -> None:
        before = self._known()  # another process may copy a module that is newer than the list that this one gets
        found = self._client.call("GET", MODULES, timeout=self._timeout)
        if (found.body, self._newest()) == self._done:
            return
        listed = self._ids(self._objects(found))
        gone = before.difference(listed)
        if gone:
            self._store.mirror_modules((), sorted(gone))
            log.info("Okapi has modules no more", count=len(gone), first=sorted(gone)[:_NAMED])
        known = self._known()
        new = [ident for ident in listed if ident not in known and ident not in self._unusable]
        if len(new) <= _ONE_BY_ONE:
            self._take([document for ident in new for document in self._one(ident)])
        else:
            self._read_many(listed, new)
        self._done = found.body, self._newest()

    def _newest(self) -> int:
        """The number of the newest change in the store's registry."""
        self._registry.current()
        return self._registry.seq

    def _known(self) -> set[str]:
        return set(self._registry.current().ids())

    def _ids(self, modules: list[Mapping[str, object]]) -> dict[str, None]:
        """The ids of all its modules, in its order."""
        ids = {ident: None for one in modules if isinstance(ident := one.get("id"), str)}
        if not any(ident.startswith(OKAPI_PRODUCT + "-") for ident in ids):
            raise self._senseless("the list of modules does not have its own")
        return ids

    def _without(self, known: Sequence[str]) -> list[Mapping[str, object]]:
        """The descriptors of those modules that are not known."""
        return self._objects(self._client.call("GET", MODULES, known, query="full=true", timeout=self._timeout))

    def _objects(self, found: Response) -> list[Mapping[str, object]]:
        listed = self._client.document_of(found, f"GET {MODULES}")
        if not isinstance(listed, list):
            raise self._senseless("it is not a list")
        return [one for one in listed if isinstance(one, Mapping)]

    def _senseless(self, why: str) -> PlatformUnavailable:
        return PlatformUnavailable(
            recording_messages.okapi_does_not_respond(self._client.shown_url, f"GET {MODULES}", why)
        )

    def _one(self, module_id: str) -> list[object]:
        """The descriptor of a module, none if it was removed meanwhile."""
        path = path_of("_", "proxy", "modules", module_id)
        found = self._client.call("GET", path)
        return [] if is_not_found(found.status) else [self._client.document_of(found, f"GET {path}")]

    def _read_many(self, listed: Mapping[str, None], new: Sequence[str]) -> None:
        try:
            for batch in _batches(new):
                done = len(self._known())
                self.reading = done, len(listed)
                log.info("reads the registry of Okapi", okapi=self._client.shown_url, read=done, of=len(listed))
                self._take(self._without([ident for ident in listed if ident not in batch]))
            log.info("has read the registry of Okapi", okapi=self._client.shown_url, modules=len(listed))
        finally:
            self.reading = None

    def _take(self, documents: Sequence[object]) -> None:
        """Adds descriptors to the store. What cannot be read or stored is left out, and not read again."""
        usable: list[ModuleDescriptor] = []
        for document in documents:
            try:
                usable.append(readable(document))
            except UserError as why:
                ident = document.get("id") if isinstance(document, Mapping) else None
                self._unusable.add(str(ident))
                log.warning("a module of Okapi cannot be used", module=bounded(str(ident), 200), cause=why.message)
        if usable:
            self._store.mirror_modules(usable, ())


def _batches(ids: Sequence[str]) -> Iterator[set[str]]:
    for start in range(0, len(ids), _BATCH):
        yield set(ids[start : start + _BATCH])
