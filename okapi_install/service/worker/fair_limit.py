"""A first-in, first-out concurrency limit for threads and greenlets. A greenlet may be killed while it waits.

The semaphores of the standard library let in whoever asks at the right moment: of three hundred that come together, the
first are overtaken by others again and again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


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
        """Whether its turn has not come. It does not wait any more."""
        with self._mutex:
            if turn.is_set():
                return False
            self._waiting.remove(turn)
            return True

    def _leave(self) -> None:
        """Gives the place to whoever has waited longest; nobody can take it in between."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
