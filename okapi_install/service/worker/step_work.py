"""Makes the work of a step: which descriptors it needs, and on whose behalf its modules are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from okapi_install.domain.invocation import DecidedRule
from okapi_install.domain.jobs import Action, Job, Step, TenantJob
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.modules.registry import Registry
from okapi_install.service.worker.context import Workshop
from okapi_install.service.worker.module_calls import Caller
from okapi_install.service.worker.step import Findings, StepWork, enabled_system_module
from okapi_install.service.worker.unusual_steps import key_of, unusual_after


class WorkBench:
    """Makes the works of one job. `enabled` is the run's own set of enabled modules, which changes as steps end."""

    def __init__(
        self,
        shop: Workshop,
        job: Job,
        headers: Mapping[str, str],
        registry: Registry,
        enabled: set[str],
        permit: Callable[[], None] = lambda: None,
    ) -> None:
        self._shop = shop
        self._job = job
        self._headers = headers
        self._registry = registry
        self._enabled = enabled
        self._permit = permit
        self._invoke = DecidedRule.of(job.options.invoke, job.options.decisions)

    def work(self, step: Step, *, purge: bool, remember: Callable[[TenantJob | None, Findings], None]) -> StepWork:
        """The work of that step, with what the tenant has enabled now."""
        change = step.change
        enabling, disabling = change.action is Action.ENABLE, change.action is Action.DISABLE
        old = change.id if disabling else change.from_id
        guards = [i for i in self._enabled if (s := self._registry.get(i)) is not None and s.exclusive]
        wanted = {i for i in (change.id, old, *guards) if i is not None}
        known = self._shop.catalog.descriptors(self._registry, wanted)
        guardians = [known[i] for i in guards if i in known]
        return StepWork(
            step=step,
            caller=self._caller(guardians),
            options=self._job.options,
            invoke=self._invoke,
            module_from=known.get(old) if old is not None else None,
            module_to=known.get(change.id) if enabling else None,
            permissions_module=enabled_system_module(guardians, "_tenantPermissions"),
            enabled=lambda: self._shop.catalog.descriptors(self._registry, self._enabled),
            purge=purge,
            remember=remember,
            usual=lambda: self._usual(step),
        )

    def _usual(self, step: Step) -> float:
        product, action = key_of(step)
        seen = self._shop.patiently(lambda: self._shop.store.durations(frozenset((product,))))
        return unusual_after(seen.get((product, action)), self._shop.policy.slow_step_seconds)

    def _caller(self, guardians: list[ModuleDescriptor]) -> Caller:
        auth = sorted((m for m in guardians if m.auth_filter is not None), key=lambda m: m.id)
        permissions = enabled_system_module(guardians, "_tenantPermissions")
        interface = permissions.system_interface("_tenantPermissions") if permissions else None
        return Caller(
            tenant=self._job.tenant,
            headers=self._headers,
            okapi_url=self._shop.okapi_url,
            auth=auth[0] if auth else None,
            expand=interface is not None and interface.version != "1.0",
            system_auth=self._shop.system_auth,
            permit=self._permit,
        )
