"""Turns a request into the steps of a job, given what the tenant has or will have enabled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.invocation import Decisions, InvokeRule
from okapi_install.domain.jobs import Action, Change, InstallOptions, JobKind, Stage, Step
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.planning import schedule
from okapi_install.domain.planning.resolver import check_enabled, resolve
from okapi_install.domain.registry.registry import Registry
from okapi_install.service.jobs.gateway_warnings import NEEDS_GATEWAY, needs_gateway
from okapi_install.service.ports import TenantState
from okapi_install.service.registry import RegistryService


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A plan: steps, the edges between them, and the digest of the enabled modules that it expects."""

    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    edges: tuple[tuple[int, int], ...]
    assumed: str
    decisions: Decisions


class Planner:
    """Plans jobs with the current registry. Without a gateway, steps that may need one get a warning."""

    def __init__(self, registry: RegistryService, *, gateway: bool = True) -> None:
        self._registry = registry
        self._gateway = gateway

    def plan(
        self,
        kind: JobKind,
        enabled: Iterable[str],
        request: Sequence[Change] | None,
        options: InstallOptions,
        newest: int | None = None,
    ) -> Planned:
        """The plan of a job. For `newest` see RegistryService.current.

        Raises:
            UserError: no plan is possible (Unresolvable), or options contradict each other (Okapi 10411).
            NotFound: a module named by `POST …/modules` does not exist.
        """
        registry, have = self._registry.current(newest), frozenset(enabled)
        if kind is JobKind.MODULE:
            changes = _module_changes(registry, have, request or (), options)
        else:
            changes = resolve(registry, have, request, options)
        steps = tuple(self._step(pos, change, options, registry) for pos, change in enumerate(changes))
        edges = schedule.edges(changes, registry.get, have)
        return Planned(
            changes=changes,
            steps=steps,
            edges=edges,
            assumed=schedule.digest(have),
            decisions=_decisions(registry, have, changes, options),
        )

    def _step(self, pos: int, change: Change, options: InstallOptions, registry: Registry) -> Step:
        warned = not self._gateway and needs_gateway(change, options, registry)
        warnings = (NEEDS_GATEWAY,) if warned else ()
        return Step(pos=pos, change=change, stage=Stage.PENDING, warnings=warnings)


def _decisions(
    registry: Registry, enabled: frozenset[str], changes: Sequence[Change], options: InstallOptions
) -> Decisions:
    """What `invoke` means for the modules of the plan, and for those that are notified of them."""
    guards = [i for i in enabled if (summary := registry.get(i)) is not None and summary.exclusive]
    return InvokeRule.parse(options.invoke).decisions([*guards, *(change.id for change in changes)])


def expected(state: TenantState) -> frozenset[str]:
    """What the tenant will have enabled once all earlier jobs are done."""
    have = state.enabled
    for steps in state.ahead:
        have = schedule.apply(have, (step.change for step in steps if step.stage is not Stage.DONE))
    return have


class SharedPlans:
    """The plans of one request for many tenants: those that have, or will have, the same modules enabled share one."""

    def __init__(self) -> None:
        self._plans: dict[tuple[frozenset[str], int | None], Planned] = {}

    def plan(self, state: TenantState, make: Callable[[], Planned]) -> Planned:
        """The plan for a tenant in that state, which is made for the first of its kind. Raises what `make` raises."""
        key = expected(state), state.registry_seq
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = make()
        return found


def _module_changes(
    registry: Registry, enabled: frozenset[str], request: Sequence[Change], options: InstallOptions
) -> tuple[Change, ...]:
    """Okapi's older way to enable, replace or disable one module: no resolution, only a check."""
    changes = tuple(_named(registry, change) for change in request)
    if options.dep_check:
        for change in changes:
            _check(registry, enabled, change)
    return changes


def _named(registry: Registry, change: Change) -> Change:
    if change.from_id is not None:
        _known(registry, change.from_id)
    if change.action is Action.DISABLE:
        _known(registry, change.id)
        return change
    module_id = ModuleId.parse(change.id)
    ident = change.id if module_id.has_sem_ver else registry.latest(change.id) or change.id
    _known(registry, ident)
    return Change(id=ident, action=change.action, from_id=change.from_id)


def _known(registry: Registry, module_id: str) -> None:
    if registry.get(module_id) is None:
        raise NotFound(module_id)


def _check(registry: Registry, enabled: frozenset[str], change: Change) -> None:
    """Okapi: TenantManager.enableAndDisableCheck."""
    disable = change.action is Action.DISABLE
    if disable and check_enabled(registry, enabled):
        return
    have = set(enabled) - {change.id if disable else change.from_id or ""}
    if not disable and change.id in have:
        raise UserError(okapi_messages.module_already_enabled(change.id))
    errors = check_enabled(registry, have if disable else have | {change.id})
    if errors:
        raise UserError(". ".join(errors))


def parallel_checked(options: InstallOptions) -> None:
    """Raises UserError if steps are to run in parallel although dependencies are not checked (Okapi 10411)."""
    if not options.dep_check and options.parallel > 1:
        raise UserError(okapi_messages.parallel_without_checks())
