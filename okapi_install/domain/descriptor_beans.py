"""The tables: which members a module descriptor and its parts have, after the beans of Okapi 7.0.0."""

from __future__ import annotations

from okapi_install.domain.cron import cron_problem
from okapi_install.domain.descriptor_rules import (
    Bean,
    Document,
    MisfitError,
    anything,
    choice,
    flag,
    integer,
    interface_version,
    many,
    methods,
    module_id,
    one,
    path_pattern,
    permission_name,
    products,
    text,
    texts,
    zone,
)


def _cron(value: object) -> str:
    expression = text(value)
    problem = "cron must not be null" if expression is None else cron_problem(expression)
    if problem or expression is None:
        raise MisfitError(problem or "")
    return expression


def _cors(value: object) -> bool | None:
    return flag(value) or None  # false is the default, and is not written (Okapi)


def _provides(value: object) -> list[Document]:
    interfaces = many(INTERFACE)(value)
    if not isinstance(interfaces, list):
        raise MisfitError("provides must not be null; leave it out or give it a value")
    seen: set[object] = set()
    for interface in interfaces:
        if "id" in interface and interface["id"] in seen:
            raise MisfitError(f"Interface {interface['id']} provided multiple times")
        seen.add(interface.get("id"))
    return interfaces


def _permission_sets(value: object) -> list[Document] | None:
    permissions = many(PERMISSION)(value)
    if not isinstance(permissions, list):
        return None
    if any("permissionName" not in p for p in permissions):
        raise MisfitError("Missing permissionName")
    return permissions


SCHEDULE = Bean("a schedule", {"cron": _cron, "zone": zone}, frozenset({"delayMilliSeconds"}))

ROUTING_ENTRY = Bean(
    "a routing entry",
    {
        "methods": methods,
        "pathPattern": path_pattern,
        "path": text,
        "rewritePath": text,
        "phase": choice("Invalid phase ", "auth", "pre", "post", optional=True),
        "level": text,
        "type": choice(
            "Invalid entry type: ",
            "request-response",
            "request-only",
            "headers",
            "redirect",
            "system",
            "internal",
            "request-response-1.0",
            "request-log",
            optional=False,
        ),
        "redirectPath": text,
        "unit": choice(
            "unit must be millisecond, second, minute, hour or day, but it is ",
            "millisecond",
            "second",
            "minute",
            "hour",
            "day",
            optional=True,
        ),
        "delay": text,
        "schedule": one(SCHEDULE),
        "permissionsRequired": texts,
        "permissionsDesired": texts,
        "modulePermissions": texts,
        "permissionsRequiredTenant": texts,
        "delegateCORS": _cors,
    },
    frozenset({"phaseLevel", "proxyType", "delayMilliSeconds", "staticPath"}),
)

INTERFACE = Bean(
    "an interface",
    {"id": text, "version": interface_version, "interfaceType": text, "handlers": many(ROUTING_ENTRY), "scope": texts},
    frozenset({"versionParts", "regularHandler", "allRoutingEntries", "scopeArray"}),
)

PERMISSION = Bean(
    "a permission",
    {
        "permissionName": permission_name,
        "replaces": texts,
        "displayName": text,
        "description": text,
        "subPermissions": texts,
        "visible": flag,
    },
)

ENV_ENTRY = Bean("an env entry", {"name": text, "value": text, "description": text})

LAUNCH = Bean(
    "a launchDescriptor",
    {
        "cmdlineStart": text,
        "cmdlineStop": text,
        "exec": text,
        "dockerImage": text,
        "dockerPull": flag,
        "dockerCMD": texts,
        "env": many(ENV_ENTRY),
        "dockerArgs": anything,
        "waitIterations": integer,
    },
)

UI = Bean("a uiDescriptor", {"npm": text, "url": text, "local": text, "args": text})

MODULE = Bean(
    "a module descriptor",
    {
        "id": module_id,
        "name": text,
        "tags": texts,
        "requires": many(INTERFACE),
        "provides": _provides,
        "optional": many(INTERFACE),
        "filters": many(ROUTING_ENTRY),
        "permissionSets": _permission_sets,
        "env": many(ENV_ENTRY),
        "metadata": anything,
        "uiDescriptor": one(UI),
        "launchDescriptor": one(LAUNCH),
        "replaces": products,
    },
    frozenset(
        {
            "requiresOptionalList",
            "requiresList",
            "providesList",
            "optionalList",
            "filterRoutingEntries",
            "authRoutingEntry",
            "proxyRoutingEntries",
            "multiRoutingEntries",
            "expandedPermissionSets",
            "product",
        }
    ),
)
