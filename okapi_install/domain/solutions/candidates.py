"""Which modules can matter for a wish: few hundred of the thousands that a registry has.

Those are the versions of what is asked for and of what is enabled, what provides what they require, and so on. Of
versions of a product that provide and require the same, the newest stands for all. What requires something that none
of them provides is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.interface_versions import compatible
from okapi_install.domain.modules.internal_module import OKAPI_PRODUCT
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.registry.index import Index
from okapi_install.domain.solutions.wish import Target

Candidates = Mapping[str, tuple[ModuleSummary, ...]]
"""By product, oldest first."""
_Signature = tuple[tuple[InterfaceRef, ...], ...]


def candidates(index: Index, target: Target, *, strict: bool = True) -> Candidates:
    """The modules that can be in a solution.

    With `strict` nothing that contradicts the target; without, all of it may be left out, so that it can be found out
    what of it cannot be together.
    """
    reached = _reached(index, target, strict=strict)
    by_product: defaultdict[str, list[ModuleSummary]] = defaultdict(list)
    for module in reached.values():
        by_product[module.product].append(module)
    named = target.modules | {m.id for m in target.had.values()}
    found = {product: _representatives(modules, named) for product, modules in sorted(by_product.items())}
    return _possible(found, gateway(index))


def gateway(index: Index) -> tuple[InterfaceRef, ...]:
    """The interfaces of the gateway itself, which are there for every tenant."""
    modules = index.products.get(OKAPI_PRODUCT, ())
    return tuple(regular(modules[-1])) if modules else ()


def _reached(index: Index, target: Target, *, strict: bool) -> dict[str, ModuleSummary]:
    pinned = {ModuleId.parse(i).product for i in target.modules} if strict else set()
    excluded = target.without if strict else frozenset()
    reached: dict[str, ModuleSummary] = {}
    fresh: list[ModuleSummary] = []

    def reach(modules: list[ModuleSummary]) -> None:
        for module in modules:
            fits = module.product not in pinned or module.id in target.modules
            if module.id not in reached and fits and module.product not in excluded:
                reached[module.id] = module
                fresh.append(module)

    for product in _roots(target):
        reach(target.visible(index.products.get(product, ())))
    seen: set[InterfaceRef] = set()
    while fresh:
        for required in set(fresh.pop().requires) - seen:
            seen.add(required)
            reach(target.visible(_providers(index, required)))
    return reached


def _roots(target: Target) -> set[str]:
    return set(target.had) | target.products | {ModuleId.parse(i).product for i in target.modules}


def _providers(index: Index, required: InterfaceRef) -> Iterator[ModuleSummary]:
    for module, interface in index.providers.get(required.id, ()):
        if interface.regular and compatible(interface.version, required.version):
            yield module


def _representatives(modules: list[ModuleSummary], named: frozenset[str]) -> tuple[ModuleSummary, ...]:
    oldest_first = sorted(modules, key=age)
    newest = {_signature(m): m for m in oldest_first}
    kept = {m.id for m in newest.values()} | named
    return tuple(m for m in oldest_first if m.id in kept and not _provides_twice(m))


def _signature(module: ModuleSummary) -> _Signature:
    replaced = tuple(InterfaceRef(product, "") for product in module.replaces)
    return tuple(regular(module)), module.requires, module.optional, replaced


def _provides_twice(module: ModuleSummary) -> bool:
    """Such a module is refused by itself: "Multiple modules … provide interface"."""
    provided = [i.id for i in regular(module)]
    return len(set(provided)) < len(provided)


def _possible(found: Candidates, always: tuple[InterfaceRef, ...]) -> Candidates:
    """Without those of which a requirement is met by none that is left."""
    while True:
        offers = _offers(found, always)
        left = {p: tuple(m for m in modules if _met(m, offers)) for p, modules in found.items()}
        if sum(map(len, left.values())) == sum(map(len, found.values())):
            return {p: modules for p, modules in left.items() if modules}
        found = left


def _offers(found: Candidates, always: tuple[InterfaceRef, ...]) -> Mapping[str, set[str]]:
    offers: defaultdict[str, set[str]] = defaultdict(set)
    for interface in always:
        offers[interface.id].add(interface.version)
    for module in (m for modules in found.values() for m in modules):
        for interface in regular(module):
            offers[interface.id].add(interface.version)
    return offers


def regular(module: ModuleSummary) -> list[InterfaceRef]:
    """What the module provides to others, and what only one enabled module may provide."""
    return [i for i in module.provides if i.regular]


def _met(module: ModuleSummary, offers: Mapping[str, set[str]]) -> bool:
    return all(any(compatible(v, r.version) for v in offers.get(r.id, ())) for r in module.requires)


def age(module: ModuleSummary) -> tuple[ModuleId, str]:
    """A key that sorts the versions of a product, oldest first."""
    return module.module_id, module.id
