"""Module descriptors and their parts, frozen; and the small summary of one that planning needs.

A descriptor is kept whole as `document`; the rest are views of it. The rules for what is refused are Okapi's
(its beans and their `validate`). This room does not know where descriptors are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, cast

from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.beans import MODULE, MisfitError
from okapi_install.domain.modules.checks import check, check_identified
from okapi_install.domain.modules.versions import ModuleId


@dataclass(frozen=True, slots=True)
class RoutingEntry:
    """One path that a module handles or filters (Okapi: RoutingEntry)."""

    methods: tuple[str, ...] | None
    path_pattern: str | None
    path: str | None
    module_permissions: tuple[str, ...]
    phase: str | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> RoutingEntry:
        """From a document that has been read and checked."""
        return cls(
            _optional_tuple(document.get("methods")),
            document.get("pathPattern"),
            document.get("path"),
            tuple(document.get("modulePermissions", ())),
            document.get("phase"),
        )

    @property
    def static_path(self) -> str | None:
        """The path, or the pattern if there is no path."""
        return self.path or self.path_pattern

    def match(self, method: str) -> bool:
        """Whether it handles that method."""
        return any(m in ("*", method) for m in self.methods or ())

    def system_id(self, module_id: str) -> str:
        """The name of the permission that stands for the permissions of the module itself on that path."""
        listed = "null" if self.methods is None else f"[{', '.join(self.methods)}]"
        path = "null" if self.static_path is None else self.static_path
        return f"SYS#{module_id}#{path}#{listed}"


class InterfaceRef(NamedTuple):
    """An interface as planning sees it; equal ones are one object. `type` is as in Interface."""

    id: str
    version: str
    type: str = "proxy"
    scope: tuple[str, ...] = ()

    @property
    def regular(self) -> bool:
        """Whether it is one that only one enabled module may provide, and that requirements look for."""
        return self.type == "proxy"


@lru_cache(maxsize=32768)
def interface_ref(ident: str, version: str, kind: str = "proxy", scope: tuple[str, ...] = ()) -> InterfaceRef:
    """The one InterfaceRef of those values."""
    return InterfaceRef(ident, version, kind, scope)


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface that a module provides or requires (Okapi: InterfaceDescriptor)."""

    id: str
    version: str
    declared_type: str | None = None
    handlers: tuple[RoutingEntry, ...] = ()
    scope: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Interface:
        """From a document that has been read and checked."""
        return cls(
            document["id"],
            document["version"],
            document.get("interfaceType"),
            tuple(map(RoutingEntry.of, document.get("handlers", ()))),
            tuple(document.get("scope", ())),
        )

    @property
    def type(self) -> str:
        """`proxy`, `system` or `multiple`; one whose id begins with `_` is a system interface."""
        return "system" if self.id.startswith("_") else self.declared_type or "proxy"

    def ref(self) -> InterfaceRef:
        """What planning needs of it."""
        return interface_ref(self.id, self.version, self.type, self.scope)


@dataclass(frozen=True, slots=True)
class ModuleSummary:
    """What planning needs of a module descriptor."""

    id: str
    product: str
    provides: tuple[InterfaceRef, ...] = ()
    requires: tuple[InterfaceRef, ...] = ()
    optional: tuple[InterfaceRef, ...] = ()
    replaces: tuple[str, ...] = ()
    exclusive: bool = False
    name: str | None = None
    tags: tuple[str, ...] | None = None
    needs_gateway: bool = False
    """Whether it may call other modules when it is initialised."""

    @property
    def module_id(self) -> ModuleId:
        """The id, parsed."""
        return ModuleId.parse(self.id)

    def to_json(self) -> list[object]:
        """A compact JSON value that from_json reads."""
        interfaces = [_refs_json(refs) for refs in (self.provides, self.requires, self.optional)]
        return [self.id, *interfaces, list(self.replaces), self.exclusive, self.name, self.tags, self.needs_gateway]

    @classmethod
    def from_json(cls, value: object) -> ModuleSummary:
        """Reads what to_json gave."""
        ident, provides, requires, optional, replaces, exclusive, name, tags, *later = cast(list[Any], value)
        return cls(
            ident,
            ModuleId.parse(ident).product,
            _refs(provides),
            _refs(requires),
            _refs(optional),
            tuple(replaces),
            exclusive,
            name,
            _optional_tuple(tags),
            *later,
        )


def _optional_tuple(values: Iterable[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


def _refs_json(refs: tuple[InterfaceRef, ...]) -> list[object]:
    return [[r.id, r.version] if r.regular and not r.scope else [r.id, r.version, r.type, list(r.scope)] for r in refs]


def _refs(values: list[list[Any]]) -> tuple[InterfaceRef, ...]:
    return tuple([interface_ref(*v) if len(v) == 2 else interface_ref(v[0], v[1], v[2], tuple(v[3])) for v in values])


@dataclass(frozen=True)
class ModuleDescriptor:
    """A module descriptor. `document` is all of it, as Okapi would write it again: without nulls; do not change it."""

    document: Mapping[str, Any] = field(repr=False)
    id: str = field(compare=False)
    provides: tuple[Interface, ...] = field(compare=False, repr=False)
    requires: tuple[Interface, ...] = field(compare=False, repr=False)
    optional: tuple[Interface, ...] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, document: object) -> ModuleDescriptor:
        """Reads and checks a descriptor.

        Raises:
            UserError: it is not one; in Okapi's words where they are its own, and telling where it is wrong.
        """
        whole = _read(document)
        check(whole)
        return cls.stored(whole)

    @classmethod
    def from_registry(cls, document: object) -> ModuleDescriptor:
        """Reads a descriptor that another registry has taken: its form counts, not whether it is complete (Okapi).

        Raises:
            UserError: see `parse`; also where an interface lacks what planning needs.
        """
        whole = _read(document)
        check_identified(whole)
        return cls.stored(whole)

    @classmethod
    def stored(cls, document: Mapping[str, Any]) -> ModuleDescriptor:
        """From a document that was checked when it was added; later rules do not count for it."""
        provides, requires, optional = (_interfaces(document, s) for s in ("provides", "requires", "optional"))
        return cls(document, cast(str, document["id"]), provides, requires, optional)

    @property
    def module_id(self) -> ModuleId:
        """The id, parsed."""
        return ModuleId.parse(self.id)

    @property
    def product(self) -> str:
        """The id without its version."""
        return self.module_id.product

    @property
    def name(self) -> str | None:
        """What people call it."""
        return self.document.get("name")

    @property
    def tags(self) -> tuple[str, ...] | None:
        """Free words, None if there is no such member."""
        return _optional_tuple(self.document.get("tags"))

    @property
    def replaces(self) -> tuple[str, ...]:
        """Products in whose place it comes."""
        return tuple(self.document.get("replaces", ()))

    @property
    def permission_sets(self) -> tuple[Mapping[str, Any], ...] | None:
        """The declared permissions as they are; None if there is no such member."""
        return _optional_tuple(self.document.get("permissionSets"))

    @cached_property
    def filters(self) -> tuple[RoutingEntry, ...]:
        """What it does to requests on their way to other modules."""
        return tuple(map(RoutingEntry.of, self.document.get("filters", ())))

    @property
    def auth_filter(self) -> RoutingEntry | None:
        """The filter of phase `auth`, if it has one."""
        return next((f for f in self.filters if f.phase == "auth"), None)

    def system_interface(self, ident: str) -> Interface | None:
        """The provided interface of that id, if it is declared to be a system interface."""
        return next((i for i in self.provides if i.declared_type == "system" and i.id == ident), None)

    @property
    def exclusive(self) -> bool:
        """Whether nothing may run beside it while it is enabled or disabled (Okapi)."""
        return self.system_interface("_tenantPermissions") is not None or self.auth_filter is not None

    @property
    def needs_gateway(self) -> bool:
        """Whether its tenant interface declares module permissions: it calls other modules when it is initialised."""
        return any(i.id == "_tenant" and any(h.module_permissions for h in i.handlers) for i in self.provides)

    def summary(self) -> ModuleSummary:
        """What planning needs of it."""
        return ModuleSummary(
            self.id,
            self.product,
            tuple([i.ref() for i in self.provides]),
            tuple([i.ref() for i in self.requires]),
            tuple([i.ref() for i in self.optional]),
            self.replaces,
            self.exclusive,
            self.name,
            self.tags,
            self.needs_gateway,
        )


def _read(document: object) -> Mapping[str, Any]:
    try:
        return MODULE.read(document)
    except MisfitError as misfit:
        raise UserError(f"{misfit.message} (at {misfit.path})" if misfit.path else misfit.message) from None


def _interfaces(document: Mapping[str, Any], section: str) -> tuple[Interface, ...]:
    listed = document.get(section, ())
    if section == "optional":  # an entry without id or version is kept, and asks for nothing (Okapi)
        listed = [d for d in listed if "id" in d and "version" in d]
    return tuple([Interface.of(d) for d in listed])
