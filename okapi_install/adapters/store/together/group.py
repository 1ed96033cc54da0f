"""Group commit: writes that arrive while another one is being written are written together, by one of their callers.

A single caller writes at once, so nothing becomes slower where nothing is busy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.fair_limit import FairLimit

W = TypeVar("W")
R = TypeVar("R")


@dataclass(eq=False, slots=True)
class _Waiting(Generic[W, R]):
    """A write that was not written yet, then its result or its error. `tried` is set once it was part of a group."""

    work: W
    result: R | None = None
    error: OkapiInstallError | None = None
    tried: bool = field(default=False)


class GroupCommit(Generic[W, R]):
    """Combines writes. `together` writes many of them and returns results by position.

    A write without a result there (its row is locked, or it is not allowed) is repeated by `alone`, outside of any
    group, where no other write waits for it. The same happens to a group whose caller was interrupted, and to one that
    failed because of a single write (`spoiled`). So a write may be repeated that was committed: that must do no harm.
    """

    def __init__(
        self,
        together: Callable[[Sequence[W]], Mapping[int, R]],
        alone: Callable[[W], R],
        *,
        spoiled: type[Exception],
        patience: float,
        most: int = 64,
    ) -> None:
        self._together = together
        self._alone = alone
        self._spoiled = spoiled
        self._patience = patience
        self._most = most
        self._turn = FairLimit(1)
        self._lock = threading.Lock()
        self._pending: list[_Waiting[W, R]] = []

    def write(self, work: W) -> R:
        """The result of a write.

        Raises:
            TimeoutError: others have been writing for as long as `patience`.
            OkapiInstallError: what `together` raises for the group, or `alone`.
        """
        mine: _Waiting[W, R] = _Waiting(work)
        with self._lock:
            self._pending.append(mine)
        try:
            with self._turn.one(self._patience):
                while not mine.tried:
                    self._write_group()
        finally:
            with self._lock:
                if mine in self._pending:
                    self._pending.remove(mine)
        if mine.error is not None:
            raise mine.error
        return self._alone(work) if mine.result is None else mine.result

    def _write_group(self) -> None:
        with self._lock:
            group, self._pending = self._pending[: self._most], self._pending[self._most :]
        for one in group:
            one.tried = True
        try:
            results = self._together([one.work for one in group])
        except self._spoiled:
            return
        except OkapiInstallError as problem:
            for one in group:
                one.error = problem
            return
        for position, result in results.items():
            group[position].result = result
