"""Module descriptors and their parts as immutable values, and the short summary that planning uses.

A descriptor keeps the whole `document`; its other attributes are views of it. What is refused follows Okapi (its beans
and their `validate`). This module does not know where descriptors are stored.
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
    """A path that a module handles or filters (Okapi: RoutingEntry)."""

    methods: tuple[str, ...] | None
    path_pattern: str | None
    path: str | None
    module_permissions: tuple[str, ...]
    phase: str | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> RoutingEntry:
        """The entry of a document that was already checked."""
        return cls(
            _optional_tuple(document.get("methods")),
            document.get("pathPattern"),
            document.get("path"),
            tuple(document.get("modulePermissions", ())),
            document.get("phase"),
        )

    @property
    def static_path(self) -> str | None:
        """The `path`, or the `pathPattern` if there is no `path`."""
        return self.path or self.path_pattern

    def match(self, method: str) -> bool:
        """Whether it handles that HTTP method."""
        return any(m in ("*", method) for m in self.methods or ())

    def system_id(self, module_id: str) -> str:
        """The name of the generated permission that holds the module's own permissions on that path."""
        listed = "null" if self.methods is None else f"[{', '.join(self.methods)}]"
        path = "null" if self.static_path is None else self.static_path
        return f"SYS#{module_id}#{path}#{listed}"


class InterfaceRef(NamedTuple):
    """The part of an interface that planning needs. Equal ones are the same object. `type` is as in Interface."""

    id: str
    version: str
    type: str = "proxy"
    scope: tuple[str, ...] = ()

    @property
    def regular(self) -> bool:
        """Whether it can satisfy requirements; only one enabled module may then provide it."""
        return self.type == "proxy"


@lru_cache(maxsize=32768)
def interface_ref(ident: str, version: str, kind: str = "proxy", scope: tuple[str, ...] = ()) -> InterfaceRef:
    """The InterfaceRef of those values; always the same object for the same values."""
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
        """The interface of a document that was already checked."""
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
        """The part that planning needs."""
        return interface_ref(self.id, self.version, self.type, self.scope)


@dataclass(frozen=True, slots=True)
class ModuleSummary:
    """The part of a module descriptor that planning needs."""

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
    """Whether it may call other modules while it is initialised."""

    @property
    def module_id(self) -> ModuleId:
        """The id, parsed."""
        return ModuleId.parse(self.id)

    def to_json(self) -> list[object]:
        """The summary as a compact JSON value for from_json."""
        interfaces = [_refs_json(refs) for refs in (self.provides, self.requires, self.optional)]
        return [self.id, *interfaces, list(self.replaces), self.exclusive, self.name, self.tags, self.needs_gateway]

    @classmethod
    def from_json(cls, value: object) -> ModuleSummary:
        """The summary that to_json wrote."""
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
    """A module descriptor. `document` is all of it, without nulls, as Okapi would write it. Do not modify it."""

    document: Mapping[str, Any] = field(repr=False)
    id: str = field(compare=False)
    provides: tuple[Interface, ...] = field(compare=False, repr=False)
    requires: tuple[Interface, ...] = field(compare=False, repr=False)
    optional: tuple[Interface, ...] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, document: object) -> ModuleDescriptor:
        """The descriptor of a document that a client sent, fully checked.

        Raises:
            UserError: it is not valid. The message is Okapi's where Okapi has its own, and says what is wrong where.
        """
        whole = _read(document)
        check(whole)
        return cls.stored(whole)

    @classmethod
    def from_registry(cls, document: object) -> ModuleDescriptor:
        """The descriptor of a document from another registry. It must be well-formed, but need not be complete (Okapi).

        Raises:
            UserError: it is not well-formed, or an interface lacks what planning needs.
        """
        whole = _read(document)
        check_identified(whole)
        return cls.stored(whole)

    @classmethod
    def stored(cls, document: Mapping[str, Any]) -> ModuleDescriptor:
        """The descriptor of a stored document. It was checked when it was added, so newer rules do not apply."""
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
        """The display name."""
        return self.document.get("name")

    @property
    def tags(self) -> tuple[str, ...] | None:
        """The tags; None if there is no such member."""
        return _optional_tuple(self.document.get("tags"))

    @property
    def replaces(self) -> tuple[str, ...]:
        """The products that this module replaces."""
        return tuple(self.document.get("replaces", ()))

    @property
    def permission_sets(self) -> tuple[Mapping[str, Any], ...] | None:
        """The declared permissions, unchanged; None if there is no such member."""
        return _optional_tuple(self.document.get("permissionSets"))

    @cached_property
    def filters(self) -> tuple[RoutingEntry, ...]:
        """Its filters for requests to other modules."""
        return tuple(map(RoutingEntry.of, self.document.get("filters", ())))

    @property
    def auth_filter(self) -> RoutingEntry | None:
        """The filter of phase `auth`, if it has one."""
        return next((f for f in self.filters if f.phase == "auth"), None)

    def system_interface(self, ident: str) -> Interface | None:
        """The provided interface of that id, if it is declared as a system interface; else None."""
        return next((i for i in self.provides if i.declared_type == "system" and i.id == ident), None)

    @property
    def exclusive(self) -> bool:
        """Whether no other step may run while it is enabled or disabled (Okapi)."""
        return self.system_interface("_tenantPermissions") is not None or self.auth_filter is not None

    @property
    def needs_gateway(self) -> bool:
        """Whether its tenant interface declares module permissions, which means that it calls other modules."""
        return any(i.id == "_tenant" and any(h.module_permissions for h in i.handlers) for i in self.provides)

    def summary(self) -> ModuleSummary:
        """The part that planning needs."""
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
    if section == "optional":  # Okapi keeps entries without id or version, and ignores them
        listed = [d for d in listed if "id" in d and "version" in d]
    return tuple([Interface.of(d) for d in listed])
