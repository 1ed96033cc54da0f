"""Makes rollouts for the contract tests, and starts their tenants as a worker does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from okapi_install.domain.jobs import InstallOptions, JobKind
from okapi_install.domain.rollouts.rollout import Rollout, RolloutStatus, RolloutTenant, TenantStatus
from okapi_install.service.ports import JobRef, NewRollout, StartJob, Store, Tenant
from tests.contract.builders import new_job

_numbers = count(1)


def new_rollout(*waves: Sequence[str], **rest: Any) -> NewRollout:
    """A rollout of those waves of tenants, by default all of them at once."""
    tenants = [(tenant, wave) for wave, members in enumerate(waves) for tenant in members]
    known: dict[str, Any] = {
        "id": f"rollout-{next(_numbers)}",
        "name": "night",
        "kind": JobKind.UPGRADE,
        "status": RolloutStatus.RUNNING,
        "options": InstallOptions(asynchronous=True),
        "request": None,
        "wave_count": len(waves),
        "max_concurrent": 100,
        "max_failures": 0,
        "created": 0.0,
    }
    return NewRollout(
        rollout=Rollout(**{**known, **rest}),
        tenants=tuple(RolloutTenant(pos=pos, tenant=name, wave=wave) for pos, (name, wave) in enumerate(tenants)),
        headers={"X-Okapi-User-Id": "u1"},
    )


def rolled_out(store: Store, *waves: Sequence[str], **rest: Any) -> str:
    """The id of such a rollout, whose tenants exist."""
    for members in waves:
        for tenant in members:
            store.put_tenant(Tenant(id=tenant))
    return store.add_rollout(new_rollout(*waves, **rest)).id


def advanced(store: Store, rollout_id: str, most: int = 1000) -> list[JobRef]:
    """The jobs that a worker starts now."""
    tenants = store.advance_rollout(rollout_id, most).tenants
    starts = [StartJob(tenant=one.tenant, job=new_job(one.tenant)) for one in tenants]
    return store.start_in_rollout(rollout_id, starts, most_waiting=100) if starts else []


def statuses(store: Store, rollout_id: str) -> dict[str, TenantStatus]:
    """The state of each tenant."""
    return {one.tenant: one.status for one in store.rollout_tenants(rollout_id)}
