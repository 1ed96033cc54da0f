"""Module descriptors of an Okapi, copied. One that it has no more leaves the index, but its document stays: a job that
was planned with it still needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import orjson
from sqlalchemy import Connection, bindparam, insert, null, select, update

from okapi_install.adapters.store.expressions import replacing
from okapi_install.adapters.store.registry import batches
from okapi_install.adapters.store.tables import MODULES, REGISTRY_LOG
from okapi_install.domain.modules.descriptors import ModuleDescriptor

_m = MODULES.c
_HERE = _m.id.in_(bindparam("ids", expanding=True))
_LISTED = select(_m.id, _m.document).where(_HERE, _m.summary.is_not(None))
_UNLIST = update(MODULES).where(_HERE, _m.summary.is_not(None)).values(summary=null()).returning(_m.id)
_PUT = replacing(MODULES)


def mirror_modules(connection: Connection, added: Sequence[ModuleDescriptor], removed: Collection[str]) -> None:
    """Adds or replaces modules, and removes others from the index."""
    there = {
        row.id: orjson.loads(row.document)
        for some in batches(module.id for module in added)
        for row in connection.execute(_LISTED, {"ids": some})
    }
    new = {module.id: module for module in added if there.get(module.id) != module.document}
    _PUT.run(connection, [_row(module) for module in new.values()])
    gone = [row.id for some in batches(removed) for row in connection.execute(_UNLIST, {"ids": some})]
    if new or gone:
        connection.execute(insert(REGISTRY_LOG), [{"module_id": module} for module in (*new, *gone)])


def _row(module: ModuleDescriptor) -> dict[str, str]:
    summary = orjson.dumps(module.summary().to_json()).decode()
    return {"id": module.id, "document": orjson.dumps(module.document).decode(), "summary": summary}
