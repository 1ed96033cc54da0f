"""Work that many callers want done at once is done once for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future


class _Interrupted(Exception):
    """The caller that did the work was killed meanwhile, so another one has to do it."""


class Joined:
    """Runs `work` for callers in threads or greenlets.

    A call returns when a run has ended that began after the call: what was so before the call is seen. So callers that
    come during a run wait for the next one, which is one for all of them.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._running = threading.Lock()
        self._next: Future[None] | None = None

    def __call__(self) -> None:
        """Returns when the work was done once more. Raises what it raises."""
        while True:
            with self._lock:
                joined = self._next
                own = self._next = joined or Future()
            try:
                if joined is None:
                    self._run(own)
                own.result()
            except _Interrupted:
                continue
            return

    def _run(self, own: Future[None]) -> None:
        """Does the work when the run before has ended. Its outcome is that of the future, also if it is killed."""
        outcome: Exception = _Interrupted()
        try:
            with self._running:
                self._close(own)
                self._work()
            own.set_result(None)
        except Exception as problem:  # noqa: BLE001 (raised to all callers)
            outcome = problem
        finally:
            self._close(own)
            if not own.done():
                own.set_exception(outcome)

    def _close(self, own: Future[None]) -> None:
        """From now on callers join the next run."""
        with self._lock:
            if self._next is own:
                self._next = None
