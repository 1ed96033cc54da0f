"""Why there is no solution: the smallest part of a request that cannot be, and what stands in its way.

The part is found by the solver. The reasons are looked for here, one step deep: they are a help, and no proof.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.interface_versions import compatible
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.registry.index import Index
from okapi_install.domain.solutions import words
from okapi_install.domain.solutions.candidates import age, gateway
from okapi_install.domain.solutions.facts import Term
from okapi_install.domain.solutions.wish import Target

_MOST_REASONS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """Something that the request wants: a module id or a product, and `enable`, `disable` or `keep`."""

    id: str
    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """Demands that cannot be met together, and any of which the others can do without."""

    demands: tuple[Demand, ...]
    sentence: str


def conflict_of(index: Index, target: Target, asks: Collection[Term], needs: Collection[Term]) -> Conflict:
    """The conflict of what is asked for, as a solver found it, and the needs that cannot be met together."""
    demands = tuple(sorted((_demand(target, ask) for ask in asks), key=lambda d: (d.action, d.id)))
    modules = _demanded(index, target, demands)
    unmet = {need for need in needs if isinstance(need, tuple)}
    reasons = dict.fromkeys(_reasons(index, target, demands, modules, unmet))
    sentence = words.conflict([f"{d.action} {d.id}" for d in demands], list(reasons)[:_MOST_REASONS])
    return Conflict(demands=demands, sentence=sentence)


def needs_of(index: Index, target: Target, asks: Collection[Term]) -> frozenset[tuple[str, ...]]:
    """What is asked for, with what the modules of it need in their place."""
    modules = _demanded(index, target, [_demand(target, ask) for ask in asks])
    needs = {("need", i.id, i.version) for m in modules for i in m.requires}
    suits = {("suit", i.id, i.version) for m in modules for i in m.optional}
    return frozenset(needs | suits | {ask for ask in asks if isinstance(ask, tuple) and ask[0] == "without"})


def _demanded(index: Index, target: Target, demands: Iterable[Demand]) -> list[ModuleSummary]:
    named = (_module(index, target, d.id) for d in demands if d.action != "disable")
    return [module for module in named if module is not None]


def _demand(target: Target, ask: Term) -> Demand:
    kind, ident = (ask[0], ask[1]) if isinstance(ask, tuple) else ("module", str(ask))
    if kind == "without":
        return Demand(id=ident, action="disable")
    return Demand(id=ident, action="enable" if ModuleId.parse(ident).product in target.asked else "keep")


def _module(index: Index, target: Target, ident: str) -> ModuleSummary | None:
    """The module of that id, or the newest one of that product."""
    of_product = target.visible(index.products.get(ModuleId.parse(ident).product, ()))
    named = [m for m in of_product if ident in (m.id, m.product)]
    return max(named, key=age, default=None)


def _reasons(
    index: Index,
    target: Target,
    demands: Iterable[Demand],
    modules: Sequence[ModuleSummary],
    unmet: Collection[tuple[str, ...]],
) -> Iterator[str]:
    for demand in demands:
        if demand.action != "disable" and _module(index, target, demand.id) is None:
            yield words.not_registered(demand.id)
    for one, other in combinations(modules, 2):
        yield from _between(one, other)
    own = {i.id for i in gateway(index)}
    for module in modules:
        yield from (words.is_provided_by_gateway(module.id, i.id) for i in module.provides if i.id in own)
    yield from _unmet(index, target, modules, unmet)


def _unmet(
    index: Index, target: Target, modules: Sequence[ModuleSummary], unmet: Collection[tuple[str, ...]]
) -> Iterator[str]:
    """What is required and cannot be had, each for itself or all together."""
    needs = [(m.id, r) for m in modules for r in m.requires if ("need", r.id, r.version) in unmet]
    suits = [(m.id, r) for m in modules for r in m.optional if ("suit", r.id, r.version) in unmet]
    lacking = [(user, r) for user, r in needs if not _providers(index, target, r)]
    if lacking:
        yield from (words.lacks(user, r.id, r.version) for user, r in lacking)
    elif len(unmet) == 1:
        yield from (words.lacks_in_the_end(user, r.id, r.version, _providers(index, target, r)) for user, r in needs)
    elif needs or suits:
        required = [words.requires(user, r.id, r.version) for user, r in needs]
        yield words.not_together(required + [words.bears(user, r.id, r.version) for user, r in suits])


def _providers(index: Index, target: Target, required: InterfaceRef) -> list[str]:
    """The newest module of each product that meets a requirement."""
    newest = index.providers_for(required, target.versions)
    return [m.id for m in newest]


def _between(one: ModuleSummary, other: ModuleSummary) -> Iterator[str]:
    if one.product == other.product:
        yield words.two_versions(one.id, other.id)
        return
    provided = {i.id: i.version for i in other.provides if i.regular}
    for interface in one.provides:
        if interface.regular and interface.id in provided:
            yield words.both_provide(one.id, other.id, interface.id)
    yield from _unsuited(one, other)
    yield from _unsuited(other, one)


def _unsuited(user: ModuleSummary, provider: ModuleSummary) -> Iterator[str]:
    provided = {i.id: i.version for i in provider.provides if i.regular}
    for need in user.requires + user.optional:
        offered = provided.get(need.id)
        if offered is not None and not compatible(offered, need.version):
            yield words.does_not_suit(user.id, provider.id, need.id, need.version, offered)
