"""The calls that a module's `_tenant` interface needs, in each of its versions, and their contents.

The rules are Okapi's (TenantManager.getTenantInstanceForModule and what it calls). Nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import ErrorType, ModuleCallFailed
from okapi_install.domain.modules.descriptors import Interface, ModuleDescriptor, RoutingEntry


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleCall:
    """A call of a module. `entry` is the routing entry that declares it, or None if Okapi uses a default.

    If `retry` is true, the call is retried after a refused or closed connection (Okapi: withRetry).
    """

    module: ModuleDescriptor
    method: str
    path: str
    entry: RoutingEntry | None
    retry: bool = False

    def at(self, job_id: str) -> ModuleCall:
        """The same call with the id of a tenant job, quoted so that it is a single segment of the path."""
        return ModuleCall(
            module=self.module,
            method=self.method,
            path=self.path.replace("{id}", quote(job_id, safe="", errors="replace")),
            entry=self.entry,
            retry=self.retry,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantCalls:
    """The calls of one tenant operation. `get` and `delete` are set if the module may start a tenant job."""

    post: ModuleCall
    body: Mapping[str, object] | None
    get: ModuleCall | None = None
    delete: ModuleCall | None = None


def tenant_calls(
    module_from: ModuleDescriptor | None,
    module_to: ModuleDescriptor | None,
    *,
    tenant_parameters: str | None,
    purge: bool,
) -> TenantCalls | None:
    """The calls for an enable, upgrade, disable or purge; None if the module does not support it.

    `purge` applies to a disable only. Source: Okapi.

    Raises:
        ModuleCallFailed: the interface's version or handlers are not usable (Okapi 10401, 10407).
    """
    module = module_to or module_from
    if module is None:
        return None
    interface = next((i for i in module.provides if i.id == "_tenant"), None)
    if interface is None:
        return None
    body: dict[str, object] = {}
    if module_to is not None:
        body["module_to"] = module_to.id
    if module_from is not None:
        body["module_from"] = module_from.id
    if interface.version == "2.0":
        body["purge"] = purge
        _add_parameters(body, tenant_parameters)
        return _version_2(interface, module, body)
    if interface.version == "1.2":
        _add_parameters(body, tenant_parameters)
    elif interface.version not in ("1.0", "1.1"):
        raise ModuleCallFailed(okapi_messages.tenant_interface_unsupported(interface.version))
    return _version_1(interface, module, module_to, body, purge)


def _version_1(
    interface: Interface,
    module: ModuleDescriptor,
    module_to: ModuleDescriptor | None,
    body: dict[str, object],
    purge: bool,
) -> TenantCalls | None:
    if interface.version == "1.0" and module_to is None and not purge:
        return None
    post = _version_1_call(interface, module, enabling=module_to is not None, purge=purge)
    if post is None and interface.version == "1.0" and not purge:
        post = ModuleCall(module=module, method="POST", path="/_/tenant", entry=None, retry=True)
    if post is None:
        return None
    return TenantCalls(post=post, body=None if post.method == "DELETE" else body)


def _version_1_call(
    interface: Interface, module: ModuleDescriptor, *, enabling: bool, purge: bool
) -> ModuleCall | None:
    method = "DELETE" if purge else "POST"
    if interface.declared_type != "system":
        return None
    for entry in interface.handlers:
        if not entry.match(method):
            continue
        path = entry.static_path or ""
        disable = path == "/_/tenant/disable"
        if method == "DELETE" or disable != enabling:
            return ModuleCall(module=module, method=method, path=path, entry=entry, retry=enabling and method == "POST")
    return None


def _version_2(interface: Interface, module: ModuleDescriptor, body: dict[str, object]) -> TenantCalls | None:
    post = _version_2_call(interface, module, "POST", "/")
    if post is None:
        return None
    get = _version_2_call(interface, module, "GET", "{id}")
    if get is None:
        return TenantCalls(post=post, body=body)
    delete = _version_2_call(interface, module, "DELETE", "{id}")
    if delete is None:
        raise ModuleCallFailed(okapi_messages.no_delete_method(module.id), error_type=ErrorType.INTERNAL)
    return TenantCalls(post=post, body=body, get=get, delete=delete)


def _version_2_call(interface: Interface, module: ModuleDescriptor, method: str, part: str) -> ModuleCall | None:
    if interface.declared_type != "system":
        return None
    for entry in interface.handlers:
        path = entry.static_path or ""
        if entry.match(method) and part in path:
            return ModuleCall(module=module, method=method, path=path, entry=entry, retry=True)
    return None


def _add_parameters(body: dict[str, object], text: str | None) -> None:
    if text is not None:
        body["parameters"] = parse_tenant_parameters(text)


def parse_tenant_parameters(text: str) -> list[dict[str, str]]:
    """Tenant parameters such as `a=1,b` as a list of objects with key and value. Source: Okapi (and Java's split)."""
    found = []
    for item in _java_split(text, ","):
        parts = _java_split(item, "=")
        if parts:
            found.append({"key": parts[0]} | ({"value": parts[1]} if len(parts) > 1 else {}))
    return found


def _java_split(text: str, separator: str) -> list[str]:
    """The result of Java's String.split: empty strings at the end are dropped, but "" gives one empty string."""
    parts = text.split(separator)
    if len(parts) == 1:
        return parts
    while parts and not parts[-1]:
        parts.pop()
    return parts
