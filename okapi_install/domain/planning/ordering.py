"""Sorts the changes of a plan so that they can be made one after another.

Okapi's order (DepResolution.sortTenantModules) is kept wherever it is valid. It is not valid where Okapi moves disables
that it could not place to the front, relies on a module that an upgrade removes, or finds no order at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.planning.enabled import EnabledModules, provides
from okapi_install.domain.planning.frontier import Frontier, Lookup


def ordered(changes: Sequence[Change], enabled: Iterable[ModuleSummary], lookup: Lookup) -> tuple[Change, ...]:
    """The same changes, each after those that it needs. Circular requirements are broken with the least harm."""
    before = EnabledModules(enabled)
    listed, left = _listed(changes, before.copy(), lookup)
    if not left and (_only_adds(changes) or _right(changes, listed, before.copy(), lookup)):
        return tuple(changes[pos] for pos in listed)
    order = _played(changes, left + listed, before.copy(), lookup) or _careful(changes, before, lookup)
    return tuple(changes[pos] for pos in order)


def out_of_order(
    plan: Sequence[Change], enabled: Iterable[ModuleSummary], lookup: Lookup, named: Collection[str]
) -> list[str]:
    """The given modules that the plan changes at a point where that is not allowed."""
    if not named:
        return []
    frontier = Frontier(plan, lookup, EnabledModules(enabled), left=range(len(plan)))
    found: dict[str, None] = {}
    for pos, change in enumerate(plan):
        if change.id in named and not frontier.may(pos):
            found[change.id] = None
        frontier.made(pos)
    return list(found)


def _listed(changes: Sequence[Change], enabled: EnabledModules, lookup: Lookup) -> tuple[list[int], list[int]]:
    """Okapi's algorithm: the changes in the order in which each first becomes possible, and those that never do."""
    frontier = Frontier(changes, lookup, enabled, left=range(len(changes)), okapi=True)
    listed = []
    while (pos := frontier.first()) is not None:
        frontier.made(pos)
        listed.append(pos)
    return listed, sorted(set(range(len(changes))) - set(listed))


def _only_adds(changes: Sequence[Change]) -> bool:
    """Whether no module is removed. Okapi's order is then valid: a change that is possible once stays possible."""
    return all(c.action is Action.ENABLE and c.from_id is None for c in changes)


def _right(changes: Sequence[Change], order: Sequence[int], enabled: EnabledModules, lookup: Lookup) -> bool:
    """Whether each change is possible when its turn comes."""
    frontier = Frontier(changes, lookup, enabled, left=order)
    for pos in order:
        if not frontier.may(pos):
            return False
        frontier.made(pos)
    return True


def _played(
    changes: Sequence[Change], order: Sequence[int], enabled: EnabledModules, lookup: Lookup
) -> list[int] | None:
    """The order in which a worker would make these changes. Impossible disables are made when nothing else is possible.

    None if that leaves enables that are not possible.
    """
    listed = [changes[pos] for pos in order]
    frontier = Frontier(listed, lookup, enabled, left=range(len(order)), turns=order)
    left = dict.fromkeys(range(len(order)))
    result = []
    while left:
        place = frontier.first()
        if place is None:
            place = next((p for p in left if listed[p].action is Action.DISABLE), None)
        if place is None:
            return None
        frontier.made(place)
        del left[place]
        result.append(order[place])
    return result


def _careful(changes: Sequence[Change], enabled: EnabledModules, lookup: Lookup) -> list[int]:
    """An order that removes a module that is still needed only when no other change is possible."""
    frontier = Frontier(changes, lookup, enabled, left=range(len(changes)))
    left = list(range(len(changes)))
    result = []
    while left:
        pos = _least_harm(changes, frontier.ready(), left, enabled, lookup)
        if pos is None:
            in_turn = [p for p in left if frontier.waits_for(p) is None]
            pos = _least_lack(changes, in_turn, enabled, lookup)
        frontier.made(pos)
        left.remove(pos)
        result.append(pos)
    return result


def _least_harm(
    changes: Sequence[Change], ready: Sequence[int], left: Sequence[int], enabled: EnabledModules, lookup: Lookup
) -> int | None:
    """The possible change that removes the fewest providers of what is still to enable; None if none is possible."""
    wanted = [r for p in left for r in _requirements(changes[p], lookup) if enabled.offers(r)]
    best, least = None, 0
    for pos in ready:
        harm = _harm(changes[pos], wanted, lookup)
        if not harm:
            return pos
        if best is None or harm < least:
            best, least = pos, harm
    return best


def _harm(change: Change, wanted: Sequence[InterfaceRef], lookup: Lookup) -> int:
    going = lookup(change.id if change.action is Action.DISABLE else change.from_id or "")
    if going is None or change.action not in (Action.ENABLE, Action.DISABLE):
        return 0
    gone = EnabledModules([going])
    coming = lookup(change.id) if change.action is Action.ENABLE else None
    come = EnabledModules([coming] if coming else ())
    return sum(gone.offers(r) and not come.offers(r) for r in wanted)


def _least_lack(changes: Sequence[Change], left: Sequence[int], enabled: EnabledModules, lookup: Lookup) -> int:
    """The change to make when none is possible.

    It is the first disable. Without one it is, in the cycle that the others wait for, the enable with the fewest unmet
    requirements.
    """
    disables = [p for p in left if changes[p].action is Action.DISABLE]
    if disables:
        return disables[0]
    modules = {p: m for p in left if (m := lookup(changes[p].id)) is not None}
    lacks = {p: [r for r in m.requires if not enabled.offers(r)] for p, m in modules.items()}
    awaited = {
        p: {q for q, m in modules.items() if q != p and any(provides(m, r) for r in wanted)}
        for p, wanted in lacks.items()
    }
    return min(modules, key=lambda p: (len(_reach(awaited, p)), len(lacks[p]), p))


def _reach(awaited: Mapping[int, Iterable[int]], start: int) -> set[int]:
    """The position and all that must come before it, directly or indirectly."""
    reached = {start}
    todo = [start]
    while todo:
        for pos in awaited[todo.pop()]:
            if pos not in reached:
                reached.add(pos)
                todo.append(pos)
    return reached


def _requirements(change: Change, lookup: Lookup) -> tuple[InterfaceRef, ...]:
    module = lookup(change.id) if change.action is Action.ENABLE else None
    return module.requires if module else ()
