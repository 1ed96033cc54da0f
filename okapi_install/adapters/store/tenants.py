"""Tenants and the modules that they have enabled."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from okapi_install.adapters.store.tables import ENABLED, JOBS, TENANTS
from okapi_install.adapters.store.transactions import StorePart, glance, snapshot, write
from okapi_install.adapters.store.upserts import ignoring, replacing
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.messages import message
from okapi_install.service.ports import Tenant

_t, _e = TENANTS.c, ENABLED.c
_ALL = select(_t.id, _t.name, _t.description).order_by(_t.id)
_ONE = _ALL.where(_t.id == bindparam("tenant"))
_PUT, _ENABLE = replacing(TENANTS), ignoring(ENABLED)
_LOCK_JOBS = select(JOBS.c.seq).where(JOBS.c.tenant_id == bindparam("tenant")).order_by(JOBS.c.seq).with_for_update()
_REMOVE = delete(TENANTS).where(_t.id == bindparam("tenant"))
_ENABLED_OF = select(_e.module_id).where(_e.tenant_id == bindparam("tenant"))
_USERS_OF = select(_e.tenant_id).where(_e.module_id == bindparam("module"))
_ANYWHERE = select(_e.module_id, func.min(_e.tenant_id)).group_by(_e.module_id)


class TenantPart(StorePart):
    """Tenants."""

    def add_tenant(self, tenant: Tenant, enabled: Sequence[str] = ()) -> None:
        """See RegistryStore.add_tenant."""
        try:
            self._add_tenant(tenant, enabled)
        except IntegrityError:
            raise UserError(message(10400, tenant.id)) from None

    @write
    def put_tenant(self, connection: Connection, tenant: Tenant) -> None:
        """See RegistryStore.put_tenant."""
        _PUT.run(connection, [_columns(tenant)])

    @glance
    def tenant(self, connection: Connection, tenant_id: str) -> Tenant:
        """See RegistryStore.tenant."""
        row = connection.execute(_ONE, {"tenant": tenant_id}).one_or_none()
        if row is None:
            raise NotFound(tenant_id)
        return Tenant(id=row.id, name=row.name, description=row.description)

    @glance
    def tenants(self, connection: Connection) -> list[Tenant]:
        """See RegistryStore.tenants."""
        return sorted(
            (Tenant(id=row.id, name=row.name, description=row.description) for row in connection.execute(_ALL)),
            key=lambda tenant: tenant.id,
        )

    @write
    def remove_tenant(self, connection: Connection, tenant_id: str) -> None:
        """See RegistryStore.remove_tenant. Its jobs are locked first, in the order in which their workers lock."""
        connection.execute(_LOCK_JOBS, {"tenant": tenant_id}).all()
        if connection.execute(_REMOVE, {"tenant": tenant_id}).rowcount == 0:
            raise NotFound(tenant_id)

    @snapshot
    def enabled(self, connection: Connection, tenant_id: str) -> list[str]:
        """See RegistryStore.enabled."""
        modules = sorted(connection.scalars(_ENABLED_OF, {"tenant": tenant_id}))
        if not modules and connection.execute(_ONE, {"tenant": tenant_id}).one_or_none() is None:
            raise NotFound(tenant_id)
        return modules

    @glance
    def users_of(self, connection: Connection, module_id: str) -> list[str]:
        """See RegistryStore.users_of."""
        return sorted(connection.scalars(_USERS_OF, {"module": module_id}))

    @glance
    def enabled_anywhere(self, connection: Connection) -> dict[str, str]:
        """See RegistryStore.enabled_anywhere."""
        return dict(connection.execute(_ANYWHERE).all())

    @write
    def _add_tenant(self, connection: Connection, tenant: Tenant, enabled: Sequence[str]) -> None:
        connection.execute(insert(TENANTS), _columns(tenant))
        _ENABLE.run(connection, [{"tenant_id": tenant.id, "module_id": module} for module in enabled])


def _columns(tenant: Tenant) -> dict[str, object]:
    return {"id": tenant.id, "name": tenant.name, "description": tenant.description}
