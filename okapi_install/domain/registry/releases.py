"""The newest release of a product in the registry, and who is behind it. Pre-releases and snapshots do not count."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.modules.versions import ModuleId, VersionFilter
from okapi_install.domain.registry.index import Index

_RELEASES = VersionFilter("false", "false")


def newest_release(index: Index, product: str) -> ModuleSummary | None:
    """The newest release of a product; None if it has no release."""
    return index.latest(product, _RELEASES)


def is_behind(index: Index, module: ModuleId) -> bool:
    """Whether there is a newer release of an enabled module's product."""
    newest = newest_release(index, module.product)
    return newest is not None and newest.module_id > module


def tenants_behind(index: Index, enabled: Mapping[str, Collection[str]], product: str) -> list[str]:
    """Sorted ids of the tenants that have an older version of a product than its newest release."""
    newest = newest_release(index, product)
    if newest is None:
        return []

    def older(module_id: str) -> bool:
        module = ModuleId.parse(module_id)
        return module.product == product and module < newest.module_id

    return sorted(tenant for tenant, modules in enabled.items() if any(map(older, modules)))
