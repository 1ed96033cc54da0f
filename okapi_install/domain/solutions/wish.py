"""What solutions are wanted for: a request, its tenant, and what the operator wants to keep or prefers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from okapi_install.domain.jobs import Action, Change, InstallOptions
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.modules.internal_module import OKAPI_PRODUCT
from okapi_install.domain.modules.versions import ModuleId, VersionFilter
from okapi_install.domain.registry.index import Index


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A request for a tenant. `request` is None for an upgrade; `enabled` are module ids.

    `keep` are products or module ids that the tenant must still have afterwards; `prefer` are products that are chosen
    where another one could provide the same.
    """

    enabled: frozenset[str]
    request: tuple[Change, ...] | None
    options: InstallOptions = field(default_factory=InstallOptions)
    keep: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()

    @property
    def versions(self) -> VersionFilter:
        """Which kinds of versions count."""
        return VersionFilter(self.options.pre_release, self.options.npm_snapshot)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A wish, read: what must be so in the end. `had` has what the tenant has, by product, without the gateway."""

    upgrade: bool
    versions: VersionFilter
    had: Mapping[str, ModuleSummary]
    modules: frozenset[str]
    """Ids that are asked for or kept in that version."""
    products: frozenset[str]
    """Products that are asked for or kept in any version."""
    without: frozenset[str]
    """Products that are to be disabled."""
    asked: frozenset[str]
    """Products that the request names, whatever it says of them."""
    prefer: frozenset[str]

    @classmethod
    def of(cls, index: Index, wish: Wish) -> Target:
        """Reads a wish. Raises UserError if an id cannot be read."""
        changes = wish.request or ()
        enable = [ModuleId.parse(c.id) for c in changes if c.action is Action.ENABLE]
        disable = {ModuleId.parse(c.id).product for c in changes if c.action is Action.DISABLE}
        must = enable + [ModuleId.parse(i) for i in wish.keep]
        return cls(
            upgrade=wish.request is None,
            versions=wish.versions,
            had=_had(index, wish),
            modules=frozenset(m.text for m in must if m.has_sem_ver and m.product != OKAPI_PRODUCT),
            products=frozenset(m.product for m in must if not m.has_sem_ver and m.product != OKAPI_PRODUCT),
            without=frozenset(disable - {m.product for m in enable}),
            asked=frozenset({m.product for m in enable} | disable),
            prefer=frozenset(ModuleId.parse(i).product for i in wish.prefer),
        )

    def visible(self, modules: Iterable[ModuleSummary]) -> list[ModuleSummary]:
        """Those that the filter of versions lets through, without the gateway."""
        return [m for m in modules if m.product != OKAPI_PRODUCT and self.versions.matches(m.module_id)]


def _had(index: Index, wish: Wish) -> dict[str, ModuleSummary]:
    """What planning sees of the enabled modules, as the resolver does: those that the filter lets through."""
    known = (index.modules.get(i) for i in sorted(wish.enabled))
    visible = (m for m in known if m is not None and wish.versions.matches(m.module_id))
    return {m.product: m for m in visible if m.product != OKAPI_PRODUCT}
