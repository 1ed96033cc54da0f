"""Whose turn it is at a module: a first-in, first-out queue over all workers, with two limits at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnLimits:
    """How many calls of one module there may be at once: of one rollout, and of all jobs. None: no limit."""

    rollout: str | None = None
    of_rollout: int | None = None
    of_all: int | None = None

    def __bool__(self) -> bool:
        return self.of_rollout is not None or self.of_all is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A step that calls the module (`granted`), or waits for that. `key` identifies it.

    One that waits counts only while it is `alive`: its worker is there. A call counts as long as its step runs,
    because a module goes on when a worker is lost.
    """

    key: int
    granted: bool
    alive: bool
    rollout: str | None = None
    of_rollout: int | None = None


def has_turn(queue: Sequence[Turn], key: int, of_all: int | None) -> bool:
    """Whether the step of that key may call the module. `queue` is in the order in which its steps came.

    What waits only for its own rollout lets others pass, so that no rollout holds up another. Nobody else passes, so
    everyone's turn comes.
    """
    calling = [turn for turn in queue if turn.granted]
    total, by_rollout = len(calling), Counter(turn.rollout for turn in calling)
    for turn in queue:
        if turn.granted:
            if turn.key == key:
                return True
            continue
        if not turn.alive and turn.key != key:
            continue
        if of_all is not None and total >= of_all:
            return False
        if turn.of_rollout is not None and by_rollout[turn.rollout] >= turn.of_rollout:
            continue
        if turn.key == key:
            return True
        total, by_rollout[turn.rollout] = total + 1, by_rollout[turn.rollout] + 1
    return False
