"""Waits for a step's turn at a module, where only so many may call it at once. Without a limit it does nothing."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from okapi_install.domain.jobs import InstallOptions
from okapi_install.domain.rollouts.turns import TurnLimits
from okapi_install.service.ports import Claim, Clock, TurnStore

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE, _NAP = 0.05, 2.0, 0.05
"""Seconds between two looks into the queue, which grow; and between two looks whether a turn has ended here."""


class Retries(Protocol):
    """Runs an operation of the store, again while the store is unavailable."""

    def __call__(self, work: Callable[[], T]) -> T:
        """The result of the operation. Raises StoreNotWritable."""


class Turns:
    """The turns of the steps of one process. `of_all` is the limit of the settings, over all jobs."""

    def __init__(self, store: TurnStore, clock: Clock, retries: Retries, of_all: int | None = None) -> None:
        self._store = store
        self._clock = clock
        self._retries = retries
        self._of_all = of_all
        self._waiting: defaultdict[str, deque[object]] = defaultdict(deque)
        self._ended: defaultdict[str, int] = defaultdict(int)

    def limits(self, options: InstallOptions) -> TurnLimits:
        """The limits for a job with those options."""
        return TurnLimits(rollout=options.rollout, of_rollout=options.max_per_module, of_all=self._of_all)

    @contextmanager
    def turn(self, claim: Claim, pos: int, product: str, waits: Callable[[bool], None]) -> Iterator[None]:
        """The block in which the step calls the module. `waits` is called with True and False if it has to wait.

        An interruption of the step leaves its turn to whoever continues the job, because the module goes on.

        Raises:
            LostJob: another worker owns the job now, or it was aborted.
            StoreNotWritable: nothing can be committed any more.
        """
        limits = self.limits(claim.job.options)
        if not limits:
            yield
            return
        self._wait(claim, pos, product, limits, waits)
        try:
            yield
        except Exception:
            self._end(claim.job.id, pos, product)
            raise
        self._end(claim.job.id, pos, product)

    def _wait(self, claim: Claim, pos: int, product: str, limits: TurnLimits, waits: Callable[[bool], None]) -> None:
        def asked() -> bool:
            return self._retries(lambda: self._store.take_turn(claim, pos, product, limits))

        if asked():
            return
        waits(True)
        pause, me = _FIRST_PAUSE, object()
        self._waiting[product].append(me)
        try:
            while not asked():
                self._nap(product, me, pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
        finally:
            self._waiting[product].remove(me)
        waits(False)

    def _nap(self, product: str, me: object, seconds: float) -> None:
        """Waits so long, or until a turn at the module has ended in this process and this step is the next here."""
        until, ended = self._clock.monotonic() + seconds, self._ended[product]
        while self._clock.monotonic() < until:
            self._clock.sleep(_NAP)
            if self._ended[product] != ended and self._waiting[product][0] is me:
                return

    def _end(self, job_id: str, pos: int, product: str) -> None:
        self._retries(lambda: self._store.end_turn(job_id, pos))
        self._ended[product] += 1
