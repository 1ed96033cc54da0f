"""Of which Okapi a store is a copy. It is decided once, while the store is empty."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, exists, insert, or_, select, update

from okapi_install.adapters.store.tables import (
    ENABLED,
    ENV,
    INSTANCES,
    JOBS,
    MIRRORED_OKAPI,
    MODULES,
    REGISTRY_LOG,
    TENANTS,
)
from okapi_install.domain.modules.internal_module import OKAPI_PRODUCT

_ADDRESS = select(MIRRORED_OKAPI.c.address)
_MOVE = update(MIRRORED_OKAPI).values(address=bindparam("new_address"))
_OTHER_TENANT = TENANTS.c.id != "supertenant"
_OTHER_MODULE = MODULES.c.id.not_like(OKAPI_PRODUCT + "-%")


def _some(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(condition)


_OWN_DATA: Select[tuple[bool]] = select(
    or_(
        _some(_OTHER_TENANT),
        _some(_OTHER_MODULE),
        _some(JOBS.c.seq.is_not(None)),
        _some(INSTANCES.c.seq.is_not(None)),
        _some(ENV.c.name.is_not(None)),
    )
)
"""Whether the store has more than what is built in."""


def mirrored_okapi(connection: Connection) -> str | None:
    """The address of the Okapi of which the store is a copy; None if it is none."""
    address: str | None = connection.scalar(_ADDRESS)
    return address


def mirror_okapi(connection: Connection, address: str, *, moved: bool = False) -> str | None:
    """Makes an empty store the copy of that Okapi, and returns of which one it is a copy then.

    With `moved`, the Okapi of a store that is a copy has that address now.
    """
    known = mirrored_okapi(connection)
    if known is not None:
        if moved:
            connection.execute(_MOVE, {"new_address": address})
        return address if moved else known
    if connection.scalar(_OWN_DATA):
        return None
    _remove_built_in(connection)
    connection.execute(insert(MIRRORED_OKAPI), {"single": 1, "address": address})
    return address


def _remove_built_in(connection: Connection) -> None:
    """Removes the module and the tenant of a service that stands alone. Those of the Okapi come in their place."""
    built_in = connection.scalars(select(MODULES.c.id)).all()
    for table in (ENABLED, TENANTS, MODULES):
        connection.execute(delete(table))
    if built_in:
        connection.execute(insert(REGISTRY_LOG), [{"module_id": module} for module in built_in])
