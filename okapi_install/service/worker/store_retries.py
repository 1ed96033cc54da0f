"""Waiting for a store that is away: what a worker does with the store is done when it is back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import structlog

from okapi_install.domain.errors import StoreNotWritable, StoreUnavailable
from okapi_install.service.ports import Clock
from okapi_install.service.worker.call_policy import CallPolicy

log = structlog.get_logger()
T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class Patience:
    """Does a thing with the store, again and again while the store is away.

    A write whose answer was lost may be done twice: writes are such that this changes nothing.
    """

    def __init__(self, clock: Clock, policy: CallPolicy) -> None:
        self._clock = clock
        self._policy = policy

    def __call__(self, work: Callable[[], T]) -> T:
        """For what is done on the way.

        Raises:
            StoreNotWritable: it has been read-only or full for longer than the policy allows.
        """
        return self._done(work, self._policy.store_retry_seconds)

    def without_end(self, work: Callable[[], T]) -> T:
        """For what must be done before anything else can be, such as the end of a job."""
        return self._done(work, math.inf)

    def _done(self, work: Callable[[], T], longest_refusal: float) -> T:
        refused_since: float | None = None
        pause = _FIRST_PAUSE
        while True:
            try:
                return work()
            except StoreNotWritable as problem:
                now, cause = self._clock.monotonic(), problem.message
                refused_since = now if refused_since is None else refused_since
                if now - refused_since > longest_refusal:
                    raise
            except StoreUnavailable as problem:
                cause = problem.message
            if pause == _FIRST_PAUSE:
                log.warning("the store is away; waiting for it", cause=cause)
            self._clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
