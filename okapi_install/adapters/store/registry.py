"""Module descriptors, and the log that tells other processes what changed in the registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select, text

from okapi_install.adapters.store.tables import ENABLED, MODULES, REGISTRY_LOG
from okapi_install.adapters.store.transactions import StorePart, glance, snapshot, write
from okapi_install.domain.errors import UserError
from okapi_install.domain.messages import message
from okapi_install.domain.modules.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.service.ports import RegistryChange, RegistryDelta

_m, _l = MODULES.c, REGISTRY_LOG.c
_MOST_AT_ONCE = 1000
_REGISTRY_LOCK = 874_001
"""The advisory lock on PostgreSQL that makes the log's numbers come in the order of the commits: a reader that has
seen a number must not find a lower one later."""

_LOCK = text(f"SELECT pg_advisory_xact_lock({_REGISTRY_LOCK})")
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_DOCUMENTS = select(_m.id, _m.document).where(_m.id.in_(_IDS))
HEAD = select(func.coalesce(func.max(_l.seq), 0).label("head"))
"""The number of the newest change in the registry."""
_EVERYTHING = select(_m.id, _m.summary).order_by(_m.id)
_LAST = (
    select(_l.module_id, func.max(_l.seq).label("seq"))
    .where(_l.seq > bindparam("seq"), _l.seq <= bindparam("head"))
    .group_by(_l.module_id)
    .subquery()
)
_CHANGED = (
    select(_LAST.c.module_id, _m.summary).join_from(_LAST, MODULES, _m.id == _LAST.c.module_id, isouter=True)
).order_by(_LAST.c.seq)
_USER = (
    select(ENABLED.c.tenant_id)
    .where(ENABLED.c.module_id == bindparam("module_id"))
    .order_by(ENABLED.c.tenant_id)
    .limit(1)
)
_REMOVE = delete(MODULES).where(_m.id == bindparam("module_id"))


class RegistryPart(StorePart):
    """The registry of modules."""

    def registry_since(self, seq: int) -> RegistryDelta:
        """See RegistryStore.registry_since. Mostly nothing has changed, and one statement tells so."""
        if seq > 0 and self._head() == seq:
            return RegistryDelta(seq=seq, changes=())
        return self._registry_since(seq)

    @glance
    def _head(self, connection: Connection) -> int:
        return connection.scalar(HEAD) or 0

    @snapshot
    def _registry_since(self, connection: Connection, seq: int) -> RegistryDelta:
        head = connection.scalar(HEAD) or 0
        if head == seq:
            return RegistryDelta(seq=seq, changes=())
        whole = seq <= 0 or seq > head
        rows = connection.execute(_EVERYTHING) if whole else connection.execute(_CHANGED, {"seq": seq, "head": head})
        changes = tuple(RegistryChange(module_id=row[0], summary=_summary(row[1])) for row in rows)
        return RegistryDelta(seq=head, changes=changes)

    @write
    def add_modules(self, connection: Connection, modules: Sequence[ModuleDescriptor]) -> None:
        """See RegistryStore.add_modules."""
        _lock_registry(connection)
        new = _not_there_yet(modules, _documents(connection, [module.id for module in modules]))
        if not new:
            return
        rows = [
            {"id": module.id, "document": _dump(module.document), "summary": _dump(module.summary().to_json())}
            for module in new
        ]
        connection.execute(insert(MODULES), rows)
        connection.execute(insert(REGISTRY_LOG), [{"module_id": module.id, "removed": False} for module in new])

    @write
    def remove_module(self, connection: Connection, module_id: str) -> bool:
        """See RegistryStore.remove_module."""
        _lock_registry(connection)
        user = connection.scalar(_USER, {"module_id": module_id})
        if user is not None:
            raise UserError(message(10206, module_id, user))
        if connection.execute(_REMOVE, {"module_id": module_id}).rowcount == 0:
            return False
        connection.execute(insert(REGISTRY_LOG), {"module_id": module_id, "removed": True})
        return True

    @snapshot
    def descriptors(self, connection: Connection, ids: Iterable[str]) -> dict[str, ModuleDescriptor]:
        """See RegistryStore.descriptors."""
        found = _documents(connection, ids)
        return {module_id: ModuleDescriptor.stored(document) for module_id, document in found.items()}


def _lock_registry(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)


def _documents(connection: Connection, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {
        module_id: orjson.loads(document)
        for some in _batches(ids)
        for module_id, document in connection.execute(_DOCUMENTS, {"ids": some})
    }


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    left = iter(ids)
    while batch := list(islice(left, _MOST_AT_ONCE)):
        yield batch


def _not_there_yet(modules: Sequence[ModuleDescriptor], there: Mapping[str, object]) -> list[ModuleDescriptor]:
    """Those without an equal one before. Raises UserError if one of the same id differs."""
    known, new = dict(there), []
    for module in modules:
        if module.id not in known:
            known[module.id] = module.document
            new.append(module)
        elif known[module.id] != module.document:
            raise UserError(message(10203, module.id))
    return new


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()


def _summary(value: str | None) -> ModuleSummary | None:
    return None if value is None else ModuleSummary.from_json(orjson.loads(value))
