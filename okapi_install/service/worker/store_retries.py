"""Retries operations while the database, or the Okapi beside the service, is unavailable."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from okapi_install.domain.errors import StoreNotWritable, StoreUnavailable
from okapi_install.service.ports import Clock, PlatformUnavailable
from okapi_install.service.worker.call_policy import CallPolicy

log = structlog.get_logger()
T = TypeVar("T")

_PLATFORM_PAUSES = wait_random_exponential(multiplier=0.1, min=0.05, max=5.0)
_PAUSES = wait_random_exponential(multiplier=0.1, min=0.05, max=2.0)
"""Seconds, with jitter: hundreds of jobs that wait for the database must not all retry at the same moment."""


class Patience:
    """Retries an operation of the store while the store is unavailable.

    A write whose response was lost may be repeated, so every write is idempotent.
    """

    def __init__(self, clock: Clock, policy: CallPolicy) -> None:
        self._clock = clock
        self._policy = policy

    def __call__(self, work: Callable[[], T]) -> T:
        """Runs an operation, with a limit if the store accepts no writes.

        Raises:
            StoreNotWritable: it has been read-only or full for longer than the policy allows.
        """
        return self._done(work, self._policy.store_retry_seconds)

    def without_end(self, work: Callable[[], T]) -> T:
        """Runs an operation that must succeed, such as the end of a job, without any limit."""
        return self._done(work, math.inf)

    def _done(self, work: Callable[[], T], longest_refusal: float) -> T:
        try:
            return work()  # not through Retrying: each of its attempts costs 30 µs
        except StoreUnavailable as problem:
            refusal = _Refusal(self._clock, longest_refusal)
            if refusal.too_long(problem):
                raise
            log.warning("the store is unavailable; waiting for it", cause=problem.message)
        retrying = Retrying(
            retry=retry_if_exception_type(StoreUnavailable),
            stop=refusal.ends_retries,
            wait=_PAUSES,
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(work)


class _Refusal:
    """How long a store has responded but refused writes. For one that does not respond there is no limit."""

    def __init__(self, clock: Clock, longest: float) -> None:
        self._clock = clock
        self._longest = longest
        self._since: float | None = None

    def too_long(self, problem: BaseException | None) -> bool:
        """Whether to give up after this failure."""
        if not isinstance(problem, StoreNotWritable):
            return False
        now = self._clock.monotonic()
        self._since = now if self._since is None else self._since
        return now - self._since > self._longest

    def ends_retries(self, state: RetryCallState) -> bool:
        """See too_long; for tenacity."""
        return self.too_long(state.outcome.exception() if state.outcome else None)


def patiently(
    clock: Clock, work: Callable[[], T], waits: Callable[[PlatformUnavailable], None], until: float = math.inf
) -> T:
    """Retries while the platform is unavailable, and reports each failure to `waits`.

    Raises PlatformUnavailable after `until`, by the worker's clock.
    """
    try:
        return work()  # not through Retrying: each of its attempts costs 30 µs
    except PlatformUnavailable as problem:
        if clock.monotonic() >= until:
            raise
        waits(problem)

    def report(state: RetryCallState) -> None:
        problem = state.outcome.exception() if state.outcome else None
        if isinstance(problem, PlatformUnavailable):
            waits(problem)

    retrying = Retrying(
        retry=retry_if_exception_type(PlatformUnavailable),
        stop=lambda _: clock.monotonic() >= until,
        wait=_PLATFORM_PAUSES,
        sleep=clock.sleep,
        before_sleep=report,
        reraise=True,
    )
    return retrying(work)
