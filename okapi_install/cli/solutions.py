"""What can be done where a request is refused: the solutions that the server offers, and the choice of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from okapi_install.cli.connection import Session
from okapi_install.client.errors import NotOffered, Refused
from okapi_install.client.okapi import Module, Request
from okapi_install.domain.foreign_text import visible_document
from okapi_install.domain.modules.versions import ModuleId

Advice = Mapping[str, Any]
"""The server's explanation, with `solutions`, `conflict` and `plan`."""

SOLVING = (
    click.option(
        "--solution", "number", type=click.IntRange(min=1, max=10), metavar="N",
        help="If the request is refused, run solution N of those that the server offers.",
    ),
    click.option(
        "--keep", multiple=True, metavar="PRODUCT",
        help="Only solutions in which the tenant still has that product; can be repeated.",
    ),
    click.option(
        "--prefer", multiple=True, metavar="PRODUCT",
        help="Take that product where several can provide an interface; can be repeated.",
    ),
)  # fmt: skip

_USUAL = 3
"""How many solutions are requested if no number is given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What the command line says of solutions. `ask` tells whether a person may be asked which one."""

    number: int | None = None
    keep: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    explain: bool = False
    ask: bool = True

    @property
    def constrained(self) -> bool:
        """Whether a plan alone will not do."""
        return bool(self.number or self.keep or self.prefer)


def course_of(given: Mapping[str, Any]) -> Course:
    """From a command's parameters."""
    return Course(
        number=given["number"],
        keep=given["keep"],
        prefer=given["prefer"],
        explain=given["explain"],
        ask=not given["simulate"],
    )


Decision = tuple[Request, list[Module]]
"""What to run, and its plan."""


def decide(session: Session, request: Request, course: Course, *, thorough: bool = False) -> Decision | None:
    """The request, or the solution that is chosen in its place; None after it was said why there is none.

    With `thorough` it is looked for solutions even if there is a plan.
    """
    if course.constrained or thorough:
        return _advised(session, request, course)
    try:
        plan = session.client.plan(request)
    except Refused as refusal:
        if refusal.status != 400:
            raise
        return _after_refusal(session, request, course, refusal)
    if _removes_more(request, plan) and session.client.ours:
        _print_what_is_better(session, session.client.explain(request, solutions=1))
    return request, plan


def _after_refusal(session: Session, request: Request, course: Course, refusal: Refused) -> Decision | None:
    try:
        advice = session.client.explain(request, solutions=_USUAL)
    except NotOffered as lack:
        session.terminal.error(refusal)
        if course.explain:
            session.terminal.talk(f"{lack.message}; it says no more than this.")
        return None
    return _chosen_after_refusal(session, request, course, advice, refusal)


def _advised(session: Session, request: Request, course: Course) -> Decision | None:
    most = max(_USUAL, course.number or 0)
    advice = session.client.explain(request, solutions=most, keep=course.keep, prefer=course.prefer)
    if advice.get("message"):
        return _chosen_after_refusal(session, request, course, advice, Refused(str(advice["message"]), 400))
    solutions = advice.get("solutions") or []
    if advice.get("conflict"):
        refusal = Refused(str(advice["conflict"]["message"]), 400)
        return _chosen_after_refusal(session, request, course, advice, refusal)
    if not solutions or _same(solutions[0]["plan"], advice["plan"]):
        return request, list(advice["plan"])
    if course.number is None and not (course.keep or course.prefer):
        _print_what_is_better(session, advice)
        return request, list(advice["plan"])
    _print_solutions(session, advice, course)
    return _chosen(session, request, course, solutions)


def _chosen_after_refusal(
    session: Session, request: Request, course: Course, advice: Advice, refusal: Refused
) -> Decision | None:
    solutions = advice.get("solutions") or []
    if course.number is None or not solutions:
        print_refusal(session, refusal, advice, explain=course.explain)
        _print_solutions(session, advice, course)
    return _chosen(session, request, course, solutions)


def _chosen(session: Session, request: Request, course: Course, solutions: Sequence[Advice]) -> Decision | None:
    """The solution of that number, or the one that a person picks; None if there is none."""
    terminal, number = session.terminal, course.number
    if not solutions:
        return None
    if number is None:
        if not course.ask or not terminal.has_person:
            terminal.talk("Add --solution 1 to the command to run the first of them.")
            return None
        number = click.prompt("Which one? 0 is none", type=click.IntRange(0, len(solutions)), default=0, err=True)
    if number > len(solutions):
        terminal.error(Refused(f"there is no solution {number}; the last one is {len(solutions)}", 400))
        return None
    if number == 0:
        return None
    instead = replace(request, modules=solutions[number - 1]["request"])
    return instead, session.client.plan(instead)


def print_refusal(session: Session, refusal: Refused, advice: Advice, *, explain: bool) -> None:
    """Prints why the request was refused; with `explain` the chain of reasons as the result."""
    terminal = session.terminal
    if terminal.as_json:
        terminal.error(refusal, advice if explain else {name: advice.get(name) for name in ("solutions", "conflict")})
        return
    if not explain:
        terminal.error(refusal)
        terminal.talk("Add --explain to the command to see the chain of reasons.")
        return
    shown = visible_document(dict(advice))
    click.echo(click.style("Refused: ", fg="red") + str(shown.get("message") or refusal.message), err=True)
    for line in shown.get("explanation") or [r.get("message") for r in shown.get("reasons", [])]:
        terminal.result(str(line))


def _print_solutions(session: Session, advice: Advice, course: Course) -> None:
    """The solutions, numbered; or what of the request is in the way of any."""
    terminal = session.terminal
    shown = visible_document(dict(advice))
    say = terminal.result if course.explain and not terminal.as_json else terminal.talk
    conflict = shown.get("conflict")
    if conflict:
        say(str(conflict["message"]))
    solutions = shown.get("solutions") or []
    if solutions:
        say("Solutions:")
    for number, solution in enumerate(solutions, 1):
        say(f"{number:>3}  {solution['sentence']}" + ("" if solution.get("best", True) else _NOT_PROVEN))
    if not shown.get("solutionsComplete", True):
        say("The time was up: there may be more or better ones." if solutions else "No solution was found in time.")


_NOT_PROVEN = " (The best that was found in time.)"


def _print_what_is_better(session: Session, advice: Advice) -> None:
    for solution in visible_document(dict(advice)).get("solutions") or []:
        session.terminal.talk(f"{solution['sentence']} Add --solution 1 to the command for that.")
        return


def _removes_more(request: Request, plan: Sequence[Module]) -> bool:
    """Whether the plan disables a product that the request does not name."""
    named = {ModuleId.parse(str(m.get("id"))).product for m in request.modules or ()}
    disabled = (m for m in plan if m.get("action") == "disable")
    return any(ModuleId.parse(str(m["id"])).product not in named for m in disabled)


def _same(one: Sequence[Module], other: Sequence[Module]) -> bool:
    def changes(plan: Sequence[Module]) -> set[tuple[object, object]]:
        return {(m.get("id"), m.get("action")) for m in plan if m.get("action") != "uptodate"}

    return changes(one) == changes(other)
