"""Which steps of a plan can never run because others have failed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from okapi_install.domain.descriptors import ModuleSummary
from okapi_install.domain.enabled import EnabledModules, provides
from okapi_install.domain.frontier import Lookup
from okapi_install.domain.jobs import Action, Change


def lost(
    changes: Sequence[Change],
    lookup: Lookup,
    enabled: EnabledModules,
    failed: Collection[int],
    left: Collection[int],
    running: Collection[int],
) -> list[int]:
    """Of the positions left those that need what a failed step, or another lost one, should have done.

    An enable is lost if nothing that is enabled or still to come provides what it requires, and a failed step
    would have. A disable is lost if a module that a failed step should have taken away still requires it.
    """
    gone = set(failed)
    hopeful = set(left)
    while True:
        found = [p for p in sorted(hopeful) if _is_lost(changes, lookup, enabled, gone, hopeful | set(running), p)]
        if not found:
            return sorted(gone - set(failed))
        gone.update(found)
        hopeful.difference_update(found)


def _is_lost(
    changes: Sequence[Change],
    lookup: Lookup,
    enabled: EnabledModules,
    gone: Collection[int],
    to_come: Collection[int],
    pos: int,
) -> bool:
    change = changes[pos]
    module = lookup(change.id)
    if module is None:
        return False
    if change.action is Action.ENABLE:
        missing = [r for r in module.requires if not enabled.offers(r) and not provides(module, r)]
        hoped = list(_modules(changes, lookup, set(to_come) - {pos})) if missing else []
        wanted = [r for r in missing if not any(provides(m, r) for m in hoped)]
        return any(provides(m, r) for r in wanted for m in _modules(changes, lookup, gone))
    if change.action is Action.DISABLE:
        rest = _without(enabled, _leaving(changes, to_come))
        return (
            rest.first_needed(module) is not None
            and _without(rest, _leaving(changes, gone)).first_needed(module) is None
        )
    return False


def _modules(changes: Sequence[Change], lookup: Lookup, positions: Iterable[int]) -> Iterator[ModuleSummary]:
    for pos in positions:
        module = lookup(changes[pos].id) if changes[pos].action is Action.ENABLE else None
        if module is not None:
            yield module


def _leaving(changes: Sequence[Change], positions: Iterable[int]) -> Iterator[str]:
    for pos in positions:
        change = changes[pos]
        if change.action is Action.DISABLE:
            yield change.id
        elif change.action is Action.ENABLE and change.from_id is not None:
            yield change.from_id


def _without(enabled: EnabledModules, module_ids: Iterable[str]) -> EnabledModules:
    result = enabled.copy()
    for module_id in module_ids:
        result.remove(module_id)
    return result
