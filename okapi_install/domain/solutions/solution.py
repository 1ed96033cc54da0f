"""A solution: a request that can be posted in the place of one that is refused, and what its plan would do.

It is made of the modules that a solver found, by the same resolver that plans every request. So what a solution says
is what its plan does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from okapi_install.domain.errors import Unresolvable
from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.modules.internal_module import OKAPI_PRODUCT
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.planning import schedule as plan
from okapi_install.domain.planning.resolver import resolve
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.solutions import words
from okapi_install.domain.solutions.candidates import Candidates, age, gateway
from okapi_install.domain.solutions.facts import contested
from okapi_install.domain.solutions.wish import Target, Wish


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """An interface that several products can provide, and the product that the solution takes."""

    interface: str
    candidates: tuple[str, ...]
    chosen: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Solution:
    """What to post instead, and what that does beyond what was asked for, as module ids.

    `changed` are modules in another version than now; of an upgrade they are those that do not get their newest
    version. `best` tells that nothing better exists; else the time was up before that was known.
    """

    request: tuple[Change, ...]
    plan: tuple[Change, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    added: tuple[str, ...]
    choices: tuple[Choice, ...]
    sentence: str
    best: bool = True


class SolutionMaker:
    """Makes solutions of one wish."""

    def __init__(self, registry: Registry, wish: Wish, target: Target, found: Candidates) -> None:
        self._registry = registry
        self._wish = wish
        self._target = target
        self._contested = contested(found)

    def solution(self, module_ids: Collection[str], choices: Iterable[tuple[str, str]], *, best: bool) -> Solution:
        """The solution in which the tenant ends with these modules, and the gateway.

        Raises:
            Unresolvable: the resolver makes another plan of it.
        """
        final = {m.product: m for i in module_ids if (m := self._registry.get(i)) is not None}
        request = (*self._disabled(final), *self._enabled(final), *self._gateway(final))
        planned = resolve(self._registry, self._wish.enabled, request, self._wish.options)
        self._check(planned, request)
        removed, changed, added = self._removed(final), self._changed(final), self._added(final, request)
        made = tuple(self._choices(choices, added))
        return Solution(
            request=request,
            plan=planned,
            removed=removed,
            changed=changed,
            added=added,
            choices=made,
            sentence=words.solution(
                removed=removed,
                changed=changed,
                added=added,
                choices=[(c.interface, c.chosen, c.candidates) for c in made],
                upgrade=self._target.upgrade,
            ),
            best=best,
        )

    def _disabled(self, final: Mapping[str, ModuleSummary]) -> Iterator[Change]:
        for product, module in self._target.had.items():
            if product not in final:
                yield Change(id=module.id, action=Action.DISABLE)

    def _enabled(self, final: Mapping[str, ModuleSummary]) -> Iterator[Change]:
        for product in sorted(final):
            module, now = final[product], self._target.had.get(product)
            if now != module or product in self._target.asked:
                yield Change(id=module.id)

    def _gateway(self, final: Mapping[str, ModuleSummary]) -> Iterator[Change]:
        """The gateway's own module, where it is required and the tenant has none: it is named, so that it is chosen."""
        if any(ModuleId.parse(i).product == OKAPI_PRODUCT for i in self._wish.enabled):
            return
        own = {i.id for i in gateway(self._registry.index)}
        if any(r.id in own for m in final.values() for r in m.requires):
            yield Change(id=self._registry.of_product(OKAPI_PRODUCT)[-1].id)

    def _check(self, planned: Sequence[Change], request: Sequence[Change]) -> None:
        """The plan must do what was requested and nothing else."""
        if plan.apply(self._wish.enabled, planned) != self._after(request):
            raise Unresolvable("the resolver makes another plan of the solution")

    def _after(self, request: Sequence[Change]) -> frozenset[str]:
        named = {c.id for c in request if c.action is Action.ENABLE}
        gone = {c.id for c in request if c.action is Action.DISABLE}
        replaced = {m.id for i in named if (m := self._target.had.get(ModuleId.parse(i).product)) is not None}
        return frozenset((self._wish.enabled - gone - replaced) | named)

    def _removed(self, final: Mapping[str, ModuleSummary]) -> tuple[str, ...]:
        excused = self._target.asked | {product for m in final.values() for product in m.replaces}
        return tuple(m.id for p, m in self._target.had.items() if p not in final and p not in excused)

    def _changed(self, final: Mapping[str, ModuleSummary]) -> tuple[str, ...]:
        stays = sorted(final.keys() & self._target.had.keys())
        if not self._target.upgrade:
            others = (p for p in stays if p not in self._target.asked)
            return tuple(final[p].id for p in others if final[p] != self._target.had[p])
        return tuple(final[p].id for p in stays if final[p] != self._newest(p))

    def _newest(self, product: str) -> ModuleSummary:
        visible = self._target.visible(self._registry.of_product(product))
        return max([*visible, self._target.had[product]], key=age)

    def _added(self, final: Mapping[str, ModuleSummary], request: Sequence[Change]) -> tuple[str, ...]:
        known = self._target.had.keys() | self._target.asked
        new = [m.id for p, m in sorted(final.items()) if p not in known]
        named = [c.id for c in request if ModuleId.parse(c.id).product == OKAPI_PRODUCT]
        return (*new, *(i for i in named if OKAPI_PRODUCT not in known))

    def _choices(self, made: Iterable[tuple[str, str]], added: Sequence[str]) -> Iterator[Choice]:
        for interface, product in sorted(made):
            yield Choice(interface=interface, candidates=self._contested[interface], chosen=product)
        for module_id in added:
            if ModuleId.parse(module_id).product == OKAPI_PRODUCT:
                yield from self._gateway_choices()

    def _gateway_choices(self) -> Iterator[Choice]:
        for interface in gateway(self._registry.index):
            others = {e.module.product for e in self._registry.providers(interface.id) if e.interface.regular}
            if len(others) > 1:
                yield Choice(interface=interface.id, candidates=tuple(sorted(others)), chosen=OKAPI_PRODUCT)


def removed_by(registry: Registry, wish: Wish, changes: Sequence[Change]) -> tuple[str, ...]:
    """What a plan takes from the tenant beyond the request: ids of modules whose product is then gone."""
    target = Target.of(registry.index, wish)
    after = [m for i in plan.apply(wish.enabled, changes) if (m := registry.get(i)) is not None]
    excused = {m.product for m in after} | {product for m in after for product in m.replaces} | target.asked
    return tuple(m.id for product, m in target.had.items() if product not in excused)
