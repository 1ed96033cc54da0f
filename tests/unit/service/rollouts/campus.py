"""A service in memory with many tenants, and rollouts for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from okapi_install.domain.jobs import Change, InstallOptions, JobKind
from okapi_install.domain.rollouts.rollout import Rollout, TenantStatus
from okapi_install.service.jobs.proposals import ProposalService
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.service.jobs.solutions import SolutionService
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.ports import Tenant
from okapi_install.service.registry import RegistryService
from okapi_install.service.rollouts.orders import RolloutOrder
from okapi_install.service.rollouts.rollouts import RolloutService
from okapi_install.service.tenants import TenantService
from tests.fakes.fake_modules import Call, answer
from tests.fakes.inline_solver import InlineSolver
from tests.unit.service.house import House


class Campus:
    """The tenants t0, t1 and so on, and what clients do with rollouts."""

    def __init__(self, tenants: int = 4) -> None:
        self.house = House()
        self.store = self.house.store
        self.store.remove_tenant("diku")
        self.names = [f"t{number}" for number in range(tenants)]
        for name in self.names:
            self.store.add_tenant(Tenant(id=name))
        registry = RegistryService(self.store)
        known = TenantService(self.store, registry, self.house.platform, self.house.installs.stop_all)
        snapshots = SnapshotService(TimingsService(self.store, self.house.clock))
        solutions = SolutionService(self.house.installs, self.store, registry, InlineSolver())
        self.rollouts = RolloutService(
            self.store,
            self.house.installs,
            ProposalService(self.house.installs, solutions, snapshots),
            known,
            self.house.advancer,
            self.house.rollout_observer,
            self.house.notifier,
            self.store.now,
        )

    def order(self, *modules: str, **rest: Any) -> RolloutOrder:
        """An order to enable those modules, by default d-1.0.0, for all tenants."""
        known: dict[str, Any] = {
            "name": "night",
            "kind": JobKind.INSTALL,
            "request": tuple(Change(id=name) for name in modules or ("d-1.0.0",)),
            "options": InstallOptions(),
            "tenants": None,
            "headers": {"X-Okapi-Token": "secret", "X-Okapi-User-Id": "u1"},
        }
        return RolloutOrder(**{**known, **rest})

    def submit(self, *modules: str, **rest: Any) -> Rollout:
        """The rollout of such an order."""
        return self.rollouts.submit(self.order(*modules, **rest)).rollout

    def fail(self, module: str, tenants: Sequence[str]) -> None:
        """From now on the module fails for those tenants, naming the tenant and a number."""

        def script(call: Call) -> Any:
            tenant = call.headers["X-Okapi-Tenant"]
            return answer(500, f"no space for {tenant}: 17 bytes") if tenant in tenants else answer()

        self.house.script(module, script)

    def statuses(self, rollout: Rollout) -> dict[str, TenantStatus]:
        """The state of each tenant."""
        return {one.tenant: one.status for one in self.rollouts.tenants(rollout.id)}
