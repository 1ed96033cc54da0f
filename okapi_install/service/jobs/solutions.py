"""Solutions for a request that is refused, or whose plan removes more modules than necessary."""

from __future__ import annotations

from dataclasses import dataclass, replace

from okapi_install.domain.errors import Unresolvable
from okapi_install.domain.jobs import JobKind
from okapi_install.domain.solutions import words
from okapi_install.domain.solutions.search import Findings
from okapi_install.domain.solutions.solution import Solution, removed_by
from okapi_install.domain.solutions.wish import Wish
from okapi_install.service.jobs.installs import Explanation, InstallService, Order
from okapi_install.service.jobs.planning import expected
from okapi_install.service.ports import JobStore, SolutionFinder
from okapi_install.service.registry import RegistryService


@dataclass(frozen=True, kw_only=True, slots=True)
class Constraints:
    """The most solutions to look for (0: none), and what they must respect; see Wish."""

    most: int = 3
    keep: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """The explanation of an order, and solutions for it."""

    explanation: Explanation
    findings: Findings


class SolutionService:
    """Explains orders, with solutions. For the API, the command and the page."""

    def __init__(
        self, installs: InstallService, store: JobStore, registry: RegistryService, finder: SolutionFinder
    ) -> None:
        self._installs = installs
        self._store = store
        self._registry = registry
        self._finder = finder

    def advise(self, order: Order, constraints: Constraints) -> Advice:
        """What the order would do, or why it is refused, with solutions.

        If it has a plan, solutions are those that keep modules which the plan removes and, with `keep` or `prefer`,
        those that respect them. The plan itself does not change.

        Raises:
            NotFound: the tenant does not exist.
            UserError: an id of the constraints cannot be read.
        """
        explanation = self._installs.explain(order)
        wanted = constraints.most > 0 and order.options.dep_check and order.kind is not JobKind.MODULE
        refused = isinstance(explanation.refusal, Unresolvable)
        if not wanted or (explanation.refusal is not None and not refused):
            return Advice(explanation=explanation, findings=Findings())
        wish = self._wish(order, constraints)
        registry = self._registry.current()
        if refused:
            return Advice(explanation=explanation, findings=self._finder.find(registry, wish, constraints.most))
        lost = removed_by(registry, wish, explanation.changes)
        if not lost and not wish.keep and not wish.prefer:
            return Advice(explanation=explanation, findings=Findings())
        found = self._finder.find(registry, wish, constraints.most)
        better = tuple(_compared(s, lost) for s in found.solutions if _is_better(s, lost, wish))
        return Advice(explanation=explanation, findings=replace(found, solutions=better))

    def _wish(self, order: Order, constraints: Constraints) -> Wish:
        return Wish(
            enabled=expected(self._store.tenant_state(order.tenant)),
            request=order.request,
            options=order.options,
            keep=constraints.keep,
            prefer=constraints.prefer,
        )


def _is_better(solution: Solution, lost: tuple[str, ...], wish: Wish) -> bool:
    return bool(wish.keep or wish.prefer) or len(solution.removed) < len(lost)


def _compared(solution: Solution, lost: tuple[str, ...]) -> Solution:
    """The solution with a line about the removals that it avoids."""
    kept = [module for module in lost if module not in solution.removed]
    return replace(solution, sentence=f"{words.kept(kept)} {solution.sentence}") if kept else solution
