"""The built-in module `okapi-7.0.0`, which declares the version of Okapi's API. Paths and permissions are Okapi's."""

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
"""Method, path, required permission, and the permission that the tenant's own users need (`tenant`: none)."""

_SINGLE = """
okapi.deployment.get | see what runs on this node | Shows the modules that this node has started
okapi.deployment.post | start a module on this node | Starts a module on this node
okapi.deployment.delete | stop a module on this node | Stops a module that this node has started
okapi.discovery.get | see where modules run | Shows the addresses of modules
okapi.discovery.post | add an address of a module | Starts a module on a node, or registers where one runs
okapi.discovery.put | change an address of a module | Changes the data of an instance of a module
okapi.discovery.delete | remove an address of a module | Stops an instance of a module, or removes its address
okapi.discovery.health.get | see whether modules respond | Shows the health of instances
okapi.discovery.nodes.get | see nodes | Shows the nodes of the cluster
okapi.discovery.nodes.put | change a node | Changes the data of a node, such as its name
okapi.proxy.modules.list | see all modules | Lists module descriptors
okapi.proxy.modules.get | see a module | Shows one module descriptor
okapi.proxy.modules.post | add modules | Adds module descriptors to the registry
okapi.proxy.modules.put | change a module | Changes a module descriptor
okapi.proxy.modules.delete | remove a module | Removes a module descriptor from the registry
okapi.proxy.pull.modules.post | pull modules | Copies module descriptors from another registry
okapi.proxy.cleanup.modules | remove old modules | Removes obsolete snapshots from the registry
okapi.proxy.tenants.list | see all tenants | Lists tenants
okapi.proxy.tenants.get | see a tenant | Shows one tenant
okapi.proxy.tenants.post | add a tenant | Adds a tenant
okapi.proxy.tenants.put | change a tenant | Changes name and description of a tenant
okapi.proxy.tenants.delete | remove a tenant | Removes a tenant
okapi.proxy.tenants.install.list | see all install jobs | Lists the install jobs of a tenant
okapi.proxy.tenants.upgrade.post | upgrade modules | Upgrades a tenant's modules to the newest versions
okapi.proxy.tenants.install.get | see an install job | Shows one install job of a tenant
okapi.proxy.tenants.install.delete | remove install jobs | Removes install jobs of a tenant
okapi.proxy.tenants.install.post | install modules | Enables and disables modules for a tenant, with their dependencies
okapi.proxy.tenants.modules.list | see enabled modules | Lists the modules that a tenant has enabled
okapi.proxy.tenants.modules.enabled.get | see an enabled module | Shows one module that a tenant has enabled
okapi.proxy.tenants.modules.post | enable a module | Enables one module for a tenant
okapi.proxy.tenants.modules.enabled.post | replace an enabled module | Enables one module in the place of another
okapi.proxy.tenants.modules.enabled.delete | disable a module | Disables one module for a tenant
okapi.proxy.tenants.interfaces.list | see interfaces | Lists the interfaces that a tenant's modules provide
okapi.proxy.tenants.interfaces.get | see providers of an interface | Lists the modules that provide one interface
okapi.proxy.tenants.timers.list | see timers | Lists the timers of a tenant's modules
okapi.proxy.tenants.timers.get | see a timer | Shows one timer of a tenant's modules
okapi.proxy.tenants.timers.patch | change timers of any tenant | Changes when a timer of a tenant's module is due
okapi.proxy.self.timers.patch | change timers of one's own tenant | Changes when a timer of the user's own tenant is due
okapi.env.post | set an environment variable | Sets a variable for all modules that are started
okapi.env.list | see all environment variables | Lists the variables for started modules
okapi.env.get | see an environment variable | Shows one variable for started modules
okapi.env.delete | remove an environment variable | Removes a variable for started modules
okapi.version.get | see the version | Shows which version this is
"""
"""Each permission with its display name and description."""

_SETS = {
    "okapi.deploy | deploy modules | Start and stop modules, and register where they run": """
        okapi.deployment.post okapi.deployment.get okapi.deployment.delete okapi.discovery.post okapi.discovery.get
        okapi.discovery.put okapi.discovery.delete okapi.discovery.nodes.put okapi.discovery.health.get
        okapi.discovery.nodes.get""",
    "okapi.modules | manage modules | Manage the registry of module descriptors": """
        okapi.proxy.modules.list okapi.proxy.modules.get okapi.proxy.modules.post okapi.proxy.modules.put
        okapi.proxy.modules.delete okapi.proxy.pull.modules.post okapi.proxy.cleanup.modules""",
    "okapi.tenants | manage tenants | Manage the list of tenants": """
        okapi.proxy.tenants.list okapi.proxy.tenants.get okapi.proxy.tenants.post okapi.proxy.tenants.put
        okapi.proxy.tenants.delete""",
    "okapi.tenantmodules | manage modules of tenants | Enable, upgrade and disable modules for tenants": """
        okapi.proxy.tenants.modules.list okapi.proxy.tenants.modules.post okapi.proxy.tenants.modules.enabled.get
        okapi.proxy.tenants.modules.enabled.post okapi.proxy.tenants.modules.enabled.delete
        okapi.proxy.tenants.upgrade.post okapi.proxy.tenants.install.list okapi.proxy.tenants.install.get
        okapi.proxy.tenants.install.delete okapi.proxy.tenants.install.post""",
    "okapi.timers | manage timers | See and change the timers of tenants": """
        okapi.proxy.tenants.timers.list okapi.proxy.tenants.timers.patch okapi.proxy.tenants.timers.get
        okapi.proxy.self.timers.patch""",
    "okapi.interfaces | see interfaces of tenants | See which interfaces tenants have, and from which modules": """
        okapi.proxy.tenants.interfaces.list okapi.proxy.tenants.interfaces.get""",
    "okapi.env | manage environment variables | See and change the variables for started modules": """
        okapi.env.post okapi.env.delete okapi.env.list okapi.env.get""",
    "okapi.readonly | read only | See modules, tenants and their enabled modules, without changes": """
        okapi.proxy.modules.list okapi.proxy.modules.get okapi.proxy.tenants.list okapi.proxy.tenants.get
        okapi.proxy.tenants.modules.list okapi.proxy.tenants.modules.enabled.get okapi.interfaces okapi.version.get""",
    "okapi.all | everything | All permissions of Okapi": """
        okapi.deploy okapi.modules okapi.tenants okapi.tenantmodules okapi.timers okapi.interfaces okapi.version.get
        okapi.env""",
}


def internal_module() -> ModuleDescriptor:
    """The descriptor, with the interfaces `okapi` and `okapi-proxy` 1.9.

    It bypasses the usual checks, which refuse Okapi's own interface type `internal`.
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
        "permissionSets": [_permission(line) for line in _SINGLE.strip().splitlines()]
        + [_permission(line) | {"subPermissions": parts.split()} for line, parts in _SETS.items()],
    }
    return ModuleDescriptor(document, OKAPI_MODULE, tuple(map(Interface.of, provides)), (), ())


def required_permission(method: str, path: str) -> str | None:
    """The permission that a request of one of these paths requires; None if it requires none."""
    sent = path.split("/")
    for line in _PATHS.strip().splitlines():
        handled, pattern, *permissions = line.split()
        parts = pattern.split("/")
        if method == handled and len(parts) == len(sent) and all(map(_fits, parts, sent)):
            return permissions[0] if permissions else None
    return None


def _fits(part: str, sent: str) -> bool:
    return part == sent or (part.startswith("{") and sent != "")


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


def _permission(line: str) -> dict[str, Any]:
    name, short, sentence = line.split(" | ")
    return {"permissionName": name, "displayName": f"Okapi - {short}", "description": sentence}
