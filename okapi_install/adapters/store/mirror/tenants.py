"""Tenants of an Okapi, and what they have enabled, copied.

What a tenant has enabled belongs to its running job: the job's commits change it, and its worker reads it from Okapi.
So a copy that was read for a client is not written then. Jobs are locked before their tenant, as workers do it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, delete, select

from okapi_install.adapters.store.expressions import ignoring, replacing, unfinished
from okapi_install.adapters.store.tables import ENABLED, JOBS, TENANTS
from okapi_install.adapters.store.tenants import all_tenants, enabled_of, one_tenant
from okapi_install.domain.errors import NotFound
from okapi_install.domain.jobs import ACTIVE, JobStatus
from okapi_install.service.ports import Tenant

_j, _e = JOBS.c, ENABLED.c
_OF_TENANT = _j.tenant_id == bindparam("of_tenant")
_LOCK_JOBS = select(_j.status).where(_OF_TENANT, unfinished()).order_by(_j.seq).with_for_update()
_PUT, _ENABLE = replacing(TENANTS), ignoring(ENABLED)
_DISABLE = delete(ENABLED).where(
    _e.tenant_id == bindparam("of_tenant"), _e.module_id.in_(bindparam("modules", expanding=True))
)
_REMOVE = delete(TENANTS).where(TENANTS.c.id == bindparam("of_tenant"))


def same_tenant(connection: Connection, tenant: Tenant, enabled: Collection[str]) -> bool:
    """Whether the store has the tenant so already."""
    try:
        known = one_tenant(connection, tenant.id)
    except NotFound:
        return False
    return known == tenant and enabled_of(connection, tenant.id) == sorted(enabled)


def mirror_tenant(connection: Connection, tenant: Tenant, enabled: Collection[str], *, unless_active: bool) -> None:
    """Adds or replaces a tenant and what it has enabled; with `unless_active`, the latter only if no job is active."""
    jobs = {JobStatus(status) for status in connection.scalars(_LOCK_JOBS, {"of_tenant": tenant.id})}
    _put(connection, tenant)
    if unless_active and jobs & ACTIVE:
        return
    gone = set(enabled_of(connection, tenant.id)).difference(enabled)
    if gone:
        connection.execute(_DISABLE, {"of_tenant": tenant.id, "modules": sorted(gone)})
    _ENABLE.run(connection, [{"tenant_id": tenant.id, "module_id": module} for module in sorted(enabled)])


def mirror_tenants(connection: Connection, tenants: Sequence[Tenant], gone: Collection[str] = ()) -> None:
    """Adds or replaces tenants, and removes others with their jobs. One with a job that is not complete stays."""
    known = {tenant.id: tenant for tenant in all_tenants(connection)}
    for tenant in sorted(tenants, key=lambda one: one.id):
        if known.get(tenant.id) != tenant:
            _put(connection, tenant)
    for tenant_id in sorted(known.keys() & set(gone)):
        if not connection.scalars(_LOCK_JOBS, {"of_tenant": tenant_id}).all():
            connection.execute(_REMOVE, {"of_tenant": tenant_id})


def _put(connection: Connection, tenant: Tenant) -> None:
    _PUT.run(connection, [{"id": tenant.id, "name": tenant.name, "description": tenant.description}])
