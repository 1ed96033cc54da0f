"""The solver in the process of the test."""

from __future__ import annotations

from okapi_install.adapters.solver.clingo_solver import ClingoSolver
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.solutions.search import Findings, find
from okapi_install.domain.solutions.wish import Wish


class InlineSolver:
    """Finds solutions at once."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.seconds = seconds
        self.wishes: list[Wish] = []

    def find(self, registry: Registry, wish: Wish, most: int) -> Findings:
        self.wishes.append(wish)
        return find(registry, wish, ClingoSolver(self.seconds), most)
