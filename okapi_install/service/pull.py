"""Pulls module descriptors from another registry into this one (Okapi: PullManager)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import structlog

from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.messages import message
from okapi_install.domain.modules.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.domain.modules.internal_module import OKAPI_PRODUCT
from okapi_install.service.registry import RegistryService

log = structlog.get_logger()


class Remote(Protocol):
    """Other registries."""

    def version(self, url: str) -> str | None:
        """What it says it is; None if it does not answer as a registry does."""

    def descriptors(self, url: str, known: Sequence[str]) -> list[object]:
        """Its module descriptors, as sent, but for those known. Raises UserError or InternalError."""


class PullService:
    """Brings in what another registry has and this one has not."""

    def __init__(self, registry: RegistryService, remote: Remote) -> None:
        self._registry = registry
        self._remote = remote

    def pull(self, urls: Sequence[str]) -> list[ModuleSummary]:
        """Adds the modules of the first registry that answers, less those whose requirements stay unmet.

        The result names all that were new there, also those that were left out (Okapi).

        Raises:
            NotFound: none of them answers (Okapi 11000).
            UserError: the registry refused, or has another document under an id of ours.
        """
        url = next((u for u in urls if self._remote.version(u) is not None), None)
        if url is None:
            raise NotFound(message(11000))
        ours = self._registry.current().ids()
        sent = self._remote.descriptors(url, sorted(ours))
        new = [d for d in _readable(sent, url) if d.id not in ours and d.product != OKAPI_PRODUCT]
        self._registry.add(new, check=True, leave_out_unmet=True)
        log.info("pull: modules added", url=url, new=len(new))
        return [d.summary() for d in new]


def _readable(sent: Sequence[object], url: str) -> list[ModuleDescriptor]:
    found: dict[str, ModuleDescriptor] = {}
    for document in sent:
        try:
            descriptor = ModuleDescriptor.parse(document)
        except UserError as why:
            ident = document.get("id") if isinstance(document, dict) else None
            log.warning("pull: module left out", url=url, module=ident, cause=why.message)
            continue
        found.setdefault(descriptor.id, descriptor)
    return list(found.values())
