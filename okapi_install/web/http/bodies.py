"""Reads and writes bodies after Okapi's beans: tenants, instances, environment, nodes. Not module descriptors."""

from __future__ import annotations

from typing import cast

from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.beans import (
    ENV_ENTRY,
    LAUNCH,
    ROUTING_ENTRY,
    Bean,
    Document,
    MisfitError,
    flag,
    one,
    text,
    texts,
)
from okapi_install.service.ports import EnvEntry, Tenant


def _service(value: object) -> str:
    given = text(value)
    if not given:
        raise MisfitError("Empty srvcId not allowed")
    return given


def _name(value: object) -> str | None:
    return text(value) or None


_TENANT = Bean("a tenant", {"id": text, "name": text, "description": text})
_DEPLOYMENT = Bean(
    "a deployment",
    {"instId": text, "srvcId": _service, "nodeId": text, "url": text, "descriptor": one(LAUNCH)},
    frozenset({"moduleHandle"}),
)
_NODE = Bean("a node", {"nodeId": _name, "url": text, "nodeName": text})
_TIMER = Bean("a timer", {"id": text, "routingEntry": one(ROUTING_ENTRY), "modified": flag})
_PULL = Bean("a pull request", {"urls": texts})


def read(bean: Bean, value: object) -> Document:
    """Reads an object by its bean. Raises UserError with the place that does not fit."""
    try:
        return bean.read(value)
    except MisfitError as misfit:
        raise UserError(f"{misfit.message} (at {misfit.path})" if misfit.path else misfit.message) from None


def _text(document: Document, name: str) -> str | None:
    return cast("str | None", document.get(name))


def tenant(value: object) -> tuple[str | None, Tenant]:
    """The id as it was sent, and the tenant; its id is empty if none was sent."""
    document = read(_TENANT, value)
    ident = _text(document, "id")
    found = Tenant(id=ident or "", name=_text(document, "name"), description=_text(document, "description"))
    return ident, found


def env_entry(value: object) -> tuple[str | None, str | None, str | None]:
    """Name, value and description of an environment variable."""
    document = read(ENV_ENTRY, value)
    return _text(document, "name"), _text(document, "value"), _text(document, "description")


def deployment(value: object) -> Document:
    """The deployment in a body: where a module runs, or is to run."""
    return read(_DEPLOYMENT, value)


def node(value: object) -> Document:
    """A node of the cluster."""
    return read(_NODE, value)


def timer_id(value: object) -> str:
    """The id of the timer to change."""
    document = read(_TIMER, value)
    ident = _text(document, "id")
    if ident is None or "routingEntry" not in document:
        raise UserError("A timer needs an id and a routingEntry")
    return ident


def routing_entry(value: object) -> Document:
    """The new routing entry of a timer."""
    return read(ROUTING_ENTRY, value)


def pull_urls(value: object) -> list[str]:
    """The addresses of other registries."""
    urls = cast("list[str | None] | None", read(_PULL, value).get("urls"))
    if urls is None or None in urls:
        raise UserError("urls must be a list of addresses of other registries")
    return cast("list[str]", urls)


def skipped_ids(value: object) -> list[str]:
    """Ids of modules to leave out."""
    try:
        ids = texts(value)
    except MisfitError:
        ids = None
    if ids is None or None in ids:
        raise UserError("The body must be a list of module ids that are to be left out")
    return cast("list[str]", ids)


def tenant_document(found: Tenant) -> Document:
    """A tenant as Okapi writes it."""
    return _without_none({"id": found.id, "name": found.name, "description": found.description})


def env_document(entry: EnvEntry) -> Document:
    """An environment variable as Okapi writes it."""
    return _without_none({"name": entry.name, "value": entry.value, "description": entry.description})


def _without_none(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}
