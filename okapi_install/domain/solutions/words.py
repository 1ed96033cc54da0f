"""The sentences about solutions and conflicts, for an operator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

_MOST_NAMES = 6


def solution(
    *,
    removed: Sequence[str],
    changed: Sequence[str],
    added: Sequence[str],
    choices: Iterable[tuple[str, str, Sequence[str]]],
    upgrade: bool,
) -> str:
    """What a solution does beyond the request. `choices` are interfaces with the chosen product and all candidates."""
    parts = [f"removes {listed(removed)}"] if removed else []
    if changed:
        parts.append(f"leaves {listed(changed)} behind" if upgrade else f"changes to {listed(changed)}")
    if added:
        parts.append(f"adds {listed(added)}")
    if not removed and not changed:
        nothing = (
            "removes nothing, and all modules get their newest version" if upgrade else "removes and changes nothing"
        )
        parts.insert(0, nothing)
    elif not removed:
        parts.insert(0, "removes nothing")
    return _with_choices(choices) + _capital("; ".join(parts)) + "."


def _with_choices(choices: Iterable[tuple[str, str, Sequence[str]]]) -> str:
    """`Takes mod-login for login (or mod-login-keycloak). `, or nothing."""
    interfaces: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for interface, chosen, candidates in choices:
        others = tuple(c for c in candidates if c != chosen)
        interfaces[chosen, others].append(interface)
    taken = [f"{chosen} for {_and(ids)}, not {' or '.join(others)}" for (chosen, others), ids in interfaces.items()]
    return f"Takes {'; '.join(taken)}. " if taken else ""


def kept(modules: Sequence[str]) -> str:
    """What a solution spares that a plan would remove."""
    return f"Keeps {listed(modules)}, which this plan removes."


def listed(ids: Sequence[str]) -> str:
    """`mod-a-1.0.0, mod-b-2.0.0 and 12 more`"""
    if len(ids) <= _MOST_NAMES + 1:
        return _and(ids)
    return f"{', '.join(ids[:_MOST_NAMES])} and {len(ids) - _MOST_NAMES} more"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def not_registered(module: str) -> str:
    """A module or product that the registry has not, or that the filter leaves out."""
    return f"the registry has no {module} in a version that the request allows"


def is_provided_by_gateway(module: str, interface: str) -> str:
    """A module that provides what the gateway provides."""
    return f"{module} provides {interface}, and the built-in okapi module provides that already"


def lacks(module: str, interface: str, version: str) -> str:
    """A requirement that nothing meets at all."""
    return f"{module} requires {interface} {version}, and no module of the registry provides that"


def lacks_in_the_end(module: str, interface: str, version: str, providers: Sequence[str]) -> str:
    """A requirement whose providers cannot be enabled themselves."""
    return f"{module} requires {interface} {version}, and {listed(providers)}, which provides that, cannot be enabled"


def requires(module: str, interface: str, version: str) -> str:
    """A requirement."""
    return f"{module} requires {interface} {version}"


def bears(module: str, interface: str, version: str) -> str:
    """An optional requirement."""
    return f"{module} works with {interface} {version} or without it"


def not_together(needs: Sequence[str]) -> str:
    """Requirements that no set of modules meets."""
    return f"{'; '.join(needs)}; no set of modules has all of this"


def both_provide(one: str, other: str, interface: str) -> str:
    """Two providers of one interface."""
    return f"{one} and {other} both provide {interface}, and one enabled module may provide it"


def does_not_suit(one: str, other: str, interface: str, needed: str, offered: str) -> str:
    """A requirement and an offer that do not go together."""
    return f"{one} requires {interface} {needed}, and {other} provides {interface} {offered}"


def two_versions(one: str, other: str) -> str:
    """Two versions of a product."""
    return f"{one} and {other} are versions of one product, of which a tenant has one"


def conflict(demands: Sequence[str], reasons: Sequence[str]) -> str:
    """`demands` such as `enable mod-a-1.0.0`."""
    why = f": {'; '.join(reasons)}" if reasons else ""
    if len(demands) == 1:
        return f"Nothing makes it possible to {demands[0]}{why}."
    return f"Nothing makes it possible to {_and(demands)} together{why}."
