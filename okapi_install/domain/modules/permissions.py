"""The bodies of calls to `_tenantPermissions`, which announce a module's permissions to the permissions module.

The rules are those of Okapi 7.0.0 (TenantManager, PermissionList). This module only builds the bodies; it does not know
who is called when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.descriptors import ModuleDescriptor, RoutingEntry

INTERFACE = "_tenantPermissions"

Permission = Mapping[str, Any]


def permission_list(
    perm_module: ModuleDescriptor, module_from: ModuleDescriptor | None, module_to: ModuleDescriptor | None
) -> dict[str, Any] | None:
    """The body that announces `module_to`, or withdraws `module_from` if there is no `module_to`.

    None if nothing is announced with that version of the interface. The body for a module without permission sets has
    no `perms` (Okapi).

    Raises:
        UserError: `perm_module` provides an unknown version of the interface.
    """
    interface = perm_module.system_interface(INTERFACE)
    version = interface.version if interface else None
    if version not in ("1.0", "1.1", "2.0", "2.1"):
        raise UserError(f"Unknown version of {INTERFACE} interface in use {version}.")
    if module_to is None:
        return _withdrawal(version, module_from)
    if version == "1.0":
        return _body(module_to.id, _without_replaces(module_to.permission_sets))
    expanded = expanded_permission_sets(module_to)
    if version == "1.1":
        return _body(module_to.id, _without_replaces(expanded))
    body = _body(module_to.id, expanded)
    if version == "2.1" and module_to.replaces:
        body["replaces"] = list(module_to.replaces)
    return body


def _withdrawal(version: str, module: ModuleDescriptor | None) -> dict[str, Any] | None:
    if module is None or version in ("1.0", "1.1"):
        return None
    return {"moduleId": module.id, "perms": []}


def _body(module_id: str, permissions: tuple[Permission, ...] | None) -> dict[str, Any]:
    if permissions is None:
        return {"moduleId": module_id}
    return {"moduleId": module_id, "perms": [dict(p) for p in permissions]}


def _without_replaces(permissions: tuple[Permission, ...] | None) -> tuple[Permission, ...] | None:
    if permissions is None:
        return None
    return tuple({k: v for k, v in p.items() if k != "replaces"} for p in permissions)


def expanded_permission_sets(module: ModuleDescriptor) -> tuple[Permission, ...] | None:
    """The declared permission sets, and a generated one for each path on which the module itself has permissions.

    None if nothing is generated and the descriptor has no permission sets.
    """
    generated = tuple(_generated(module))
    if not generated:
        return module.permission_sets
    return (*(module.permission_sets or ()), *generated)


def _generated(module: ModuleDescriptor) -> Iterator[Permission]:
    for entry in _entries(module):
        if not entry.module_permissions:
            continue
        name = entry.system_id(module.id)
        yield {
            "permissionName": name,
            "displayName": f"System generated: {name}",
            "description": "System generated permission set",
            "subPermissions": list(entry.module_permissions),
            "visible": False,
        }


def _entries(module: ModuleDescriptor) -> Iterator[RoutingEntry]:
    for interface in module.provides:
        yield from interface.handlers
    yield from module.filters
