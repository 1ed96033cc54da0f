"""Where modules run, and the environment of deployed modules."""

from __future__ import annotations

import orjson
from sqlalchemy import Connection, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from okapi_install.adapters.store.rows import AnyRow
from okapi_install.adapters.store.tables import ENV, INSTANCES
from okapi_install.adapters.store.transactions import StorePart, glance, write
from okapi_install.adapters.store.upserts import replacing
from okapi_install.domain.errors import UserError
from okapi_install.domain.messages import message
from okapi_install.service.ports import EnvEntry, Instance

_i = INSTANCES.c
_ALL = select(_i.inst_id, _i.srvc_id, _i.url, _i.document).order_by(_i.seq)
_OF_MODULE = _ALL.where(_i.srvc_id == bindparam("module"))
_PUT_ENV = replacing(ENV)
_ENV = select(ENV.c.name, ENV.c.value, ENV.c.description)
_REMOVE_ENV = delete(ENV).where(ENV.c.name == bindparam("entry"))


class DiscoveryPart(StorePart):
    """Instances and environment."""

    def add_instance(self, instance: Instance) -> None:
        """See RegistryStore.add_instance."""
        try:
            self._add_instance(instance)
        except IntegrityError:
            raise UserError(message(10809, instance.inst_id)) from None

    @glance
    def instances(self, connection: Connection, srvc_id: str | None = None) -> list[Instance]:
        """See RegistryStore.instances."""
        if srvc_id is None:
            return [_instance(row) for row in connection.execute(_ALL)]
        return [_instance(row) for row in connection.execute(_OF_MODULE, {"module": srvc_id})]

    @write
    def remove_instances(self, connection: Connection, srvc_id: str | None = None, inst_id: str | None = None) -> int:
        """See RegistryStore.remove_instances. Both given: that instance of that module; none: all."""
        statement = delete(INSTANCES)
        if srvc_id is not None:
            statement = statement.where(_i.srvc_id == srvc_id)
        if inst_id is not None:
            statement = statement.where(_i.inst_id == inst_id)
        return connection.execute(statement).rowcount

    @write
    def put_env(self, connection: Connection, entry: EnvEntry) -> None:
        """See RegistryStore.put_env."""
        row = {"name": entry.name, "value": entry.value, "description": entry.description}
        _PUT_ENV.run(connection, [row])

    @glance
    def env(self, connection: Connection) -> list[EnvEntry]:
        """See RegistryStore.env."""
        entries = [
            EnvEntry(name=row.name, value=row.value, description=row.description) for row in connection.execute(_ENV)
        ]
        return sorted(entries, key=lambda entry: entry.name)

    @write
    def remove_env(self, connection: Connection, name: str) -> bool:
        """See RegistryStore.remove_env."""
        return connection.execute(_REMOVE_ENV, {"entry": name}).rowcount > 0

    @write
    def _add_instance(self, connection: Connection, instance: Instance) -> None:
        row = {
            "inst_id": instance.inst_id,
            "srvc_id": instance.srvc_id,
            "url": instance.url,
            "document": orjson.dumps(dict(instance.document)).decode(),
        }
        connection.execute(insert(INSTANCES), row)


def _instance(row: AnyRow) -> Instance:
    return Instance(inst_id=row.inst_id, srvc_id=row.srvc_id, url=row.url, document=orjson.loads(row.document))
