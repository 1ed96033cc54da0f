"""What is announced to the permissions module, in each version of its interface."""

from __future__ import annotations

from typing import Any

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.modules.permissions import permission_list

SET = {"permissionName": "a.all", "replaces": ["a.old"], "subPermissions": ["a.get"], "visible": True}
NAME = "SYS#a-1.0.0#/a#[GET, POST]"
GENERATED = {
    "permissionName": NAME,
    "displayName": f"System generated: {NAME}",
    "description": "System generated permission set",
    "subPermissions": ["b.get"],
    "visible": False,
}


def keeper(version: str) -> ModuleDescriptor:
    handler = {"methods": ["POST"], "pathPattern": "/_/tenantpermissions"}
    interface = {"id": "_tenantPermissions", "version": version, "interfaceType": "system", "handlers": [handler]}
    return ModuleDescriptor.parse({"id": "perm-1.0.0", "provides": [interface]})


def announced(**members: Any) -> ModuleDescriptor:
    handler = {"methods": ["GET", "POST"], "path": "/a", "permissionsRequired": [], "modulePermissions": ["b.get"]}
    interface = {"id": "a", "version": "1.0", "handlers": [handler]}
    return ModuleDescriptor.parse({"id": "a-1.0.0", "provides": [interface], **members})


BARE = ModuleDescriptor.parse({"id": "a-1.0.0"})
FULL = announced(permissionSets=[SET], replaces=["old"])
STRIPPED = {k: v for k, v in SET.items() if k != "replaces"}


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("1.0", {"moduleId": "a-1.0.0", "perms": [STRIPPED]}),
        ("1.1", {"moduleId": "a-1.0.0", "perms": [STRIPPED, GENERATED]}),
        ("2.0", {"moduleId": "a-1.0.0", "perms": [SET, GENERATED]}),
        ("2.1", {"moduleId": "a-1.0.0", "perms": [SET, GENERATED], "replaces": ["old"]}),
    ],
)
def test_a_module_is_announced(version: str, body: dict[str, Any]) -> None:
    assert permission_list(keeper(version), None, FULL) == body


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.0", "2.1"])
def test_a_module_without_permissions_is_announced_without_a_list(version: str) -> None:
    assert permission_list(keeper(version), FULL, BARE) == {"moduleId": "a-1.0.0"}


def test_permissions_of_the_module_itself_are_announced_where_none_are_declared() -> None:
    assert permission_list(keeper("2.0"), None, announced()) == {"moduleId": "a-1.0.0", "perms": [GENERATED]}


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("1.0", None),
        ("1.1", None),
        ("2.0", {"moduleId": "a-1.0.0", "perms": []}),
        ("2.1", {"moduleId": "a-1.0.0", "perms": []}),
    ],
)
def test_a_module_that_goes_is_withdrawn(version: str, body: dict[str, Any] | None) -> None:
    assert permission_list(keeper(version), FULL, None) == body


def test_an_unknown_version_is_refused_in_okapis_words() -> None:
    with pytest.raises(UserError) as caught:
        permission_list(keeper("3.0"), None, FULL)
    assert caught.value.message == "Unknown version of _tenantPermissions interface in use 3.0."
