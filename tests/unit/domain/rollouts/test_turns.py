"""Whose turn it is at a module."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from okapi_install.domain.rollouts.turns import Turn, has_turn


def _queue(*turns: tuple[str, bool], rollout: str | None = None, most: int | None = None) -> list[Turn]:
    return [
        Turn(key=key, granted=state == "calls", alive=alive, rollout=rollout, of_rollout=most)
        for key, (state, alive) in enumerate(turns)
    ]


def _granted(queue: list[Turn], of_all: int | None) -> list[int]:
    return [turn.key for turn in queue if has_turn(queue, turn.key, of_all)]


def test_the_first_come_first_and_as_many_as_may() -> None:
    queue = _queue(("calls", True), ("waits", True), ("waits", True))
    assert _granted(queue, 1) == [0]
    assert _granted(queue, 2) == [0, 1]
    assert _granted(queue, 3) == [0, 1, 2]


def test_a_call_of_a_lost_worker_counts_and_one_that_waited_there_does_not() -> None:
    queue = _queue(("calls", False), ("waits", False), ("waits", True))
    assert _granted(queue, 1) == [0]
    assert has_turn(queue, 2, 2)


def test_a_rollout_that_has_all_it_may_lets_others_pass() -> None:
    mine = [Turn(key=0, granted=True, alive=True, rollout="r", of_rollout=1)]
    mine.append(Turn(key=1, granted=False, alive=True, rollout="r", of_rollout=1))
    other = Turn(key=2, granted=False, alive=True)
    assert _granted([*mine, other], 5) == [0, 2]
    assert _granted([*mine, other], 1) == [0]


_turns = st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([None, "r", "s"])), max_size=12)


@given(_turns, st.integers(1, 4), st.integers(1, 3))
def test_no_limit_is_exceeded_and_whoever_is_first_is_never_passed(
    given_turns: list[tuple[bool, bool, str | None]], of_all: int, of_rollout: int
) -> None:
    queue = [
        Turn(
            key=key, granted=False, alive=alive or key == 0, rollout=rollout, of_rollout=of_rollout if rollout else None
        )
        for key, (_, alive, rollout) in enumerate(given_turns)
    ]
    calling: list[int] = []
    for _ in range(2):  # all ask, again and again, in any order; here from the last to the first
        for turn in reversed(queue):
            if turn.alive and has_turn(queue, turn.key, of_all) and turn.key not in calling:
                calling.append(turn.key)
                queue[turn.key] = Turn(
                    key=turn.key, granted=True, alive=True, rollout=turn.rollout, of_rollout=turn.of_rollout
                )
    assert len(calling) <= of_all
    counts = Counter(turn.rollout for turn in queue if turn.granted and turn.rollout)
    assert all(count <= of_rollout for count in counts.values())
    if queue:
        assert queue[0].granted
