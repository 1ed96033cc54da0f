"""The members of each part of a module descriptor and how they are read: the beans of Okapi 7.0.0 as tables.

Reading normalises a part as Okapi does when it writes it: where a string is expected, other scalars become strings,
and null members are left out. A value that does not fit raises a MisfitError, which says where it is. This module
does not know what a descriptor means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.cron import cron_problem
from okapi_install.domain.modules.interface_versions import InterfaceVersion
from okapi_install.domain.modules.time_zones import is_zone
from okapi_install.domain.modules.versions import ModuleId

Document = dict[str, object]
Reader = Callable[[object], object]
"""Returns the value of a member for what was sent, which may be null; None omits the member. Raises MisfitError."""


class MisfitError(UserError):
    """A value does not fit. `path` says where it is; each enclosing level adds its part."""

    code = "misfit"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path = ""

    def inside(self, step: str) -> MisfitError:
        """The same error, with the enclosing level added to `path`."""
        self.path = step + (self.path if self.path.startswith("[") or not self.path else "." + self.path)
        return self


@dataclass(frozen=True, slots=True)
class Bean:
    """The members of one kind of object. Those in `ignored` are accepted and dropped (Okapi)."""

    name: str
    members: Mapping[str, Reader]
    ignored: frozenset[str] = field(default_factory=frozenset)

    def read(self, value: object) -> Document:
        """The object, normalised. Raises MisfitError."""
        if not isinstance(value, dict):
            raise MisfitError(f"{self.name} must be an object")
        result: Document = {}
        for key, sent in value.items():
            reader = self.members.get(key)
            if reader is None:
                self._check_ignored(key)
                continue
            try:
                fitting = reader(sent)
            except MisfitError as misfit:
                raise misfit.inside(key) from None
            if fitting is not None:
                result[key] = fitting
        return result

    def _check_ignored(self, key: str) -> None:
        if key not in self.ignored:
            known = ", ".join(sorted(self.members))
            raise MisfitError(f"{self.name} has no member '{key}'; it may have: {known}")


def text(value: object) -> str | None:
    """A string; numbers and booleans are converted."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise MisfitError("expected a string")


def texts(value: object) -> list[str | None] | None:
    """A list of strings; numbers and booleans in it are converted."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise MisfitError("expected a list of strings")
    return [v if isinstance(v, str) else text(v) for v in value]


def flag(value: object) -> bool | None:
    """A boolean; also accepts a string or a number."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value != 0
    known = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False, "": None}
    if isinstance(value, str) and value.strip() in known:
        return known[value.strip()]
    raise MisfitError("expected true or false")


def integer(value: object) -> int | None:
    """A 32-bit integer; also accepts a string. A fraction is cut off."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = int(value)
        except (ValueError, OverflowError):
            raise MisfitError("expected a whole number") from None
        if -(2**31) <= number < 2**31:
            return number
    raise MisfitError("expected a whole number")


def anything(value: object) -> Document | None:
    """An object with any members, unchanged."""
    if value is None or isinstance(value, dict):
        return value
    raise MisfitError("expected an object")


def one(bean: Bean) -> Reader:
    """A reader for one object of that kind."""
    return lambda value: None if value is None else bean.read(value)


def many(bean: Bean) -> Reader:
    """A reader for a list of objects of that kind."""

    def read(value: object) -> list[Document] | None:
        if value is None:
            return None
        if not isinstance(value, list):
            raise MisfitError("expected a list")
        result = []
        for index, item in enumerate(value):
            try:
                result.append(bean.read(item))
            except MisfitError as misfit:
                raise misfit.inside(f"[{index}]") from None
        return result

    return read


def module_id(value: object) -> str:
    """A module id, which must include a version."""
    ident = _wanted(value, "id")
    if _parsed(ident).version is None:
        raise MisfitError(f"Missing semantic version for: {ident}")
    return ident


def products(value: object) -> list[str] | None:
    """Product names without versions. An empty list is treated as absent (Okapi)."""
    names = texts(value)
    for name in names or ():
        if _parsed(_wanted(name, "replaces")).version is not None:
            raise MisfitError(f"No semantic version for: {name}")
    return list(map(str, names)) if names else None


def interface_version(value: object) -> str:
    """The version of an interface, unchanged; it must be one that InterfaceVersion can parse."""
    version = _wanted(value, "version")
    try:
        InterfaceVersion.parse(version)
    except UserError as problem:
        raise MisfitError(problem.message) from None
    return version


def _parsed(ident: str) -> ModuleId:
    try:
        return ModuleId.parse(ident)
    except UserError as problem:
        raise MisfitError(problem.message) from None


def _wanted(value: object, name: str) -> str:
    given = text(value)
    if given is None:
        raise MisfitError(f"{name} must not be null; leave it out or give it a value")
    return given


_METHODS = re.compile(
    r"OPTIONS|GET|HEAD|POST|PUT|DELETE|TRACE|CONNECT|PATCH|PROPFIND|PROPPATCH|MKCOL|COPY|"
    r"MOVE|LOCK|UNLOCK|MKCALENDAR|VERSION-CONTROL|REPORT|CHECKOUT|CHECKIN|UNCHECKOUT|MKWORKSPACE|"
    r"UPDATE|LABEL|MERGE|BASELINE-CONTROL|MKACTIVITY|ORDERPATCH|ACL|SEARCH|\*"
)


def methods(value: object) -> list[str]:
    """HTTP methods, or `*`."""
    given = texts(value)
    if given is None:
        raise MisfitError("methods must not be null; leave it out or give it a value")
    for method in given:
        if method is None or not _METHODS.fullmatch(method):
            raise MisfitError(f"{method} is not an HTTP method")
    return list(map(str, given))


_INVALID_IN_PATH = re.compile(r"[\\%+}()\[\].;:=?@#^$\"' ]")
_INVALID_IN_NAME = re.compile(r"[\\%+{()\[\].;:=?@#^$\"' /]")


def path_pattern(value: object) -> str:
    """A path pattern: `{name}` matches one segment, `*` matches anything."""
    pattern = _wanted(value, "pathPattern")
    offset = 0
    while offset < len(pattern):
        if pattern[offset] == "{":
            offset = _after_name(pattern, offset + 1)
        elif _INVALID_IN_PATH.match(pattern, offset):
            raise MisfitError(f"Invalid character {pattern[offset]} for pathPattern")
        else:
            offset += 1
    return pattern


def _after_name(pattern: str, offset: int) -> int:
    end = pattern.find("}", offset)
    invalid = _INVALID_IN_NAME.search(pattern, offset, end if end >= 0 else len(pattern))
    if invalid:
        raise MisfitError(f"Invalid character {invalid.group()} inside {{}}-construct in pathPattern")
    if end < 0:
        raise MisfitError("Missing }-character for {}-construct in pathPattern")
    return end + 1


def choice(words: str, *allowed: str, optional: bool) -> Reader:
    """A reader that accepts one of these strings. For another one the error is `words` followed by the value."""

    def read(value: object) -> str | None:
        given = text(value)
        if given in allowed or (given is None and optional):
            return given
        raise MisfitError(f"{words}{'null' if given is None else given}")

    return read


def permission_name(value: object) -> str:
    """The name of a permission, which is mandatory."""
    return _wanted(value, "permissionName")


def zone(value: object) -> str:
    """The name of an existing time zone, or an offset."""
    name = _wanted(value, "zone")
    if not is_zone(name):
        raise MisfitError(f"Unknown time zone: {name}")
    return name


def _cron(value: object) -> str:
    expression = text(value)
    problem = "cron must not be null" if expression is None else cron_problem(expression)
    if problem or expression is None:
        raise MisfitError(problem or "")
    return expression


def _cors(value: object) -> bool | None:
    return flag(value) or None  # false is the default, and Okapi does not write it


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
