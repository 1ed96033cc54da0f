"""The demo's platform: descriptors of two generations, and how long each module takes. All of it is data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

Descriptor = Mapping[str, Any]


def platform() -> list[Descriptor]:
    """About thirty module descriptors that need nothing but each other."""
    return _read("platform.json")


def next_generation() -> list[Descriptor]:
    """Newer versions of some of them; together with the others they are a platform again."""
    return _read("platform-next.json")


def behaviours() -> list[Mapping[str, Any]]:
    """What the simulated modules of the platform do, in the words of behaviours.Behaviour."""
    return _read("behaviours.json")


def has_back_end(descriptor: Descriptor) -> bool:
    """Whether something runs for it: a UI module has neither handlers nor filters."""
    return bool(descriptor.get("provides") or descriptor.get("filters"))


def bare_descriptor(
    module_id: str,
    *,
    provides: Mapping[str, str] | None = None,
    requires: Mapping[str, str] | None = None,
    tenant: str | None = "2.0",
) -> dict[str, Any]:
    """A small descriptor, for tests: interfaces by name and version, and the tenant interface of that version."""
    offered = [{"id": name, "version": version, "handlers": []} for name, version in (provides or {}).items()]
    if tenant is not None:
        offered.append(tenant_interface(tenant))
    needed = [{"id": name, "version": version} for name, version in (requires or {}).items()]
    return {"id": module_id, "name": module_id, "provides": offered, "requires": needed}


def tenant_interface(version: str) -> dict[str, Any]:
    """The system interface `_tenant` with the handlers of that version (1.0, 1.1, 1.2, 2.0)."""
    handlers: list[dict[str, Any]] = [{"methods": ["POST"], "pathPattern": "/_/tenant"}]
    if version.startswith("2."):
        handlers.append({"methods": ["GET", "DELETE"], "pathPattern": "/_/tenant/{id}"})
    else:
        handlers.append({"methods": ["POST"], "pathPattern": "/_/tenant/disable"})
        handlers.append({"methods": ["DELETE"], "pathPattern": "/_/tenant"})
    return {"id": "_tenant", "version": version, "interfaceType": "system", "handlers": handlers}


@cache
def _read(name: str) -> list[Descriptor]:
    found: list[Descriptor] = json.loads(files("okapi_install.demo").joinpath("data", name).read_text("utf-8"))
    return found
