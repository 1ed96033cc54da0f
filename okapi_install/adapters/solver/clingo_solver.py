"""Finds models with clingo in this process. The caller waits; clingo releases the interpreter's lock meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from typing import Any

import clingo

from okapi_install.domain.solutions.facts import Fact, Term
from okapi_install.domain.solutions.search import Goal, Model, OutOfTime

_RULES = "okapi_install.domain.solutions", "folio.lp"
_COSTS = ("slighted", "behind", "removed", "changed", "added", "older")
_OPTIONS = ("--opt-strategy=usc", "--warn=none")
"""Unsatisfiable cores prove the optimum for real registries in hundredths of a second; branch and bound in seconds."""
_SHARE_OF_PROOF = 0.6
_NOTHING_YET: Sequence[clingo.Symbol] = ()


class ClingoSolver:
    """The solver for one request. It works for at most `seconds` in all, plus the time for reading the rules."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._cached: tuple[Sequence[Fact], str] = (), ""

    def search(self, facts: Sequence[Fact], goal: Goal) -> ClingoSearch:
        """A search for models of the facts, with that goal."""
        control = _control(self._program(facts), [(goal.value, []), ("versions", [])])
        return ClingoSearch(control, self._deadline)

    def conflict(self, facts: Sequence[Fact]) -> frozenset[Term]:
        """The smallest set of requested changes that is not possible together; empty if all are possible.

        It is a smallest hitting set of all sets that make the rest impossible, which are found one by one.
        """
        control = _control(self._program(facts), [("conflict", [])])
        in_the_way: list[frozenset[clingo.Symbol]] = []
        while True:
            asks = _hitting_set(in_the_way, self._deadline)
            left_out = self._left_out(control, asks)
            if left_out is None:
                return frozenset(_ask(symbol) for symbol in asks)
            if not left_out:
                return frozenset()
            in_the_way.append(left_out)

    def _program(self, facts: Sequence[Fact]) -> str:
        """The facts in clingo's language. Cached for a second search with the same facts."""
        if self._cached[0] is not facts:
            self._cached = facts, "\n".join(_texts(facts))
        return self._cached[1]

    def _left_out(self, control: clingo.Control, asks: Iterable[clingo.Symbol]) -> frozenset[clingo.Symbol] | None:
        """The requested changes that must be left out so that `asks` are possible; None if they never are."""
        found = _solve(control, [(_wanted(a), True) for a in asks], self._deadline)
        if found is None:
            return None
        everything = {s.symbol.arguments[0] for s in control.symbolic_atoms.by_signature("ask", 1)}
        return frozenset(everything - {s.arguments[0] for s in found.atoms if s.match("wanted", 1)})


class ClingoSearch:
    """A search for the best models; implements Search."""

    def __init__(self, control: clingo.Control, deadline: float) -> None:
        self._control = control
        self._deadline = deadline
        self._asked = [(_wanted(s.symbol.arguments[0]), True) for s in control.symbolic_atoms.by_signature("ask", 1)]
        self._excluded = 0

    def best(self) -> Model | None:
        """The best model, with the newest versions that it allows."""
        found = self._least()
        return None if found is None else _model(self._renewed(found))

    def _least(self) -> _Found | None:
        """The model with the lowest costs.

        Unsatisfiable cores raise a lower bound until there is a model. If that takes long, branch and bound uses the
        rest of the time: it goes from model to better model.
        """
        now = time.monotonic()
        proof = _least_of(self._control, self._asked, now + _SHARE_OF_PROOF * (self._deadline - now), "usc", "Vsids")
        if proof is None or proof.proven:
            return proof
        better = _least_of(self._control, self._asked, self._deadline, "bb", "Domain")
        found = [f for f in (proof, better) if f is not None and f.atoms]
        if not found:
            raise OutOfTime
        return min(found, key=lambda f: (f.costs, not f.proven))

    def _renewed(self, found: _Found) -> _Found:
        """A model that costs no more, with the newest versions."""
        true = set(found.atoms)
        costs = [s.symbol for name in _COSTS for s in self._control.symbolic_atoms.by_signature(name, 1)]
        orderly = [(symbol, True) for symbol in found.atoms if symbol.match("orderly", 0)]
        _configure(self._control, "ignore", "usc", "Domain")
        try:
            least = [(symbol, False) for symbol in costs if symbol not in true]
            newer = _solve(self._control, [*self._asked, *orderly, *least], self._deadline)
        except OutOfTime:
            newer = None
        atoms = found.atoms if newer is None else newer.atoms
        return _Found(atoms, found.costs, proven=found.proven and newer is not None)

    def exclude(self, model: Model) -> None:
        """Excludes a model from further results."""
        self._excluded += 1
        part, number = f"made{self._excluded}", clingo.Number(self._excluded)
        made = (("made", (self._excluded, i, p)) for i, p in model.choices)
        self._control.add(part, [], "\n".join(_texts(made)))
        self._control.ground([(part, []), ("alternative", [number, clingo.Number(model.removed)])])


class _Found:
    """A model's atoms and costs, and whether it is known to be optimal."""

    def __init__(self, atoms: Sequence[clingo.Symbol], costs: Sequence[int], *, proven: bool) -> None:
        self.atoms = atoms
        self.costs = tuple(costs)
        self.proven = proven


def _control(facts: str, parts: list[tuple[str, list[clingo.Symbol]]]) -> clingo.Control:
    control = clingo.Control(_OPTIONS)
    control.add(files(_RULES[0]).joinpath(_RULES[1]).read_text(encoding="utf-8"))
    control.add(facts)
    control.ground([("base", []), *parts])
    return control


def _texts(facts: Iterable[Fact]) -> Iterator[str]:
    return (f"{name}({','.join(map(_text, terms))})." for name, terms in facts)


def _text(term: Term) -> str:
    if isinstance(term, int):
        return str(term)
    if isinstance(term, tuple):
        return f"{term[0]}({','.join(map(_text, term[1:]))})"
    escaped = term.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _ask(symbol: clingo.Symbol) -> tuple[str, ...]:
    return symbol.name, *(argument.string for argument in symbol.arguments)


def _wanted(ask: clingo.Symbol) -> clingo.Symbol:
    return clingo.Function("wanted", [ask])


def _configure(control: clingo.Control, mode: str, strategy: str, heuristic: str) -> None:
    """Sets the mode: find the lowest costs (`opt`), or the first model by the heuristics (`ignore`)."""
    configuration: Any = control.configuration
    configuration.solve.opt_mode = mode
    configuration.solver.opt_strategy = strategy
    configuration.solver.heuristic = heuristic


def _least_of(
    control: clingo.Control,
    assumed: Sequence[tuple[clingo.Symbol, bool]],
    deadline: float,
    strategy: str,
    heuristic: str,
) -> _Found | None:
    """The result of _solve; a model without atoms if time ran out before the first one."""
    _configure(control, "opt", strategy, heuristic)
    try:
        return _solve(control, assumed, deadline)
    except OutOfTime:
        return _Found(_NOTHING_YET, (), proven=False)


def _solve(control: clingo.Control, assumed: Sequence[tuple[clingo.Symbol, bool]], deadline: float) -> _Found | None:
    """The last and best model; None if there is none. Raises OutOfTime."""
    last: _Found | None = None
    if time.monotonic() >= deadline:
        raise OutOfTime

    def keep(model: clingo.Model) -> None:
        nonlocal last
        last = _Found(model.symbols(shown=True), model.cost, proven=True)

    with control.solve(assumptions=assumed, on_model=keep, async_=True) as handle:
        in_time = handle.wait(max(0.0, deadline - time.monotonic()))
        if not in_time:
            handle.cancel()
    if not in_time and last is None:
        raise OutOfTime
    return last if in_time or last is None else _Found(last.atoms, last.costs, proven=False)


def _model(found: _Found) -> Model:
    chosen = [s.arguments for s in found.atoms if s.match("chosen", 2)]
    return Model(
        modules=frozenset(s.arguments[0].string for s in found.atoms if s.match("in", 1)),
        choices=tuple(sorted((interface.string, product.string) for interface, product in chosen)),
        removed=sum(s.match("removed", 1) for s in found.atoms),
        costs=found.costs,
        proven=found.proven,
    )


def _hitting_set(sets: Sequence[frozenset[clingo.Symbol]], deadline: float) -> frozenset[clingo.Symbol]:
    """The smallest set that intersects each of the sets."""
    control = clingo.Control(_OPTIONS)
    control.add("{ hit(A) : in(A, _) }. :- set(S), not hit(A) : in(A, S). #minimize { 1, A : hit(A) }.")
    for number, members in enumerate(sets):
        control.add(f"set({number}). " + " ".join(f"in({member}, {number})." for member in sorted(members)))
    control.ground()
    found = _solve(control, [], deadline)
    return frozenset(s.arguments[0] for s in found.atoms if s.match("hit", 1)) if found else frozenset()
