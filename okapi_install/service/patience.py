"""Waiting for a store that is away: what a worker does with the store is done when it is back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

from okapi_install.domain.errors import StoreNotWritable, StoreUnavailable
from okapi_install.service.call_policy import CallPolicy
from okapi_install.service.ports import Clock

log = structlog.get_logger()
T = TypeVar("T")


class Patience:
    """Does a thing with the store, again and again while the store is away."""

    def __init__(self, clock: Clock, policy: CallPolicy) -> None:
        self._clock = clock
        self._policy = policy

    def __call__(self, work: Callable[[], T]) -> T:
        """A write whose answer was lost may be done twice: writes are such that this changes nothing.

        Raises:
            StoreNotWritable: it has been read-only or full for longer than the policy allows.
        """
        refused_since: float | None = None
        pause = 0.1
        while True:
            try:
                return work()
            except StoreNotWritable:
                refused_since = refused_since or self._clock.monotonic()
                if self._clock.monotonic() - refused_since > self._policy.store_retry_seconds:
                    raise
            except StoreUnavailable as problem:
                log.warning("the store is away; waiting for it", cause=problem.message)
            self._clock.sleep(pause)
            pause = min(pause * 2, 2.0)
