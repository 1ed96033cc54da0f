"""The built-in module `okapi-7.0.0`: it says which Okapi's API this is. Its paths and permissions are Okapi's."""

from __future__ import annotations

from typing import Any

from okapi_install.domain.modules.descriptors import Interface, ModuleDescriptor

OKAPI_PRODUCT = "okapi"
OKAPI_MODULE = "okapi-7.0.0"
_INTERFACE_VERSION = "1.9"

_PATHS = """
POST   /_/deployment/modules                            okapi.deployment.post
GET    /_/deployment/modules                            okapi.deployment.get
GET    /_/deployment/modules/{instanceId}               okapi.deployment.get
DELETE /_/deployment/modules/{instanceId}               okapi.deployment.delete
POST   /_/discovery/modules                             okapi.discovery.post
GET    /_/discovery/modules                             okapi.discovery.get
GET    /_/discovery/modules/{serviceId}                 okapi.discovery.get
GET    /_/discovery/modules/{serviceId}/{instanceId}    okapi.discovery.get
PUT    /_/discovery/modules/{serviceId}/{instanceId}    okapi.discovery.put
DELETE /_/discovery/modules                             okapi.discovery.delete
DELETE /_/discovery/modules/{serviceId}                 okapi.discovery.delete
DELETE /_/discovery/modules/{serviceId}/{instanceId}    okapi.discovery.delete
GET    /_/discovery/health                              okapi.discovery.health.get
GET    /_/discovery/health/{serviceId}                  okapi.discovery.health.get
GET    /_/discovery/health/{serviceId}/{instanceId}     okapi.discovery.health.get
GET    /_/discovery/nodes                               okapi.discovery.nodes.get
PUT    /_/discovery/nodes/{nodeId}                      okapi.discovery.nodes.put
GET    /_/discovery/nodes/{nodeId}                      okapi.discovery.nodes.get
POST   /_/proxy/import/modules                          okapi.proxy.modules.post
POST   /_/proxy/cleanup/modules                         okapi.proxy.cleanup.modules
POST   /_/proxy/modules                                 okapi.proxy.modules.post
GET    /_/proxy/modules                                 okapi.proxy.modules.list
GET    /_/proxy/modules/{moduleId}                      okapi.proxy.modules.get
DELETE /_/proxy/modules/{moduleId}                      okapi.proxy.modules.delete
POST   /_/proxy/tenants                                 okapi.proxy.tenants.post
GET    /_/proxy/tenants                                 okapi.proxy.tenants.list
GET    /_/proxy/tenants/{tenantId}                      okapi.proxy.tenants.get
PUT    /_/proxy/tenants/{tenantId}                      okapi.proxy.tenants.put
DELETE /_/proxy/tenants/{tenantId}                      okapi.proxy.tenants.delete
POST   /_/proxy/tenants/{tenantId}/upgrade              okapi.proxy.tenants.upgrade.post
GET    /_/proxy/tenants/{tenantId}/install              okapi.proxy.tenants.install.list
POST   /_/proxy/tenants/{tenantId}/install              okapi.proxy.tenants.install.post
DELETE /_/proxy/tenants/{tenantId}/install              okapi.proxy.tenants.install.delete
GET    /_/proxy/tenants/{tenantId}/install/{installId}  okapi.proxy.tenants.install.get
DELETE /_/proxy/tenants/{tenantId}/install/{installId}  okapi.proxy.tenants.install.delete
POST   /_/proxy/tenants/{tenantId}/modules              okapi.proxy.tenants.modules.post
GET    /_/proxy/tenants/{tenantId}/modules              okapi.proxy.tenants.modules.list tenant
DELETE /_/proxy/tenants/{tenantId}/modules              okapi.proxy.tenants.modules.delete
POST   /_/proxy/tenants/{tenantId}/modules/{moduleId}   okapi.proxy.tenants.modules.enabled.post
GET    /_/proxy/tenants/{tenantId}/modules/{moduleId}   okapi.proxy.tenants.modules.enabled.get tenant
DELETE /_/proxy/tenants/{tenantId}/modules/{moduleId}   okapi.proxy.tenants.modules.enabled.delete
GET    /_/proxy/tenants/{tenantId}/interfaces           okapi.proxy.tenants.interfaces.list tenant
GET    /_/proxy/tenants/{tenantId}/interfaces/{interfaceId} okapi.proxy.tenants.interfaces.get tenant
GET    /_/proxy/tenants/{tenantId}/timers               okapi.proxy.tenants.timers.list tenant
PATCH  /_/proxy/tenants/{tenantId}/timers               okapi.proxy.tenants.timers.patch okapi.proxy.self.timers.patch
GET    /_/proxy/tenants/{tenantId}/timers/{timerId}     okapi.proxy.tenants.timers.get tenant
PATCH  /_/proxy/tenants/{tenantId}/timers/{timerId}     okapi.proxy.tenants.timers.patch okapi.proxy.self.timers.patch
GET    /_/proxy/health
POST   /_/proxy/pull/modules                            okapi.proxy.pull.modules.post
POST   /_/env                                           okapi.env.post
GET    /_/env                                           okapi.env.list
GET    /_/env/{id}                                      okapi.env.get
DELETE /_/env/{id}                                      okapi.env.delete
GET    /_/version                                       okapi.version.get tenant
"""
"""Method, path, the permission that it takes, and what the tenant's own users need for it: `tenant` is nothing."""

_SINGLE = """
okapi.deployment.get okapi.deployment.post okapi.deployment.delete
okapi.discovery.get okapi.discovery.post okapi.discovery.put okapi.discovery.delete
okapi.discovery.health.get okapi.discovery.nodes.get okapi.discovery.nodes.put
okapi.proxy.modules.list okapi.proxy.modules.get okapi.proxy.modules.post okapi.proxy.modules.put
okapi.proxy.modules.delete okapi.proxy.pull.modules.post okapi.proxy.cleanup.modules
okapi.proxy.tenants.list okapi.proxy.tenants.get okapi.proxy.tenants.post okapi.proxy.tenants.put
okapi.proxy.tenants.delete okapi.proxy.tenants.install.list okapi.proxy.tenants.upgrade.post
okapi.proxy.tenants.install.get okapi.proxy.tenants.install.delete okapi.proxy.tenants.install.post
okapi.proxy.tenants.modules.list okapi.proxy.tenants.modules.enabled.get okapi.proxy.tenants.modules.post
okapi.proxy.tenants.modules.enabled.post okapi.proxy.tenants.modules.enabled.delete
okapi.proxy.tenants.interfaces.list okapi.proxy.tenants.interfaces.get
okapi.proxy.tenants.timers.list okapi.proxy.tenants.timers.get okapi.proxy.tenants.timers.patch
okapi.proxy.self.timers.patch
okapi.env.post okapi.env.list okapi.env.get okapi.env.delete okapi.version.get
"""

_SETS = {
    "okapi.deploy": """
        okapi.deployment.post okapi.deployment.get okapi.deployment.delete okapi.discovery.post okapi.discovery.get
        okapi.discovery.put okapi.discovery.delete okapi.discovery.nodes.put okapi.discovery.health.get
        okapi.discovery.nodes.get""",
    "okapi.modules": """
        okapi.proxy.modules.list okapi.proxy.modules.get okapi.proxy.modules.post okapi.proxy.modules.put
        okapi.proxy.modules.delete okapi.proxy.pull.modules.post okapi.proxy.cleanup.modules""",
    "okapi.tenants": """
        okapi.proxy.tenants.list okapi.proxy.tenants.get okapi.proxy.tenants.post okapi.proxy.tenants.put
        okapi.proxy.tenants.delete""",
    "okapi.tenantmodules": """
        okapi.proxy.tenants.modules.list okapi.proxy.tenants.modules.post okapi.proxy.tenants.modules.enabled.get
        okapi.proxy.tenants.modules.enabled.post okapi.proxy.tenants.modules.enabled.delete
        okapi.proxy.tenants.upgrade.post okapi.proxy.tenants.install.list okapi.proxy.tenants.install.get
        okapi.proxy.tenants.install.delete okapi.proxy.tenants.install.post""",
    "okapi.timers": """
        okapi.proxy.tenants.timers.list okapi.proxy.tenants.timers.patch okapi.proxy.tenants.timers.get
        okapi.proxy.self.timers.patch""",
    "okapi.interfaces": "okapi.proxy.tenants.interfaces.list okapi.proxy.tenants.interfaces.get",
    "okapi.env": "okapi.env.post okapi.env.delete okapi.env.list okapi.env.get",
    "okapi.readonly": """
        okapi.proxy.modules.list okapi.proxy.modules.get okapi.proxy.tenants.list okapi.proxy.tenants.get
        okapi.proxy.tenants.modules.list okapi.proxy.tenants.modules.enabled.get okapi.interfaces okapi.version.get""",
    "okapi.all": """
        okapi.deploy okapi.modules okapi.tenants okapi.tenantmodules okapi.timers okapi.interfaces okapi.version.get
        okapi.env""",
}


def internal_module() -> ModuleDescriptor:
    """The descriptor, with the interfaces `okapi` and `okapi-proxy` 1.9.

    It is made without the checks that others pass: its interface type `internal` is Okapi's own (Okapi).
    """
    provides: list[dict[str, Any]] = [
        {"id": "okapi-proxy", "version": _INTERFACE_VERSION, "interfaceType": "internal", "handlers": []},
        {"id": "okapi", "version": _INTERFACE_VERSION, "handlers": [_handler(p) for p in _PATHS.strip().splitlines()]},
    ]
    document = {
        "id": OKAPI_MODULE,
        "name": "Okapi",
        "requires": [],
        "provides": provides,
        "permissionSets": [_permission(n) for n in _SINGLE.split()]
        + [_permission(n) | {"subPermissions": parts.split()} for n, parts in _SETS.items()],
    }
    return ModuleDescriptor(document, OKAPI_MODULE, tuple(map(Interface.of, provides)), (), ())


def _handler(line: str) -> dict[str, Any]:
    method, path, *permissions = line.split()
    handler = {
        "methods": [method],
        "pathPattern": path,
        "type": "internal",
        "permissionsRequired": permissions[:1],
    }
    if len(permissions) > 1:
        handler["permissionsRequiredTenant"] = [p for p in permissions[1:] if p != "tenant"]
    return handler


def _permission(name: str) -> dict[str, Any]:
    words = name.removeprefix("okapi.").replace(".", " ")
    return {"permissionName": name, "displayName": f"Okapi - {words}"}
