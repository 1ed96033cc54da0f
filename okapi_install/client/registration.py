"""Registers our paths in an Okapi as modules of its supertenant, so that they are reached through its address.

`mod-okapi-install` has our own paths below `/_/install`. `mod-okapi-install-takeover` has Okapi's paths for installs:
Okapi looks for a path in the modules of a tenant in the order of their ids, so this one is found before `okapi` itself.
Both are without a tenant interface, so nothing is called when they are enabled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from okapi_install.client.errors import NotFound
from okapi_install.client.okapi import OkapiClient
from okapi_install.client.registry import Instance, RegistryClient
from okapi_install.domain.modules.internal_module import internal_module
from okapi_install.domain.modules.versions import ModuleId

SUPERTENANT = "supertenant"
VERSION = "1.0.0"
"""Of both descriptors. A descriptor never changes under its id, so another one needs another version."""
OWN, TAKE_OVER = "mod-okapi-install", "mod-okapi-install-takeover"
PRODUCTS = (OWN, TAKE_OVER)
_RECORD_ONLY = "invoke=false&depCheck=false"
_INSTALL = "okapi.proxy.tenants.install."
_TAKEN = ("/_/proxy/tenants/{tenantId}/install", "/_/proxy/tenants/{tenantId}/upgrade")

Document = dict[str, Any]


def own_module() -> Document:
    """The descriptor with our own paths. Okapi takes the first handler that fits."""
    handlers = [
        _handler(["GET"], "/_/install/health", []),
        _handler(["GET"], "/_/install/{what}", [_INSTALL + "list"]),
        _handler(["GET"], "/_/install/*", [_INSTALL + "get"]),
        _handler(["POST"], "/_/install/*/abort", [_INSTALL + "delete"]),
        _handler(["POST", "PUT", "PATCH"], "/_/install/*", [_INSTALL + "post"]),
        _handler(["DELETE"], "/_/install/*", [_INSTALL + "delete"]),
    ]
    return _module(OWN, "okapi-install", handlers)


def take_over_module() -> Document:
    """The descriptor with Okapi's paths for installs and upgrades, which require what they require in Okapi."""
    (okapis,) = [interface for interface in internal_module().document["provides"] if interface["id"] == "okapi"]
    taken = [
        _handler(handler["methods"], handler["pathPattern"], handler["permissionsRequired"])
        for handler in okapis["handlers"]
        if handler["pathPattern"].startswith(_TAKEN)
    ]
    return _module(TAKE_OVER, "okapi-install-takeover", taken)


def _module(product: str, interface: str, handlers: list[Document]) -> Document:
    provides = [{"id": interface, "version": "1.0", "handlers": handlers}]
    return {"id": f"{product}-{VERSION}", "name": "okapi-install", "provides": provides, "requires": []}


def _handler(methods: Sequence[str], pattern: str, permissions: Sequence[str]) -> Document:
    return {"methods": list(methods), "pathPattern": pattern, "permissionsRequired": list(permissions)}


class Registration:
    """Registers and withdraws. Each method returns what it has done, in sentences; none if all was so before."""

    def __init__(self, client: OkapiClient) -> None:
        self._client = client
        self._registry = RegistryClient(client)

    def register(self, service: str, *, take_over: bool) -> list[str]:
        """Makes the paths lead to the service at that URL. Can be repeated, also with another URL."""
        wanted = [own_module(), *([take_over_module()] if take_over else [])]
        return [line for module in wanted for line in self._registered(module, service)]

    def undo(self) -> list[str]:
        """Removes both modules, whatever their versions are."""
        return [line for product in reversed(PRODUCTS) for line in self._removed(product, keep=None)]

    def is_taken_over(self) -> bool:
        """Whether Okapi's paths for installs lead to a service."""
        return bool(self._enabled(TAKE_OVER))

    def _registered(self, module: Document, service: str) -> list[str]:
        ident = str(module["id"])
        product = ModuleId.parse(ident).product
        done = []
        if ident not in self._registry.module_ids():
            self._registry.import_modules([module], check=False)
            done.append(f"added the descriptor {ident}")
        done += self._announced(ident, service)
        enabled = self._enabled(product)
        if ident not in enabled:
            self._enable(ident, next(iter(enabled), None))
            done.append(f"enabled {ident} for {SUPERTENANT}")
        return done + self._removed(product, keep=ident)

    def _announced(self, ident: str, service: str) -> list[str]:
        wanted = Instance(module=ident, url=service)
        known = [instance for instance in self._registry.instances() if instance.module == ident]
        done = []
        if not any(instance.same_place(wanted) for instance in known):
            self._registry.announce(wanted)
            done.append(f"announced {ident} at {service}")
        for instance in known:
            if not instance.same_place(wanted):
                self._registry.withdraw(instance)
                done.append(f"removed its instance at {instance.url}")
        return done

    def _enabled(self, product: str) -> list[str]:
        return [ident for ident in self._registry.enabled(SUPERTENANT) if ModuleId.parse(ident).product == product]

    def _enable(self, ident: str, old: str | None) -> None:
        below = "" if old is None else f"/{quote(old, safe='')}"
        self._client.send("POST", f"{_MODULES}{below}?{_RECORD_ONLY}", {"id": ident})

    def _removed(self, product: str, keep: str | None) -> list[str]:
        """Removes all versions of a product but one."""
        done = []
        for ident in self._enabled(product):
            if ident != keep:
                self._client.send("DELETE", f"{_MODULES}/{quote(ident, safe='')}?{_RECORD_ONLY}")
                done.append(f"disabled {ident} for {SUPERTENANT}")
        for instance in self._registry.instances():
            if ModuleId.parse(instance.module).product == product and instance.module != keep:
                self._registry.withdraw(instance)
                done.append(f"removed the instance of {instance.module} at {instance.url}")
        for ident in self._registry.module_ids():
            if ModuleId.parse(ident).product == product and ident != keep:
                self._remove_descriptor(ident)
                done.append(f"removed the descriptor {ident}")
        return done

    def _remove_descriptor(self, ident: str) -> None:
        try:
            self._client.send("DELETE", f"/_/proxy/modules/{quote(ident, safe='')}")
        except NotFound:
            return


_MODULES = f"/_/proxy/tenants/{SUPERTENANT}/modules"
