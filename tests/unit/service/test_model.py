"""Registry, tenants and installs as a stateful machine, held against a model of a few lines.

The model knows which modules exist, which requirements they have, and what each tenant has enabled; it says what
must hold after every step, not how a plan is found.
"""

from __future__ import annotations

import contextlib

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from okapi_install.domain.errors import OkapiInstallError, UserError
from okapi_install.domain.jobs import Action, Change, InstallOptions, JobKind, JobStatus
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.service.jobs.installs import Order
from okapi_install.service.ports import Instance, Tenant
from tests.unit.service.house import House, descriptor

PRODUCTS = st.sampled_from("abcd")
VERSIONS = st.integers(1, 3)
TENANTS = st.sampled_from(("diku", "college"))


class InstallMachine(RuleBasedStateMachine):
    """`enabled` is what each tenant must have; `modules` the versions of each product that the registry must have."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(descriptor("seed-1.0.0"))
        self.house.store.add_tenant(Tenant(id="college"))
        self.modules: set[str] = {"seed-1.0.0"}
        self.enabled: dict[str, set[str]] = {"diku": set(), "college": set()}

    @rule(product=PRODUCTS, version=VERSIONS, needs=st.none() | PRODUCTS)
    def add_a_module(self, product: str, version: int, needs: str | None) -> None:
        ident = f"{product}-{version}.0.0"
        requires = [f"i{needs} 1.0"] if needs and needs != product else []
        if ident in self.modules:
            return
        self.house.store.add_modules([ModuleDescriptor.parse(descriptor(ident, [f"i{product} 1.{version}"], requires))])
        instance = Instance(inst_id="i-" + ident, srvc_id=ident, url=f"http://modules/{ident}", document={})
        with contextlib.suppress(UserError):
            self.house.store.add_instance(instance)
        self.modules.add(ident)

    @rule(product=PRODUCTS, version=VERSIONS)
    def remove_a_module(self, product: str, version: int) -> None:
        ident = f"{product}-{version}.0.0"
        used = any(ident in modules for modules in self.enabled.values())
        try:
            removed = self.house.store.remove_module(ident)
        except UserError:
            assert used
            return
        assert not used
        assert removed == (ident in self.modules)
        self.modules.discard(ident)

    @rule(tenant=TENANTS, product=PRODUCTS, version=st.none() | VERSIONS, action=st.sampled_from(list(Action)[:2]))
    def install(self, tenant: str, product: str, version: int | None, action: Action) -> None:
        ident = product if version is None else f"{product}-{version}.0.0"
        self.carry_out(tenant, (Change(id=ident, action=action),), JobKind.INSTALL)

    @precondition(lambda self: any(self.enabled.values()))
    @rule(tenant=TENANTS)
    def upgrade(self, tenant: str) -> None:
        self.carry_out(tenant, None, JobKind.UPGRADE)

    def carry_out(self, tenant: str, request: tuple[Change, ...] | None, kind: JobKind) -> None:
        order = Order(kind=kind, tenant=tenant, request=request, options=InstallOptions(asynchronous=True))
        try:
            job = self.house.installs.submit(order).job
        except OkapiInstallError:
            return
        assert job is not None
        self.house.work()
        assert self.house.store.job(job.id).status is JobStatus.DONE
        for step in job.steps:
            self.apply(tenant, step.change)
        if request:
            self.check_wish(tenant, request[0])

    def apply(self, tenant: str, change: Change) -> None:
        mine = self.enabled[tenant]
        if change.action is Action.DISABLE:
            mine.remove(change.id)
        elif change.action is Action.ENABLE:
            mine.discard(change.from_id or "")
            mine.add(change.id)

    def check_wish(self, tenant: str, wish: Change) -> None:
        product = ModuleId.parse(wish.id).product
        assert (product in {ModuleId.parse(i).product for i in self.enabled[tenant]}) == (wish.action is Action.ENABLE)

    @invariant()
    def the_store_has_what_the_model_has(self) -> None:
        for tenant, modules in self.enabled.items():
            assert set(self.house.store.enabled(tenant)) == modules

    @invariant()
    def the_registry_has_what_the_model_has(self) -> None:
        assert set(self.house.context.catalog.registry().ids()) == self.modules

    @invariant()
    def every_requirement_is_met_and_no_interface_is_offered_twice(self) -> None:
        for modules in self.enabled.values():
            known = self.house.store.descriptors(modules).values()
            offered = [i.id for m in known for i in m.provides if not i.id.startswith("_")]
            assert len(offered) == len(set(offered))
            assert {r.id for m in known for r in m.requires} <= set(offered)


InstallMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
test_installs_agree_with_a_simple_model = InstallMachine.TestCase
