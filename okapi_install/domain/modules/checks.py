"""The checks of a well-formed module descriptor for completeness (`validate` of Okapi's beans)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from okapi_install.domain.errors import UserError


def check(document: Mapping[str, Any]) -> None:
    """Checks that a well-formed descriptor is complete. Raises UserError with Okapi's message."""
    module = _module_id(document)
    for section in ("provides", "requires"):  # Okapi does not check `optional`
        for interface in document.get(section, ()):
            _check_interface(interface, section, module)
    for entry in document.get("filters", ()):
        _check_entry(entry)


def check_identified(document: Mapping[str, Any]) -> None:
    """Checks only what planning needs: the module and its interfaces have ids and versions. Raises UserError."""
    module = _module_id(document)
    for section in ("provides", "requires"):
        for interface in document.get(section, ()):
            _check_named(interface, module)


def _module_id(document: Mapping[str, Any]) -> str:
    if "id" not in document:
        raise UserError("id is missing for module")
    return str(document["id"])


def _check_named(interface: Mapping[str, Any], module: str) -> None:
    for member in ("id", "version"):
        if member not in interface:
            raise UserError(f"{member} is missing for module {module}")


def _check_interface(interface: Mapping[str, Any], section: str, module: str) -> None:
    _check_named(interface, module)
    kind = interface.get("interfaceType")
    if kind not in (None, "proxy", "system", "multiple"):
        raise UserError(f"Bad interface type '{kind}' for module {module}")
    handlers = interface.get("handlers", ())
    if section == "requires" and handlers:
        raise UserError(f"No handlers allowed in 'requires' section for module {module}")
    if section == "provides":
        system = kind == "system" or interface["id"].startswith("_")
        for entry in handlers:
            _check_entry(entry)
            if not system:
                _check_permissions_required(entry, module)


def _check_entry(entry: Mapping[str, Any]) -> None:
    if not entry.get("path") and not entry.get("pathPattern"):
        raise UserError("Bad routing entry, needs a pathPattern or at least a path")
    if entry.get("type") == "redirect" and not entry.get("redirectPath"):
        raise UserError("Redirect entry without redirectPath")


def _check_permissions_required(entry: Mapping[str, Any], module: str) -> None:
    if "permissionsRequired" in entry:
        return
    path = (entry.get("pathPattern", "") + entry.get("path", "")).strip()
    shown = f" {path}" if path else ""
    raise UserError(f"Module '{module}' handler{shown}: Missing field permissionsRequired")
