"""What the rules (folio.lp) are told of a wish: one fact for each thing that counts.

| fact | meaning |
|---|---|
| product(P), version(M, P) | a product, and a module that is a version of it |
| provides(M, I, V), requires(M, I, R), optional(M, I, R) | what a module lists; R is as its descriptor writes it |
| replaces(M, P) | the module takes the place of a product |
| fits(I, V, R) | an offer in version V meets the requirement R |
| gateway(I, V) | the gateway offers it |
| contested(I) | more than one product can provide it |
| ask(module(M)), ask(product(P)), ask(without(P)) | what the request wants, and what is to be kept |
| ask(need(I, R)), ask(suit(I, R)) | in the place of a module: what it requires, what is optional to it |
| asked(P) | the request names the product |
| had(P), enabled(M), offered_before(I, V) | what the tenant has |
| stays(P, M) | M is the version that counts as unchanged: that of now, or for an upgrade the newest one |
| newest(P, M) | of what the tenant has, the newest version that there is |
| latest(P, M) | the newest version that can be in a solution |
| turn(P, T), rank(M, R) | which product is made newer first, and the age of its versions |
| preferred(P, I) | a preferred product, and an interface that it can provide |
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.interface_versions import compatible
from okapi_install.domain.registry.index import Index
from okapi_install.domain.solutions.candidates import Candidates, age, regular
from okapi_install.domain.solutions.wish import Target

Term = str | int | tuple[str, ...]
"""A text, a number, or a name with texts in brackets."""
Fact = tuple[str, tuple[Term, ...]]
_TURN = 10_000
"""More than the versions that a product has in a solution's reach."""


def facts(
    index: Index,
    target: Target,
    found: Candidates,
    always: Collection[InterfaceRef],
    instead: Collection[Term] = (),
) -> Iterator[Fact]:
    """All facts of a wish. What is asked for is what the request names, or else `instead`."""
    for interface in always:
        yield "gateway", (interface.id, interface.version)
    for product, modules in found.items():
        yield "product", (product,)
        yield "latest", (product, modules[-1].id)
        for module in modules:
            yield from _module(module)
    asks = instead or list(_asks(target))
    yield from _fitting(found, [*always, *_offered_before(target)], asks)
    yield from _contested(found, target)
    yield from (("ask", (ask,)) for ask in asks)
    yield from (("asked", (product,)) for product in sorted(target.asked))
    yield from _unchanged(index, target)
    yield from _ranks(found)


def _module(module: ModuleSummary) -> Iterator[Fact]:
    yield "version", (module.id, module.product)
    for interface in regular(module):
        yield "provides", (module.id, interface.id, interface.version)
    for interface in module.requires:
        yield "requires", (module.id, interface.id, interface.version)
    for interface in module.optional:
        yield "optional", (module.id, interface.id, interface.version)
    for product in module.replaces:
        yield "replaces", (module.id, product)


def _fitting(found: Candidates, offers: Collection[InterfaceRef], asks: Collection[Term]) -> Iterator[Fact]:
    offered: defaultdict[str, set[str]] = defaultdict(set)
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    modules = [module for versions in found.values() for module in versions]
    for interface in (*offers, *(i for m in modules for i in regular(m))):
        offered[interface.id].add(interface.version)
    for interface in (i for m in modules for i in m.requires + m.optional):
        wanted[interface.id].add(interface.version)
    for ask in asks:
        if isinstance(ask, tuple) and len(ask) > 2:
            wanted[ask[1]].add(ask[2])
    for ident, needs in sorted(wanted.items()):
        for version in sorted(offered.get(ident, ())):
            yield from (("fits", (ident, version, need)) for need in sorted(needs) if compatible(version, need))


def _contested(found: Candidates, target: Target) -> Iterator[Fact]:
    for ident, products in contested(found).items():
        yield "contested", (ident,)
        yield from (("preferred", (product, ident)) for product in products if product in target.prefer)


def contested(found: Candidates) -> Mapping[str, tuple[str, ...]]:
    """The interfaces that more than one product can provide, with those products by name."""
    providers: defaultdict[str, set[str]] = defaultdict(set)
    for module in (m for modules in found.values() for m in modules):
        for interface in regular(module):
            providers[interface.id].add(module.product)
    return {i: tuple(sorted(products)) for i, products in providers.items() if len(products) > 1}


def _asks(target: Target) -> Iterator[Term]:
    yield from (("module", ident) for ident in sorted(target.modules))
    yield from (("product", product) for product in sorted(target.products))
    yield from (("without", product) for product in sorted(target.without))


def _unchanged(index: Index, target: Target) -> Iterator[Fact]:
    for product, module in sorted(target.had.items()):
        newest = max(target.visible(index.products.get(product, ())), key=age, default=module)
        yield "had", (product,)
        yield "enabled", (module.id,)
        yield "newest", (product, newest.id)
        if target.upgrade:
            yield "stays", (product, newest.id)
        elif product not in target.asked:
            yield "stays", (product, module.id)

    for interface in sorted(set(_offered_before(target))):
        yield "offered_before", (interface.id, interface.version)


def _offered_before(target: Target) -> list[InterfaceRef]:
    return [interface for module in target.had.values() for interface in regular(module)]


def _ranks(found: Candidates) -> Iterator[Fact]:
    for turn, product in enumerate(sorted(found, reverse=True), 1):
        yield "turn", (product, turn * _TURN)
        for rank, module in enumerate(found[product], 1):
            yield "rank", (module.id, rank)
