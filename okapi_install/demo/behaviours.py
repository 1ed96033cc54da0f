"""The behaviour of simulated modules: rules set from outside, and the choice of the one that applies to a call.

A rule names a module, a tenant and a kind of call, and says how the module responds. The rule set last wins. Nothing
is random: the same rules and the same calls give the same responses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

KINDS = ("enable", "upgrade", "disable", "purge", "poll", "cancel", "permissions", "auth", "other")
"""The purposes of a call; `poll` and `cancel` are GET and DELETE of a tenant job."""

_GROUPS: Mapping[str, frozenset[str]] = {
    "init": frozenset({"enable", "upgrade"}),
    "change": frozenset({"enable", "upgrade", "disable", "purge"}),
    "any": frozenset(KINDS),
}


class BehaviourError(ValueError):
    """The rule has an unknown field, or a value of the wrong type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedJob:
    """How the module's own tenant job behaves. Times are in seconds."""

    seconds: float = 0
    """How long it runs; with `polls`, it is complete at that GET instead."""
    polls: int | None = None
    holds: bool = True
    """Whether GET honours `wait` (as RMB does), or responds at once."""
    wait_in_seconds: bool = False
    """Whether `wait` is in seconds (as in some versions of folio-vertx-lib) instead of milliseconds."""
    never_ends: bool = False
    complete_at_once: bool = False
    """Whether the POST's 201 already says `complete: true`."""
    forgets_after: int | None = None
    """After how many GETs the job is unknown, as after a restart of the module."""
    error: str | None = None
    messages: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)
    """Further properties of the finished job: `status`, `errors`, `warnings` and any others."""
    no_id: bool = False
    not_json: bool = False
    no_location: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """A rule. `times` limits how often it applies, `seconds` for how long after its first use."""

    module: str = "*"
    """A module id, a product such as `mod-users`, or a pattern with `*`."""
    tenant: str = "*"
    call: str = "change"
    """One of KINDS, or `init`, `change`, `any`."""
    times: int | None = None
    seconds: float | None = None
    status: int | None = None
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    job: SimulatedJob | None = None

    def matches(self, module: str, tenant: str, kind: str) -> bool:
        """Whether the rule applies to such a call."""
        return (
            (self.call == kind or kind in _GROUPS.get(self.call, ()))
            and self.tenant in ("*", tenant)
            and (self.module == module or _same_product(self.module, module) or fnmatchcase(module, self.module))
        )


def _same_product(product: str, module: str) -> bool:
    rest = module.removeprefix(product + "-")
    return rest != module and rest[:1].isdigit()


NUMBER = (int, float)
Types = Mapping[str, type | tuple[type, ...]]
_TYPES: Types = {
    "body": object,
    "call": str,
    "complete_at_once": bool,
    "delay": NUMBER,
    "error": str,
    "extra": dict,
    "forgets_after": int,
    "headers": dict,
    "holds": bool,
    "job": dict,
    "messages": list,
    "module": str,
    "never_ends": bool,
    "no_id": bool,
    "no_location": bool,
    "not_json": bool,
    "polls": int,
    "seconds": NUMBER,
    "status": int,
    "tenant": str,
    "times": int,
    "wait_in_seconds": bool,
}


def parse_behaviour(document: object) -> Behaviour:
    """The rule that a JSON object describes; null is the default rule.

    Raises:
        BehaviourError: the document is not a rule.
    """
    return Behaviour(**behaviour_fields(document, Behaviour))


def behaviour_fields(document: object, kind: type[Behaviour], more: Types = MappingProxyType({})) -> dict[str, Any]:
    """The fields of a rule of that kind. `more` has the types of fields beyond Behaviour's. Raises BehaviourError."""
    found = _checked(document, kind, {**_TYPES, **more})
    if "job" in found:
        job = _checked(found["job"], SimulatedJob, _TYPES)
        found["job"] = SimulatedJob(**job | {"messages": tuple(job.get("messages", ()))})
    call = found.get("call", "change")
    if call not in KINDS and call not in _GROUPS:
        raise BehaviourError(f"no such call: {call}")
    return found


def _checked(document: object, kind: type[Behaviour] | type[SimulatedJob], types: Types) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise BehaviourError("a behaviour must be an object")
    unknown = sorted(set(document) - {f.name for f in fields(kind)})
    if unknown:
        raise BehaviourError(f"no such field: {', '.join(unknown)}")
    given = {name: value for name, value in document.items() if value is not None}
    wrong = sorted(name for name, value in given.items() if not isinstance(value, types[name]))
    if wrong:
        raise BehaviourError(f"a value of the wrong type: {', '.join(wrong)}")
    return given


DEFAULT = Behaviour()
"""Every call succeeds at once: 200 without a body."""


@dataclass(slots=True)
class _Entry:
    rule: Behaviour
    used: int = 0
    since: float | None = None

    def applies(self, now: float) -> bool:
        if self.rule.times is not None and self.used >= self.rule.times:
            return False
        return self.rule.seconds is None or self.since is None or now < self.since + self.rule.seconds


class Rulebook:
    """The rules that are set, and how often each was used (per module and tenant)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._rules: list[Behaviour] = []
        self._uses: dict[tuple[int, str, str], _Entry] = {}

    def put(self, rules: Iterable[Behaviour]) -> None:
        """Adds rules; each replaces one of the same module, tenant and call."""
        for rule in rules:
            key = (rule.module, rule.tenant, rule.call)
            self._rules = [r for r in self._rules if (r.module, r.tenant, r.call) != key]
            self._rules.append(rule)
        self._uses.clear()

    def clear(self) -> None:
        """Removes all rules."""
        self._rules.clear()
        self._uses.clear()

    def choose(self, module: str, tenant: str, kind: str) -> Behaviour:
        """The rule for a call. Counts as a use of the rule."""
        now = self._now()
        for number in range(len(self._rules) - 1, -1, -1):
            rule = self._rules[number]
            if not rule.matches(module, tenant, kind):
                continue
            entry = self._uses.setdefault((number, module, tenant), _Entry(rule))
            if entry.applies(now):
                entry.used += 1
                entry.since = now if entry.since is None else entry.since
                return rule
        return DEFAULT
