"""Tenants and the modules that they have enabled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, bindparam, delete, func, insert, select

from okapi_install.adapters.store.expressions import VISIBLE, has_status, ignoring, is_active, is_complete, replacing
from okapi_install.adapters.store.rows import AnyRow
from okapi_install.adapters.store.tables import ENABLED, JOBS, TENANTS
from okapi_install.domain.errors import NotFound
from okapi_install.domain.jobs import EndReason, JobKind, JobStatus
from okapi_install.service.ports import LastJob, Tenant, TenantOverview

_SEPARATOR = "\x1f"
"""The unit separator of ASCII, which no id of a module has."""

_t, _e = TENANTS.c, ENABLED.c
_ALL = select(_t.id, _t.name, _t.description).order_by(_t.id)
_ONE = _ALL.where(_t.id == bindparam("tenant"))
_PUT, _ENABLE = replacing(TENANTS), ignoring(ENABLED)
_DISABLE = delete(ENABLED).where(_e.tenant_id == bindparam("of_tenant"), _e.module_id == bindparam("of_module"))
_LOCK_JOBS = select(JOBS.c.seq).where(JOBS.c.tenant_id == bindparam("tenant")).order_by(JOBS.c.seq).with_for_update()
_REMOVE = delete(TENANTS).where(_t.id == bindparam("tenant"))
_ENABLED_OF = select(_e.module_id).where(_e.tenant_id == bindparam("tenant"))
_USERS_OF = select(_e.tenant_id).where(_e.module_id == bindparam("module"))
_EVERYWHERE = select(_e.tenant_id, func.aggregate_strings(_e.module_id, _SEPARATOR).label("modules")).group_by(
    _e.tenant_id
)
"""One row a tenant: reading 75000 rows takes four times as long."""
_ANYWHERE = select(_e.module_id, func.min(_e.tenant_id).label("tenant_id")).group_by(_e.module_id)


def add_tenant(connection: Connection, tenant: Tenant, modules: Sequence[str] = ()) -> None:
    """Adds a tenant with those modules enabled. Raises IntegrityError if there is one with that id."""
    connection.execute(insert(TENANTS), _columns(tenant))
    enable(connection, tenant.id, modules)


def put_tenant(connection: Connection, tenant: Tenant) -> None:
    """Adds a tenant, or replaces its name and description."""
    _PUT.run(connection, [_columns(tenant)])


def one_tenant(connection: Connection, tenant_id: str) -> Tenant:
    """The tenant of that id. Raises NotFound."""
    row = connection.execute(_ONE, {"tenant": tenant_id}).one_or_none()
    if row is None:
        raise NotFound(tenant_id)
    return _tenant(row)


def all_tenants(connection: Connection) -> list[Tenant]:
    """All tenants, sorted by id in Python, since databases sort differently."""
    return sorted(map(_tenant, connection.execute(_ALL)), key=lambda tenant: tenant.id)


def remove_tenant(connection: Connection, tenant_id: str) -> None:
    """Removes a tenant. Locks its jobs first, in the same order as their workers do. Raises NotFound."""
    connection.execute(_LOCK_JOBS, {"tenant": tenant_id}).all()
    if connection.execute(_REMOVE, {"tenant": tenant_id}).rowcount == 0:
        raise NotFound(tenant_id)


def enabled(connection: Connection, tenant_id: str) -> list[str]:
    """Ids of the enabled modules, sorted. Raises NotFound if there is no such tenant."""
    modules = enabled_of(connection, tenant_id)
    if not modules:
        one_tenant(connection, tenant_id)
    return modules


def enabled_of(connection: Connection, tenant_id: str) -> list[str]:
    """Ids of the enabled modules, sorted; none if there is no such tenant."""
    return sorted(connection.scalars(_ENABLED_OF, {"tenant": tenant_id}))


def users_of(connection: Connection, module_id: str) -> list[str]:
    """Ids of the tenants that have the module enabled, sorted."""
    return sorted(connection.scalars(_USERS_OF, {"module": module_id}))


def enabled_anywhere(connection: Connection) -> dict[str, str]:
    """Every enabled module id, with one tenant that has it enabled."""
    return {row.module_id: row.tenant_id for row in connection.execute(_ANYWHERE)}


def enabled_everywhere(connection: Connection) -> dict[str, list[str]]:
    """The ids of the enabled modules of each tenant that has some."""
    return {row.tenant_id: row.modules.split(_SEPARATOR) for row in connection.execute(_EVERYWHERE)}


def _of_tenant(what: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    """A number about the visible jobs of the tenant in the outer statement."""
    condition = (JOBS.c.tenant_id == _t.id, VISIBLE, *conditions)
    return select(what).where(*condition).correlate(TENANTS).scalar_subquery()


_LAST, _ACTIVE = JOBS.alias("last"), JOBS.alias("active")
_SEQS = (
    select(
        _t.id,
        select(func.count()).where(_e.tenant_id == _t.id).correlate(TENANTS).scalar_subquery().label("modules"),
        _of_tenant(func.count(), has_status(JobStatus.QUEUED)).label("waiting"),
        _of_tenant(func.max(JOBS.c.seq), is_complete()).label("last"),
        _of_tenant(func.max(JOBS.c.seq), is_active()).label("active"),
    )
    .where(_t.id.in_(bindparam("tenants", expanding=True)))
    .subquery()
)
_OVERVIEWS = (
    select(
        *(_SEQS.c[name] for name in ("id", "modules", "waiting")),
        _ACTIVE.c.id.label("active"),
        *(_LAST.c[name].label(f"last_{name}") for name in ("id", "kind", "status", "reason", "ended")),
    )
    .outerjoin(_LAST, _LAST.c.seq == _SEQS.c.last)
    .outerjoin(_ACTIVE, _ACTIVE.c.seq == _SEQS.c.active)
)


def tenant_overviews(connection: Connection, tenant_ids: Collection[str]) -> dict[str, TenantOverview]:
    """What those of the tenants that exist have and do. The list is filled up to a power of two, as in `revisions`."""
    wanted = list(tenant_ids)
    if not wanted:
        return {}
    wanted += wanted[-1:] * ((1 << (len(wanted) - 1).bit_length()) - len(wanted))
    return {row.id: _overview(row) for row in connection.execute(_OVERVIEWS, {"tenants": wanted})}


def _overview(row: AnyRow) -> TenantOverview:
    last = None
    if row.last_id is not None:
        last = LastJob(
            id=row.last_id,
            kind=JobKind(row.last_kind),
            status=JobStatus(row.last_status),
            reason=EndReason(row.last_reason) if row.last_reason else None,
            ended=row.last_ended,
        )
    return TenantOverview(tenant=row.id, modules=row.modules, active=row.active, waiting=row.waiting, last=last)


def enable(connection: Connection, tenant_id: str, modules: Sequence[str]) -> None:
    """Enables the modules; those that are already enabled stay so."""
    _ENABLE.run(connection, [{"tenant_id": tenant_id, "module_id": module} for module in modules])


def disable(connection: Connection, tenant_id: str, modules: Sequence[str]) -> None:
    """Disables the modules."""
    if modules:
        connection.execute(_DISABLE, [{"of_tenant": tenant_id, "of_module": module} for module in modules])


def _tenant(row: AnyRow) -> Tenant:
    return Tenant(id=row.id, name=row.name, description=row.description)


def _columns(tenant: Tenant) -> dict[str, object]:
    return {"id": tenant.id, "name": tenant.name, "description": tenant.description}
