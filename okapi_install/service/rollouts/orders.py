"""A client's request for many tenants, and what it would do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from okapi_install.domain.jobs import Change, InstallOptions, JobKind
from okapi_install.domain.rollouts.rollout import PauseRule, Rollout, RolloutTenant
from okapi_install.domain.rollouts.waves import WaveSize
from okapi_install.domain.rollouts.windows import Window
from okapi_install.service.jobs.installs import Order
from okapi_install.service.jobs.proposals import Proposal


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutOrder:
    """A request. `request` is None for an upgrade; `tenants` None means all but `excepted`."""

    name: str
    kind: JobKind
    request: tuple[Change, ...] | None
    options: InstallOptions
    tenants: tuple[str, ...] | None
    excepted: tuple[str, ...] = ()
    waves: tuple[WaveSize, ...] = ()
    max_concurrent: int = 10
    max_per_module: int | None = None
    max_failures: int | str = 0
    pause_after_wave: PauseRule | None = None
    windows: tuple[Window, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    requested_by: str | None = None
    idempotency_key: str | None = None
    callback_url: str | None = None

    def digest(self) -> str:
        """Two orders with the same digest are the same request, whoever sends it."""
        plain = replace(self, headers={}, requested_by=None, idempotency_key=None)
        return hashlib.sha256(repr(plain).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmittedRollout:
    """The rollout of an order. With `replayed` it existed before."""

    rollout: Rollout
    replayed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """What an order would do: the tenants of each wave, and the plans, equal ones together.

    `seconds` is how long it would take if nobody pauses it, `end` when it would end; None if that is not known.
    """

    waves: tuple[tuple[str, ...], ...]
    proposals: tuple[Proposal, ...]
    seconds: float | None
    end: float | None


def job_order(rollout: Rollout, tenant: RolloutTenant, headers: Mapping[str, str]) -> Order:
    """The order of the job of one tenant."""
    options = replace(
        rollout.options,
        simulate=False,
        asynchronous=True,
        rollout=rollout.id,
        max_per_module=rollout.max_per_module,
    )
    return Order(
        kind=rollout.kind,
        tenant=tenant.tenant,
        request=rollout.request,
        options=options,
        headers=headers,
        requested_by=rollout.requested_by,
    )
