"""Reads an install or upgrade: query parameters, checked in Okapi's order and words, and the list of modules."""

from __future__ import annotations

from typing import cast

from okapi_install.domain.errors import UserError
from okapi_install.domain.identifiers import check_length
from okapi_install.domain.jobs import Action, Change, InstallOptions
from okapi_install.domain.modules.beans import Bean, text
from okapi_install.web.http.bodies import read
from okapi_install.web.http.requests import flag, parameter, version_filter, whole_number

# The progress in a response is ignored, so that a response can be posted again.
_CHANGE = Bean(
    "a module of the list",
    {"id": text, "from": text, "action": text},
    frozenset({"message", "stage", "fixed", "status", "errors", "warnings"}),
)


def install_options() -> InstallOptions:
    """The options of the request. The error is about the first wrong parameter (Okapi: createTenantOptions)."""
    simulate = flag("simulate", False)
    versions = version_filter()
    deploy, purge = flag("deploy", False), flag("purge", False)
    asynchronous, ignore_errors = flag("async", False), flag("ignoreErrors", False)
    reinstall = flag("reinstall", False)
    parallel = whole_number("parallel", 1)
    if parallel < 1:
        raise UserError("parallel must be 1 or higher")
    return InstallOptions(
        simulate=simulate,
        asynchronous=asynchronous,
        deploy=deploy,
        purge=purge,
        ignore_errors=ignore_errors,
        reinstall=reinstall,
        tenant_parameters=parameter("tenantParameters"),
        invoke=parameter("invoke"),
        parallel=parallel,
        dep_check=flag("depCheck", True),
        pre_release=versions.pre_release,
        npm_snapshot=versions.npm_snapshot,
    )


def change_list(document: object) -> tuple[Change, ...]:
    """The body of an install: a list of TenantModuleDescriptor. Raises UserError."""
    if isinstance(document, dict):
        raise UserError('Expected `[` but found `{`: the body is a list of modules, such as [{"id": "mod-users"}]')
    if not isinstance(document, list):
        raise UserError('The body must be a list of modules, such as [{"id": "mod-users", "action": "enable"}]')
    return tuple(change(item) for item in document)


def change(document: object) -> Change:
    """One TenantModuleDescriptor. Raises UserError."""
    found = read(_CHANGE, document)
    ident = cast("str | None", found.get("id"))
    if not ident:
        raise UserError("id is missing for a module of the list")
    from_id = cast("str | None", found.get("from"))
    for each in (ident, from_id or ""):
        check_length(each)
    return Change(id=ident, action=_action(found.get("action")), from_id=from_id)


def _action(given: object) -> Action:
    if given is None:
        return Action.ENABLE
    try:
        return Action(str(given))
    except ValueError:
        known = ", ".join(action.value for action in Action)
        raise UserError(f'Unknown action "{given}" of a module; known are {known}') from None
