"""Makes modules and registries for the tests of the domain, given and generated; and reads the real one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

from hypothesis import strategies as st

from okapi_install.domain.jobs import Action, Change, InstallOptions
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleDescriptor, ModuleSummary, interface_ref
from okapi_install.domain.modules.interface_versions import compatible
from okapi_install.domain.modules.internal_module import internal_module
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.planning.enabled import EnabledModules
from okapi_install.domain.registry.registry import Registry
from tests.fixtures.parts import ROOT, recorded

SHARED = ROOT.parent / "shared"
OPTIONS = InstallOptions()


def refs(texts: Iterable[str]) -> tuple[InterfaceRef, ...]:
    """Interfaces from `name version`; names that begin with `_` are those of system interfaces."""
    pairs = (text.split(" ", 1) for text in texts)
    return tuple(interface_ref(i, v, "system" if i.startswith("_") else "proxy") for i, v in pairs)


def module(
    module_id: str,
    provides: Iterable[str] = (),
    requires: Iterable[str] = (),
    optional: Iterable[str] = (),
    replaces: Iterable[str] = (),
    exclusive: bool = False,
) -> ModuleSummary:
    """A module; interfaces are given as `name version`."""
    product = ModuleId.parse(module_id).product
    return ModuleSummary(module_id, product, refs(provides), refs(requires), refs(optional), tuple(replaces), exclusive)


def enable(*module_ids: str) -> tuple[Change, ...]:
    """A request."""
    return tuple(Change(id=i) for i in module_ids)


def disable(*module_ids: str) -> tuple[Change, ...]:
    """A request."""
    return tuple(Change(id=i, action=Action.DISABLE) for i in module_ids)


def told(changes: Iterable[Change]) -> list[str]:
    """Changes as short texts, such as `enable a-2.0.0 from a-1.0.0`."""
    return [f"{c.action} {c.id}" + (f" from {c.from_id}" if c.from_id else "") for c in changes]


def wrongs(modules: Sequence[ModuleSummary]) -> list[str]:
    """What is wrong with modules together: interfaces provided twice, requirements that are not met."""
    found = []
    provided: dict[str, str] = {}
    for each in modules:
        for interface in each.provides:
            if interface.regular and interface.id in provided:
                found.append(f"{interface.id} twice")
            if interface.regular:
                provided[interface.id] = interface.version
    for each in modules:
        wanted = [*each.requires, *(o for o in each.optional if o.id in provided)]
        found += [
            f"{each.id} lacks {r.id}"
            for r in wanted
            if r.id not in provided or not compatible(provided[r.id], r.version)
        ]
    return found


def consistent_sets(modules: Sequence[ModuleSummary], wanted: Collection[str]) -> Iterator[set[str]]:
    """By brute force: all sets of modules that hold those wanted and in which nothing is wrong."""
    for size in range(len(modules) + 1):
        for chosen in combinations(modules, size):
            ids = {m.id for m in chosen}
            if ids >= set(wanted) and not wrongs(chosen):
                yield ids


def out_of_order(plan: Sequence[Change], enabled: Collection[str], registry: Registry) -> list[str]:
    """Modules that the plan enables before what they require is there, as far as it is there at the end."""
    now, end = set(enabled), set(enabled)
    for change in plan:
        _apply(end, change)
    found = []
    for change in plan:
        _apply(now, change)
        summary = registry.get(change.id)
        if change.action is Action.ENABLE and summary is not None:
            lacking = _unmet(registry, now, summary) - _unmet(registry, end, summary)
            found += [change.id] if lacking else []
    return found


def _apply(enabled: set[str], change: Change) -> None:
    if change.action is Action.ENABLE:
        enabled.discard(change.from_id or "")
        enabled.add(change.id)
    elif change.action is Action.DISABLE:
        enabled.discard(change.id)


def _unmet(registry: Registry, enabled: Iterable[str], summary: ModuleSummary) -> set[InterfaceRef]:
    bag = EnabledModules(m for i in enabled if (m := registry.get(i)) is not None)
    return {r for r in summary.requires if not bag.offers(r)}


_INTERFACES = ("ia", "ib", "ic", "id", "ie")
_VERSIONS = ("1.0", "1.1", "2.0")
_NEEDS = ("1.0", "1.1", "2.0", "1.0 2.0")


@st.composite
def registries(draw: st.DrawFn, *, choice: bool = True, most: int = 8) -> tuple[ModuleSummary, ...]:
    """A few modules that provide and require few interfaces.

    Without `choice` every product has one version, and every interface one provider.
    """
    count = draw(st.integers(1, most))
    free = list(_INTERFACES)
    found: dict[str, ModuleSummary] = {}
    for number in range(count):
        product = draw(st.sampled_from("pqrstu")) if choice else f"p{number}"
        version = draw(st.sampled_from(("1.0.0", "1.1.0", "2.0.0"))) if choice else "1.0.0"
        provides = draw(st.lists(st.sampled_from(free), max_size=2, unique=True)) if free else []
        if not choice:
            free = [i for i in free if i not in provides]
        requires = draw(st.lists(st.sampled_from(_INTERFACES), max_size=2, unique=True))
        optional = draw(st.lists(st.sampled_from(_INTERFACES), max_size=1))
        ident = f"{product}-{version}"
        found[ident] = module(
            ident,
            [f"{i} {draw(st.sampled_from(_VERSIONS))}" for i in provides],
            [f"{i} {draw(st.sampled_from(_NEEDS))}" for i in requires],
            [f"{i} {draw(st.sampled_from(_NEEDS))}" for i in optional],
            [draw(st.sampled_from("pqrstu"))] if draw(st.integers(0, 9)) == 0 else [],
            exclusive=draw(st.integers(0, 4)) == 0,
        )
    return tuple(found.values())


def read_shared(path: str) -> Any:
    """JSON of the recordings; see `recorded` for what happens without."""
    file = recorded(path)
    return json.loads(gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes())


@lru_cache(maxsize=1)
def real_modules() -> tuple[ModuleSummary, ...]:
    """All modules of the real registry and the built-in one; see `read_shared`."""
    descriptors = [ModuleDescriptor.parse(d) for d in read_shared("resolver/registry.json.gz")]
    return tuple(d.summary() for d in [*descriptors, internal_module()])
