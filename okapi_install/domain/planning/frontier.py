"""The changes that may be made next: an enable once the module's requirements are enabled, a disable once no enabled
module needs the module.

A blocked change is checked again only when what it waits for has happened, so that a long plan costs little. Whether
changes are made one after another or in parallel is decided elsewhere.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.planning.enabled import EnabledModules

Lookup = Callable[[str], ModuleSummary | None]
_Awaited = tuple[str, str | int]
"""("provided", interface), ("released", interface), ("replaced", product) or ("made", position)."""


class Frontier:
    """Tracks which of the remaining changes, named by position, are possible with the modules enabled now.

    A change waits for the earlier ones that name the same module; `turns` gives the order for that, if it is not the
    order of positions. With `okapi` a change does not wait for them, and a module that an upgrade replaces still counts
    as enabled: this is how Okapi sorts a plan. Without `check` every change may be made at any time.
    """

    def __init__(
        self,
        changes: Sequence[Change],
        lookup: Lookup,
        enabled: EnabledModules,
        *,
        left: Collection[int],
        turns: Sequence[int] | None = None,
        okapi: bool = False,
        check: bool = True,
    ) -> None:
        self._changes = changes
        self._modules = [lookup(c.id) for c in changes]
        self._enabled = enabled
        self._check = check
        self._okapi = okapi
        self._lookup = lookup
        self._waiting: defaultdict[_Awaited, list[int]] = defaultdict(list)
        self._earlier = {} if okapi else _earlier(changes, sorted(left, key=turns.__getitem__ if turns else None))
        self._over: set[int] = set()
        self._left = set(left)
        self._fresh = sorted(left)

    def first(self) -> int | None:
        """The first change that may be made now; None if there is none."""
        while self._fresh:
            pos = self._fresh[0]
            if pos in self._left and self.may(pos):
                return pos
            heapq.heappop(self._fresh)
        return None

    def ready(self) -> list[int]:
        """All changes that may be made now, by position."""
        fresh = sorted({pos for pos in self._fresh if pos in self._left and self.may(pos)})
        self._fresh = fresh
        return list(fresh)

    def may(self, pos: int) -> bool:
        """Whether a change may be made now. If not, it is checked again when that may have changed."""
        awaited = self._blocked(pos)
        for event in awaited:
            self._waiting[event].append(pos)
        return not awaited

    def waits_for(self, pos: int) -> int | None:
        """An earlier unfinished change of the same module; None if there is none."""
        return next((e for e in self._earlier.get(pos, ()) if e not in self._over), None)

    def take(self, pos: int) -> None:
        """Removes a change that was started or given up from the remaining ones."""
        self._left.discard(pos)

    def made(self, pos: int) -> None:
        """Applies a finished change to the enabled modules."""
        self.take(pos)
        change, module = self._changes[pos], self._modules[pos]
        if change.action is Action.ENABLE:
            if change.from_id is not None:
                self._went(change.from_id)
            if module is not None:
                self._came(module)
        elif change.action is Action.DISABLE:
            self._went(change.id)
        self.over(pos)

    def over(self, pos: int) -> None:
        """Ends a change, whether it was made or not. Later ones of the same module no longer wait for it."""
        self.take(pos)
        self._over.add(pos)
        self._wake(("made", pos))

    def _came(self, module: ModuleSummary) -> None:
        if not self._okapi and module.id in self._enabled:
            return  # Okapi's sorting has such a module twice
        self._enabled.add(module)
        for interface in module.provides:
            self._wake(("provided", interface.id))
        for product in module.replaces:
            self._wake(("replaced", product))

    def _went(self, module_id: str) -> None:
        module = self._enabled.remove(module_id)
        if module is not None:
            for interface in module.requires:
                self._wake(("released", interface.id))

    def _wake(self, event: _Awaited) -> None:
        for pos in self._waiting.pop(event, ()):
            if pos in self._left:
                heapq.heappush(self._fresh, pos)

    def _blocked(self, pos: int) -> list[_Awaited]:
        """What must happen before the change may be made; empty if it may be made now."""
        earlier = self.waits_for(pos)
        if earlier is not None:
            return [("made", earlier)]
        action, module = self._changes[pos].action, self._modules[pos]
        if module is None or not self._check:
            return []
        if action is Action.ENABLE:
            required = self._lacking(pos, module)
            return [("provided", required.id)] if required else []
        if action is Action.DISABLE:
            needed = self._enabled.first_needed(module)
            return [("released", needed.id), ("replaced", module.product)] if needed else []
        return []

    def _lacking(self, pos: int, module: ModuleSummary) -> InterfaceRef | None:
        if self._okapi:
            return self._enabled.first_not_offered(module)
        leaving = self._changes[pos].from_id
        old = self._lookup(leaving) if leaving is not None and leaving in self._enabled else None
        return self._enabled.first_unmet(module, old)


def _earlier(changes: Sequence[Change], in_turn: Iterable[int]) -> dict[int, set[int]]:
    """For each position, the latest earlier positions that name the same modules."""
    last: dict[str, int] = {}
    result: dict[int, set[int]] = {}
    for pos in in_turn:
        change = changes[pos]
        if change.action not in (Action.ENABLE, Action.DISABLE):
            continue
        named = {change.id} if change.from_id is None else {change.id, change.from_id}
        result[pos] = {last[i] for i in named if i in last}
        last.update(dict.fromkeys(named, pos))
    return result
