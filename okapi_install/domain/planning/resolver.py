"""Turns a request into a plan: (registry, enabled modules, request, options) -> module changes.

    request ──> as requested ──> repairs, one at a time, until nothing is wrong ──> order
                     │                            │
                     └── Unresolvable             └── Unresolvable

The rules are those of Okapi 7.0.0 (DepResolution, TenantManager), plan for plan and error for error, with two
differences: repairs continue as long as they help (Okapi gives up after 100), and the order is valid where a
valid order exists. It reads only the registry, and logs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import Reason, ReasonKind, Unresolvable
from okapi_install.domain.jobs import Action, Change, InstallOptions
from okapi_install.domain.modules.java_order import sized_capacity
from okapi_install.domain.modules.versions import ModuleId, VersionFilter
from okapi_install.domain.planning.draft import Draft
from okapi_install.domain.planning.ordering import ordered, out_of_order
from okapi_install.domain.planning.repair import Repair
from okapi_install.domain.registry.index import Index
from okapi_install.domain.registry.registry import Registry


def resolve(
    registry: Registry, enabled: Collection[str], request: Sequence[Change] | None, options: InstallOptions
) -> tuple[Change, ...]:
    """The plan, in an order in which its changes can be made.

    Args:
        registry: all modules.
        enabled: ids of what the tenant has enabled.
        request: the requested changes; None for an upgrade of all enabled modules.
        options: of them `dep_check`, `reinstall`, `pre_release`, `npm_snapshot` and `simulate` are used.

    Raises:
        Unresolvable: there is no plan. The message is Okapi's; the reasons are also given as data.
        UserError: a module id cannot be read.
    """
    index = registry.index
    versions = VersionFilter(options.pre_release, options.npm_snapshot)
    known = (index.modules.get(i) for i in sorted(enabled))
    draft = Draft(m for m in known if m is not None and versions.matches(m.module_id))
    changes = list(_upgrades(index, versions, draft) if request is None else request)
    if not options.dep_check:
        return _as_given(index, versions, changes, simulate=options.simulate)
    before = draft.modules.values()
    repair = Repair(index, versions, draft)
    requested = _applied(repair, changes, reinstall=options.reinstall)
    plan = ordered(repair.run(requested), before, index.modules.get)
    misplaced = out_of_order(plan, before, index.modules.get, _named_twice(plan))
    if misplaced:
        _refuse(
            [
                Reason(
                    kind=ReasonKind.OUT_OF_ORDER,
                    message=okapi_messages.no_order(", ".join(misplaced)),
                    module=misplaced[0],
                )
            ]
        )
    return plan


def check_enabled(registry: Registry, module_ids: Collection[str]) -> tuple[str, ...]:
    """The faults of a combination of modules, as Okapi's messages (DepResolution.checkEnabled)."""
    index = registry.index
    modules = [m for i in sorted(module_ids) if (m := index.modules.get(i)) is not None]
    repair = Repair(index, VersionFilter(), Draft(modules, sized_capacity(len(modules))))
    return tuple(r.message for r in repair.faults())


def _upgrades(index: Index, versions: VersionFilter, draft: Draft) -> Iterable[Change]:
    for module in draft.modules.values():
        latest = index.latest(module.product, versions)
        if latest is not None and latest.module_id > module.module_id:
            yield Change(id=latest.id, from_id=module.id)


def _as_given(
    index: Index, versions: VersionFilter, changes: Sequence[Change], *, simulate: bool
) -> tuple[Change, ...]:
    """The request unchanged, for use without dependency checks. A product name without version is unknown (Okapi)."""
    unknown = [
        _unknown(c.id)
        for c in changes
        if (module := index.modules.get(c.id)) is None or not versions.matches(module.module_id)
    ]
    if unknown and not simulate:
        _refuse(unknown)
    return tuple(changes)


def _applied(repair: Repair, changes: Sequence[Change], *, reinstall: bool) -> list[Change]:
    """The request with exact versions, applied to the draft. Raises Unresolvable."""
    faults: list[Reason] = []
    result = []
    for change in changes:
        if change.action is Action.ENABLE:
            result.append(_enabled(repair, change, faults, reinstall=reinstall))
        elif change.action is Action.DISABLE:
            result.append(_disabled(repair, change, faults))
        else:
            result.append(change)
    if faults:
        _refuse(faults)
    return result


def _enabled(repair: Repair, change: Change, faults: list[Reason], *, reinstall: bool) -> Change:
    requested, draft = ModuleId.parse(change.id), repair.draft
    newest = None if requested.has_sem_ver else repair.index.latest(requested.product, repair.versions)
    ident = newest.id if newest else change.id
    repair.sticky.add(ident)
    module = repair.available(ident)
    if module is None:
        faults.append(_unknown(ident))
        return change
    if ident in draft.modules and not reinstall:
        return Change(id=ident, action=Action.UPTODATE, from_id=change.from_id)
    old = draft.of_product(module.product)
    if old is not None:
        if old in repair.sticky and old != ident:
            faults.append(
                Reason(kind=ReasonKind.STICKY_MODULE, message=okapi_messages.module_is_sticky(old), module=old)
            )
        draft.disable(old)
    draft.enable(module)
    return Change(id=ident, from_id=old or change.from_id)


def _disabled(repair: Repair, change: Change, faults: list[Reason]) -> Change:
    requested, draft = ModuleId.parse(change.id), repair.draft
    ident = change.id if requested.has_sem_ver else requested.latest(draft.modules)
    if ident not in draft.modules:
        faults.append(_unknown(ident))
    draft.disable(ident)
    return Change(id=ident, action=Action.DISABLE, from_id=change.from_id)


def _named_twice(changes: Collection[Change]) -> frozenset[str]:
    """The modules that are both enabled and disabled, whose final state does not show what happens in between."""
    enabled, disabled = ({c.id for c in changes if c.action is action} for action in (Action.ENABLE, Action.DISABLE))
    return frozenset(enabled & disabled)


def _unknown(module_id: str) -> Reason:
    return Reason(kind=ReasonKind.UNKNOWN_MODULE, message=okapi_messages.unknown_module(module_id), module=module_id)


def _refuse(faults: Sequence[Reason]) -> None:
    raise Unresolvable(". ".join(f.message for f in faults), faults)
