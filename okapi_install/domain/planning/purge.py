"""Whose data a request with `purge` deletes.

Source: Okapi. Each disable of the job is a purge, and so is the first enable, before the module is enabled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.versions import ModuleId

_MOST_NAMED = 3
"""More modules than this are not listed in a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Purge:
    """What is deleted.

    `modules` are the ids of all modules that lose their data, in the order of the plan. Those of them that the request
    does not name are also in `unnamed`. `needed` are the products that these need; empty if that is not the reason.
    """

    modules: tuple[str, ...]
    unnamed: tuple[str, ...]
    needed: tuple[str, ...]

    def sentence(self, tenant: str) -> str:
        """For a person who is to confirm it."""
        modules, unnamed = len(self.modules), len(self.unnamed)
        head = f"DELETES THE DATA of {modules} {'module' if modules == 1 else 'modules'} of tenant {tenant}"
        if not unnamed:
            return head
        if not self.needed:
            return f"{head}; the request does not name {unnamed} of them"
        verb = "it needs" if unnamed == 1 else "they need"
        return f"{head}; {unnamed} of them because {verb} {' or '.join(self.needed)}"


def purge_of(plan: Sequence[Change], requested: Sequence[Change]) -> Purge | None:
    """What a request with `purge` deletes by that plan; None if it deletes nothing."""
    first = next((change.id for change in plan if change.action is Action.ENABLE), None)
    modules = tuple(change.id for change in plan if change.action is Action.DISABLE or change.id == first)
    if not modules:
        return None
    named = {name for change in requested for name in (change.id, _product(change))}
    unnamed = tuple(module for module in modules if ModuleId.parse(module).product not in named)
    products = tuple(dict.fromkeys(_product(change) for change in requested))
    only_removes = first is None and all(change.action is Action.DISABLE for change in requested)
    needed = products if unnamed and only_removes and len(products) <= _MOST_NAMED else ()
    return Purge(modules=modules, unnamed=unnamed, needed=needed)


def _product(change: Change) -> str:
    return ModuleId.parse(change.id).product
