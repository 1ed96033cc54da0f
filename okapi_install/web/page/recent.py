"""Lists as HTML that many open pages share: one query for all that show the same part, and a stream of its changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cachetools import TLRUCache
from markupsafe import Markup

from okapi_install.domain.errors import StoreUnavailable
from okapi_install.web.http.sse import KEEP_ALIVE_SECONDS, Event

LIST_PAUSE = 1.0
"""Seconds between two reads of a list."""
_MOST_KEPT = 200
_YOUNG = 1.0
_SHARE = 20
"""A look is cached for 20 times as long as its query took, so the store spends at most 5 % of its time on it."""

P = TypeVar("P", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Look:
    """A part of a list at one moment. Two looks with the same mark show the same."""

    mark: tuple[object, ...]
    html: Markup
    total: int
    active: bool
    """Whether something in it is still changing."""
    per_page: int
    more: bool = False
    """Whether there are more of them than `total`."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Other parts of the page that change with it, by name."""

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // self.per_page))


class Recent(Generic[P]):
    """Looks at parts of a list, each cached for a short time. One is read at a time."""

    def __init__(self, fresh: Callable[[P], Look], monotonic: Callable[[], float]) -> None:
        self._fresh = fresh
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: TLRUCache[P, tuple[float, Look], float]
        self._kept = TLRUCache(_MOST_KEPT, _kept_until, timer=monotonic)

    def look(self, part: P) -> Look:
        """The part, at most a second old, or a little more if the store is slow."""
        with self._lock:
            kept = self._kept.get(part)
            if kept is not None:
                return kept[1]
            started = self._monotonic()
            look = self._fresh(part)
            self._kept[part] = self._monotonic() - started, look
            return look


def _kept_until(_: object, kept: tuple[float, Look], now: float) -> float:
    took, _look = kept
    return now + max(_YOUNG, took * _SHARE)


def look_events(look: Callable[[], Look], name: str, sleep: Callable[[float], None]) -> Iterator[Event | None]:
    """The part `name` of a page whenever it has changed. It ends when the store is unavailable."""
    sent: tuple[object, ...] | None = None
    quiet = 0.0
    while True:
        try:
            found = look()
        except StoreUnavailable:
            return
        if found.mark != sent:
            sent, quiet = found.mark, 0.0
            yield Event(name="parts", data={"whole": {**found.parts, name: str(found.html)}})
        elif quiet >= KEEP_ALIVE_SECONDS:
            quiet = 0.0
            yield None
        sleep(LIST_PAUSE)
        quiet += LIST_PAUSE
