"""Module descriptors, the log of changes for other processes, and the instances and environment of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select

from okapi_install.adapters.store.expressions import replacing
from okapi_install.adapters.store.rows import AnyRow
from okapi_install.adapters.store.tables import ENABLED, ENV, INSTANCES, MODULES, REGISTRY_LOG
from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.service.ports import EnvEntry, Instance, RegistryChange, RegistryDelta

_m, _l = MODULES.c, REGISTRY_LOG.c
_MOST_AT_ONCE = 1000
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_DOCUMENTS = select(_m.id, _m.document).where(_m.id.in_(_IDS))
HEAD = select(func.coalesce(func.max(_l.seq), 0).label("head"))
"""The number of the newest change in the registry."""
_EVERYTHING = select(_m.id, _m.summary).where(_m.summary.is_not(None)).order_by(_m.id)
_LAST = (
    select(_l.module_id, func.max(_l.seq).label("seq"))
    .where(_l.seq > bindparam("seq"), _l.seq <= bindparam("head"))
    .group_by(_l.module_id)
    .subquery()
)
_CHANGED = (
    select(_LAST.c.module_id.label("id"), _m.summary)
    .join_from(_LAST, MODULES, _m.id == _LAST.c.module_id, isouter=True)
    .order_by(_LAST.c.seq)
)
_USER = (
    select(ENABLED.c.tenant_id)
    .where(ENABLED.c.module_id == bindparam("module_id"))
    .order_by(ENABLED.c.tenant_id)
    .limit(1)
)
_REMOVE = delete(MODULES).where(_m.id == bindparam("module_id"))

_i = INSTANCES.c
_INSTANCES = select(_i.inst_id, _i.srvc_id, _i.url, _i.document).order_by(_i.seq)
_INSTANCES_OF = _INSTANCES.where(_i.srvc_id == bindparam("module"))
_PUT_ENV = replacing(ENV)
_ENV = select(ENV.c.name, ENV.c.value, ENV.c.description)
_REMOVE_ENV = delete(ENV).where(ENV.c.name == bindparam("entry"))


def head(connection: Connection) -> int:
    """The number of the newest change in the registry, 0 if there is none."""
    return connection.scalar(HEAD) or 0


def changes_since(connection: Connection, seq: int) -> RegistryDelta:
    """The changes after that number; everything if the number is 0 or unknown."""
    newest = head(connection)
    if newest == seq:
        return RegistryDelta(seq=seq, changes=())
    whole = seq <= 0 or seq > newest
    rows = connection.execute(_EVERYTHING) if whole else connection.execute(_CHANGED, {"seq": seq, "head": newest})
    changes = tuple(RegistryChange(module_id=row.id, summary=_summary(row.summary)) for row in rows)
    return RegistryDelta(seq=newest, changes=changes)


def add_modules(connection: Connection, modules: Sequence[ModuleDescriptor]) -> None:
    """Adds the modules that do not exist yet. Raises UserError if one exists with a different document."""
    new = _not_there_yet(modules, _documents(connection, [module.id for module in modules]))
    if not new:
        return
    rows = [
        {"id": module.id, "document": _dump(module.document), "summary": _dump(module.summary().to_json())}
        for module in new
    ]
    connection.execute(insert(MODULES), rows)
    connection.execute(insert(REGISTRY_LOG), [{"module_id": module.id} for module in new])


def remove_module(connection: Connection, module_id: str) -> bool:
    """Removes a module. Returns whether it existed. Raises UserError if a tenant has it enabled."""
    user = connection.scalar(_USER, {"module_id": module_id})
    if user is not None:
        raise UserError(okapi_messages.module_in_use(module_id, user))
    if connection.execute(_REMOVE, {"module_id": module_id}).rowcount == 0:
        return False
    connection.execute(insert(REGISTRY_LOG), {"module_id": module_id})
    return True


def descriptors(connection: Connection, ids: Iterable[str]) -> dict[str, ModuleDescriptor]:
    """The descriptors of those ids that exist."""
    found = _documents(connection, ids)
    return {module_id: ModuleDescriptor.stored(document) for module_id, document in found.items()}


def add_instance(connection: Connection, instance: Instance) -> None:
    """Adds an instance. Raises IntegrityError if there is one with that id."""
    row = {
        "inst_id": instance.inst_id,
        "srvc_id": instance.srvc_id,
        "url": instance.url,
        "document": _dump(dict(instance.document)),
    }
    connection.execute(insert(INSTANCES), row)


def instances(connection: Connection, srvc_id: str | None = None) -> list[Instance]:
    """The instances of a module, or all, in the order in which they were added."""
    if srvc_id is None:
        return [_instance(row) for row in connection.execute(_INSTANCES)]
    return [_instance(row) for row in connection.execute(_INSTANCES_OF, {"module": srvc_id})]


def remove_instances(connection: Connection, srvc_id: str | None = None, inst_id: str | None = None) -> int:
    """Removes one instance, those of a module, or all. Returns how many were removed."""
    statement = delete(INSTANCES)
    if srvc_id is not None:
        statement = statement.where(INSTANCES.c.srvc_id == srvc_id)
    if inst_id is not None:
        statement = statement.where(INSTANCES.c.inst_id == inst_id)
    return connection.execute(statement).rowcount


def put_env(connection: Connection, entry: EnvEntry) -> None:
    """Adds or replaces an environment entry."""
    _PUT_ENV.run(connection, [{"name": entry.name, "value": entry.value, "description": entry.description}])


def env(connection: Connection) -> list[EnvEntry]:
    """All environment entries, sorted by name."""
    rows = connection.execute(_ENV)
    entries = [EnvEntry(name=row.name, value=row.value, description=row.description) for row in rows]
    return sorted(entries, key=lambda entry: entry.name)


def remove_env(connection: Connection, name: str) -> bool:
    """Whether it was there."""
    return connection.execute(_REMOVE_ENV, {"entry": name}).rowcount > 0


def _documents(connection: Connection, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {
        row.id: orjson.loads(row.document)
        for some in batches(ids)
        for row in connection.execute(_DOCUMENTS, {"ids": some})
    }


def batches(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in lists that fit into a statement."""
    left = iter(ids)
    while batch := list(islice(left, _MOST_AT_ONCE)):
        yield batch


def _not_there_yet(modules: Sequence[ModuleDescriptor], there: Mapping[str, object]) -> list[ModuleDescriptor]:
    """The modules that do not exist yet. Raises UserError if one exists with a different document."""
    known, new = dict(there), []
    for module in modules:
        if module.id not in known:
            known[module.id] = module.document
            new.append(module)
        elif known[module.id] != module.document:
            raise UserError(okapi_messages.module_exists(module.id))
    return new


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()


def _summary(value: str | None) -> ModuleSummary | None:
    return None if value is None else ModuleSummary.from_json(orjson.loads(value))


def _instance(row: AnyRow) -> Instance:
    return Instance(inst_id=row.inst_id, srvc_id=row.srvc_id, url=row.url, document=orjson.loads(row.document))
