"""Explains to a person why a request is refused, and what would help.

Each reason becomes a short chain: what was requested, what that requires, why it is not possible, and what would make
it possible. The facts come from the reasons and the registry; nothing is decided here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import pairwise

from okapi_install.domain.errors import Reason, ReasonKind, Unresolvable
from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.interface_versions import compatible
from okapi_install.domain.modules.versions import ModuleId, VersionFilter
from okapi_install.domain.planning.enabled import provides
from okapi_install.domain.registry.index import Index
from okapi_install.domain.registry.registry import Registry

_MOST_STEPS = 5000
_ALL = VersionFilter()


def explain(
    error: Unresolvable, registry: Registry, request: Sequence[Change] | None, enabled: Collection[str]
) -> tuple[str, ...]:
    """The lines of the explanation. A line that starts with two spaces belongs to the one above.

    `request` (None for an upgrade) and `enabled` are those of the refused plan.
    """
    index = registry.index
    requested = _requested(index, request, enabled)
    lines: list[str] = []
    for reason in error.reasons:
        lines.append(f"{reason.message}.")
        lines += [f"  {line}" for line in _chain(index, requested, request is None, reason)]
        lines += [f"  {line}" for line in _why(reason)]
        lines += [f"  Possible: {line}." for line in dict.fromkeys(_ways_out(index, reason))]
    return tuple(lines) if lines else (error.message,)


def _requested(index: Index, request: Sequence[Change] | None, enabled: Collection[str]) -> list[ModuleSummary]:
    """The requested modules with their versions; for an upgrade the newest versions of all enabled products."""
    ids = [c.id for c in request if c.action is Action.ENABLE] if request is not None else []
    if request is None:
        ids = sorted({ModuleId.parse(i).product for i in enabled})
    found = (index.modules.get(i) or index.latest(i, _ALL) for i in ids)
    return [m for m in found if m is not None]


def _chain(index: Index, requested: Sequence[ModuleSummary], upgrade: bool, reason: Reason) -> Iterator[str]:
    target = reason.required_by or reason.module
    if target is None or target not in index.modules:
        return
    path = _path(index, requested, target)
    if path is None:
        yield f"{target} is already enabled, or comes with the upgrade of an enabled module."
        return
    yield f"{path[0].id} was requested." if not upgrade else f"{path[0].id} is the newest version, for the upgrade."
    for user, provider in pairwise(path):
        interface = next(r for r in user.requires if provides(provider, r))
        yield f"{user.id} requires {interface.id} {interface.version}, which {provider.id} provides."


def _path(index: Index, requested: Sequence[ModuleSummary], target: str) -> list[ModuleSummary] | None:
    """The shortest path from a requested module to the target, each step from a module to a provider that it needs."""
    paths = deque([m] for m in requested)
    seen = {m.id for m in requested}
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
        yield f"{need}, but the plan has {known}, which was requested or is required by another module."
    elif reason.kind is ReasonKind.AMBIGUOUS_PROVIDER:
        yield f"{need}, and more than one product provides it: {known}."
    elif reason.kind is ReasonKind.PROVIDED_TWICE:
        yield f"{reason.interface} may be provided by one enabled module only, but the plan has {known}."


def _ways_out(index: Index, reason: Reason) -> Iterator[str]:
    if reason.kind is ReasonKind.UNKNOWN_MODULE and reason.module:
        yield from _other_modules(index, ModuleId.parse(reason.module).product)
    elif reason.kind is ReasonKind.STICKY_MODULE:
        yield f"request one version only, instead of {reason.module} and another one"
    elif reason.kind is ReasonKind.AMBIGUOUS_PROVIDER:
        yield "name one of these in the request as well: " + ", ".join(p.module for p in reason.providers)
    elif reason.kind is ReasonKind.PROVIDED_TWICE:
        yield "request only one of these, or disable the others: " + ", ".join(p.module for p in reason.providers)
    elif reason.interface and reason.needed:
        yield from _other_providers(index, reason)
        yield from _other_requirers(index, reason)


def _other_modules(index: Index, product: str) -> Iterator[str]:
    known = index.products.get(product)
    if known:
        yield f"request an existing version; the newest are {', '.join(m.id for m in known[:-4:-1])}"
        return
    similar = get_close_matches(product, index.products, n=3)
    if similar:
        yield f"request an existing product, such as {', '.join(similar)}"
    yield f"import the descriptor of {product} first"


def _other_providers(index: Index, reason: Reason) -> Iterator[str]:
    """Modules that provide the required interface in a suitable version, or the hint to import one."""
    needed = InterfaceRef(reason.interface or "", reason.needed or "")
    fitting = index.providers_for(needed, _ALL)
    for module in fitting:
        yield f"request {module.id}, which provides {needed.id} in a version that satisfies {needed.version}"
    if not fitting:
        yield f"import a module that provides {needed.id} {needed.version}"


def _other_requirers(index: Index, reason: Reason) -> Iterator[str]:
    """The newest version of the requiring product that works with the available providers."""
    requirer = index.modules.get(reason.required_by or "")
    if requirer is None:
        return
    for module in reversed(index.products[requirer.product]):
        if module.id != requirer.id and _works(module, reason):
            yield f"request {module.id} instead of {requirer.id}; {_how(module, reason)}"
            return


def _works(module: ModuleSummary, reason: Reason) -> bool:
    wanted = [r for r in module.requires + module.optional if r.id == reason.interface]
    return all(any(compatible(p.version, r.version) for p in reason.providers) for r in wanted)


def _how(module: ModuleSummary, reason: Reason) -> str:
    wanted = next((r for r in module.requires + module.optional if r.id == reason.interface), None)
    if wanted is None:
        return f"it does not require {reason.interface}"
    return f"it requires {wanted.id} {wanted.version}, which is available"
