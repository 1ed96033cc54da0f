"""Why a request is refused, told so that a person can do something about it.

Each reason becomes a short chain: what was asked for, what that needs, why it cannot be, what would make it
possible. The facts come from the reasons and the registry; nothing is decided here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import pairwise

from okapi_install.domain.errors import Reason, ReasonKind, Unresolvable
from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.index import Index
from okapi_install.domain.modules.interface_versions import compatible
from okapi_install.domain.modules.registry import Registry
from okapi_install.domain.modules.versions import ModuleId, VersionFilter
from okapi_install.domain.planning.enabled import provides

_MOST_STEPS = 5000
_ALL = VersionFilter()


def explain(
    error: Unresolvable, registry: Registry, request: Sequence[Change] | None, enabled: Collection[str]
) -> tuple[str, ...]:
    """The lines of the explanation; a line that begins with two spaces belongs to the one above.

    `request` and `enabled` are what the refused plan was asked for with; None is an upgrade.
    """
    index = registry.index
    asked = _asked(index, request, enabled)
    lines: list[str] = []
    for reason in error.reasons:
        lines.append(f"{reason.message}.")
        lines += [f"  {line}" for line in _chain(index, asked, request is None, reason)]
        lines += [f"  {line}" for line in _why(reason)]
        lines += [f"  Possible: {line}." for line in dict.fromkeys(_ways_out(index, reason))]
    return tuple(lines) if lines else (error.message,)


def _asked(index: Index, request: Sequence[Change] | None, enabled: Collection[str]) -> list[ModuleSummary]:
    """The modules that were asked for, in their versions; for an upgrade the newest of all that is enabled."""
    ids = [c.id for c in request if c.action is Action.ENABLE] if request is not None else []
    if request is None:
        ids = sorted({ModuleId.parse(i).product for i in enabled})
    found = (index.modules.get(i) or index.latest(i, _ALL) for i in ids)
    return [m for m in found if m is not None]


def _chain(index: Index, asked: Sequence[ModuleSummary], upgrade: bool, reason: Reason) -> Iterator[str]:
    target = reason.required_by or reason.module
    if target is None or target not in index.modules:
        return
    path = _path(index, asked, target)
    if path is None:
        yield f"{target} is enabled already, or comes with an upgrade of what is."
        return
    yield f"{path[0].id} was asked for." if not upgrade else f"{path[0].id} is the newest version, and an upgrade."
    for user, provider in pairwise(path):
        interface = next(r for r in user.requires if provides(provider, r))
        yield f"{user.id} requires {interface.id} {interface.version}, which {provider.id} provides."


def _path(index: Index, asked: Sequence[ModuleSummary], target: str) -> list[ModuleSummary] | None:
    """The shortest way from something asked for to the target, from what requires to what provides."""
    paths = deque([m] for m in asked)
    seen = {m.id for m in asked}
    while paths and len(seen) < _MOST_STEPS:
        path = paths.popleft()
        if path[-1].id == target:
            return path
        for module in _providers(index, path[-1].requires):
            if module.id not in seen:
                seen.add(module.id)
                paths.append([*path, module])
    return None


def _providers(index: Index, required: Iterable[InterfaceRef]) -> Iterator[ModuleSummary]:
    for interface in required:
        yield from index.providers_for(interface, _ALL)


def _why(reason: Reason) -> Iterator[str]:
    need = f"{reason.required_by} requires {reason.interface} {reason.needed}"
    known = ", ".join(f"{p.version} of {p.module}" for p in reason.providers)
    if reason.kind is ReasonKind.MISSING_INTERFACE:
        yield f"{need}, and no module provides that" + (f"; there is {known}." if known else " in any version.")
    elif reason.kind is ReasonKind.INCOMPATIBLE_INTERFACE:
        yield f"{need}, but the plan has {known}, which was asked for or is needed by something else."
    elif reason.kind is ReasonKind.AMBIGUOUS_PROVIDER:
        yield f"{need}, and more than one product has it: {known}."
    elif reason.kind is ReasonKind.PROVIDED_TWICE:
        yield f"{reason.interface} may be provided by one enabled module only, and here it is {known}."


def _ways_out(index: Index, reason: Reason) -> Iterator[str]:
    if reason.kind is ReasonKind.UNKNOWN_MODULE and reason.module:
        yield from _other_modules(index, ModuleId.parse(reason.module).product)
    elif reason.kind is ReasonKind.STICKY_MODULE:
        yield f"ask for one version only instead of {reason.module} and another one"
    elif reason.kind is ReasonKind.AMBIGUOUS_PROVIDER:
        yield "name one of these in the request as well: " + ", ".join(p.module for p in reason.providers)
    elif reason.kind is ReasonKind.PROVIDED_TWICE:
        yield "ask for one of these only, or ask to disable the others: " + ", ".join(
            p.module for p in reason.providers
        )
    elif reason.interface and reason.needed:
        yield from _other_providers(index, reason)
        yield from _other_requirers(index, reason)


def _other_modules(index: Index, product: str) -> Iterator[str]:
    known = index.products.get(product)
    if known:
        yield f"ask for a version that there is; the newest are {', '.join(m.id for m in known[:-4:-1])}"
        return
    similar = get_close_matches(product, index.products, n=3)
    if similar:
        yield f"ask for a product that there is, such as {', '.join(similar)}"
    yield f"import the descriptor of {product} first"


def _other_providers(index: Index, reason: Reason) -> Iterator[str]:
    """Modules that provide what is needed, and are not among those that stand in the way."""
    needed = InterfaceRef(reason.interface or "", reason.needed or "")
    fitting = index.providers_for(needed, _ALL)
    for module in fitting:
        yield f"ask for {module.id}, which provides {needed.id} in a version that suits {needed.version}"
    if not fitting:
        yield f"import a module that provides {needed.id} {needed.version}"


def _other_requirers(index: Index, reason: Reason) -> Iterator[str]:
    """The newest version of the requiring product that works with what there is."""
    requirer = index.modules.get(reason.required_by or "")
    if requirer is None:
        return
    for module in reversed(index.products[requirer.product]):
        if module.id != requirer.id and _works(module, reason):
            yield f"ask for {module.id} instead of {requirer.id}; {_how(module, reason)}"
            return


def _works(module: ModuleSummary, reason: Reason) -> bool:
    wanted = [r for r in module.requires + module.optional if r.id == reason.interface]
    return all(any(compatible(p.version, r.version) for p in reason.providers) for r in wanted)


def _how(module: ModuleSummary, reason: Reason) -> str:
    wanted = next((r for r in module.requires + module.optional if r.id == reason.interface), None)
    if wanted is None:
        return f"it does not need {reason.interface}"
    return f"it requires {wanted.id} {wanted.version}, which is there"
