"""A first-in, first-out concurrency limit for threads and greenlets. A greenlet may be killed while it waits.

The semaphores of the standard library are not fair: with three hundred waiting, the first are overtaken repeatedly.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary


class FairLimit:
    """At most `most` at once."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: deque[threading.Event] = deque()
        self._mutex = threading.Lock()

    @contextmanager
    def one(self, patience: float | None = None) -> Iterator[None]:
        """Waits for a place, `patience` seconds at most, and keeps it for the block. Raises TimeoutError."""
        self._enter(patience)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, patience: float | None) -> None:
        with self._mutex:
            if self._free > 0:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            turn.wait(patience)
        except BaseException:
            if not self._withdrawn(turn):
                self._leave()
            raise
        if self._withdrawn(turn):
            raise TimeoutError

    def _withdrawn(self, turn: threading.Event) -> bool:
        """Removes a waiting caller from the queue; False if it has got its place already."""
        with self._mutex:
            if turn.is_set():
                return False
            self._waiting.remove(turn)
            return True

    def _leave(self) -> None:
        """Gives the place directly to the caller that has waited longest."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


class FairOrder:
    """A limit of one for each key: what happens under the same key happens one after another, in the order of arrival.

    A key that no caller uses any more is forgotten.
    """

    def __init__(self) -> None:
        self._limits: WeakValueDictionary[str, FairLimit] = WeakValueDictionary()

    def of(self, key: str) -> FairLimit:
        """The limit of that key, the same as long as a caller holds it."""
        return self._limits.setdefault(key, FairLimit(1))
