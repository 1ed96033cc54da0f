"""The SQL store, on SQLite or PostgreSQL: the only place that knows tables, transactions and migrations.

It decides nothing about plans and sends no messages.
"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

from okapi_install.adapters.store.engine import make_engine
from okapi_install.adapters.store.postgresql import PostgresStore
from okapi_install.adapters.store.schema import check_schema, migrate
from okapi_install.adapters.store.store import SqlStore
from okapi_install.domain import recording_messages
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.metrics import Meters
from okapi_install.service.ports import MirrorStore, Store, Tenant

__all__ = ["PostgresStore", "SqlStore", "bind_to_okapi", "check_schema", "ensure_builtin", "migrate", "open_store"]

_SUPERTENANT = Tenant(id="supertenant", name="supertenant", description="Okapi built-in super tenant")


def open_store(url: str, *, pool_size: int = 6, meters: Meters | None = None) -> SqlStore:
    """The store of a database, without connecting to it. For greenlets, monkey-patch before importing this module.

    Raises:
        InternalError: the URL is not usable.
    """
    engine = make_engine(url, pool_size=pool_size)
    return (SqlStore if engine.dialect.name == "sqlite" else PostgresStore)(engine, meters)


def ensure_builtin(store: Store, okapi: ModuleDescriptor) -> None:
    """Ensures that the built-in module exists, and the super tenant that has it enabled.

    Several processes may call it at once, any number of times. If everything exists it only reads, so that a process
    can start while the store is read-only.
    """
    if store.descriptors([okapi.id]).get(okapi.id) != okapi:
        store.add_modules([okapi])
    with suppress(NotFound):
        store.tenant(_SUPERTENANT.id)
        return
    with suppress(UserError):  # another process was faster
        store.add_tenant(_SUPERTENANT, [okapi.id])


def bind_to_okapi(store: MirrorStore, okapi: str | None, *, moved: bool = False) -> None:
    """Ensures that the store is the copy of the Okapi at that URL; with None, that it is the copy of none.

    An empty store becomes one. With `moved`, a store that is the copy of an Okapi at another address gets the new one.

    Raises:
        UserError: it belongs to another service. The message says what to do.
    """
    known, wanted = store.mirrored_okapi(), None if okapi is None else _address_of(okapi)
    if wanted is None:
        if known is not None:
            raise UserError(recording_messages.database_of_okapi(known))
        return
    if known is None or (known != wanted and moved):
        known = store.mirror_okapi(wanted, moved=moved)
    if known is None:
        raise UserError(recording_messages.database_with_own_data(wanted))
    if known != wanted:
        raise UserError(recording_messages.database_of_other_okapi(known, wanted))


def _address_of(url: str) -> str:
    """The URL without user name and password, with its host in lower case."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme.lower()}://{host}{parts.path.rstrip('/')}"
