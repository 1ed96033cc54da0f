"""How long modules took, kept in memory between heartbeats.

Three hundred jobs that end at once would wait for each other on one row of one module. What a killed process had
not written yet is lost: these figures are for estimates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from okapi_install.service.ports import Durations

Key = tuple[str, str]


class Learned:
    """Durations by product and action that are not in the database yet. For many threads or greenlets."""

    def __init__(self) -> None:
        self._known: dict[Key, Durations] = {}
        self._written = 0.0

    def add(self, seen: Iterable[tuple[Key, float]]) -> None:
        """Adds single durations, in seconds."""
        self.merge((key, Durations(count=1, mean=seconds, longest=seconds)) for key, seconds in seen)

    def merge(self, more: Iterable[tuple[Key, Durations]]) -> None:
        """Adds figures of several."""
        for key, one in more:
            known = self._known.get(key)
            self._known[key] = one if known is None else together(known, one)

    def due(self, now: float) -> bool:
        """Whether it is more than a second since this was last true; `now` in seconds of a monotonic clock."""
        if now - self._written < 1.0:
            return False
        self._written = now
        return True

    def take(self) -> Mapping[Key, Durations]:
        """All of them, which are then gone from here."""
        known, self._known = self._known, {}
        return known


def together(one: Durations, other: Durations) -> Durations:
    """The figures of both."""
    count = one.count + other.count
    mean = one.mean + (other.mean - one.mean) * other.count / count
    return Durations(count=count, mean=mean, longest=max(one.longest, other.longest))
