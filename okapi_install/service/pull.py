"""Pulls module descriptors from another registry into this one (Okapi: PullManager)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson
import structlog

from okapi_install.domain import messages, okapi_messages
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.identifiers import check_length
from okapi_install.domain.modules.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.domain.modules.internal_module import OKAPI_PRODUCT
from okapi_install.service.registry import RegistryService

log = structlog.get_logger()

_LONGEST_NAME = 200
_NAMED_IN_LOG = 5
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Remote(Protocol):
    """Other registries."""

    def version(self, url: str) -> str | None:
        """The version that it reports; None if it does not respond as a registry. Raises UserError if not allowed."""

    def descriptors(self, url: str, known: Sequence[str]) -> list[object]:
        """Its module descriptors as sent, except those that are known already. Raises UserError or InternalError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulled:
    """A module of the other registry that is new here. `problem` is why it was left out, None if it was added.

    `summary` is None if its descriptor cannot be read.
    """

    id: str
    summary: ModuleSummary | None = None
    problem: str | None = None


class PullService:
    """Adds the modules that another registry has and this one lacks."""

    def __init__(self, registry: RegistryService, remote: Remote) -> None:
        self._registry = registry
        self._remote = remote

    def pull(self, urls: Sequence[str]) -> list[Pulled]:
        """Adds the modules of the first registry that responds, except those whose requirements are not met.

        The result has all modules that are new, also those left out (as in Okapi), with the reason.

        Raises:
            NotFound: none of them responds (Okapi 11000).
            UserError: an address is not allowed, the registry refused, or a module differs from ours of the same id.
        """
        url = next((u for u in urls if self._remote.version(u) is not None), None)
        if url is None:
            raise NotFound(okapi_messages.nothing_to_pull_from())
        ours = set(self._registry.current().ids())
        new, unreadable = _read(self._remote.descriptors(url, sorted(ours)), ours)
        unmet = self._registry.add_those_met(new)
        added = [Pulled(id=d.id, summary=d.summary(), problem=unmet.get(d.id)) for d in new]
        _tell(url, len(new) - len(unmet), [p for p in (*added, *unreadable) if p.problem])
        return [*added, *unreadable]


def _tell(url: str, added: int, left_out: Sequence[Pulled]) -> None:
    """Logs the result in one line, however many modules there are."""
    first = [f"{p.id}: {p.problem}"[:_LONGEST_NAME] for p in left_out[:_NAMED_IN_LOG]]
    log.info("pull: modules added", url=url, added=added, left_out=len(left_out), first_left_out=first)


def _read(sent: Sequence[object], ours: set[str]) -> tuple[list[ModuleDescriptor], list[Pulled]]:
    """The new modules, and those that cannot be read or stored."""
    found: dict[str, ModuleDescriptor] = {}
    unreadable: list[Pulled] = []
    for document in sent:
        try:
            descriptor = readable(document)
        except UserError as why:
            unreadable.append(Pulled(id=_shown_id(document), problem=why.message))
            continue
        if descriptor.id not in ours and descriptor.product != OKAPI_PRODUCT:
            found.setdefault(descriptor.id, descriptor)
    return list(found.values()), [p for p in unreadable if p.id not in ours]


def readable(document: object) -> ModuleDescriptor:
    """The descriptor of a document. Raises UserError if it is none, or cannot be stored."""
    try:
        written = orjson.dumps(document)
    except TypeError:
        raise UserError(messages.nested_too_deeply()) from None
    if _NUL.search(written):
        raise UserError(messages.holds_nul())
    descriptor = ModuleDescriptor.from_registry(document)
    check_length(descriptor.id)
    return descriptor


def _shown_id(document: object) -> str:
    ident = document.get("id") if isinstance(document, Mapping) else None
    return ident[:_LONGEST_NAME] if isinstance(ident, str) else ""
