"""Writes that arrive while another one is being written are written together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import gevent
import pytest

from okapi_install.adapters.store.together.group import GroupCommit
from okapi_install.domain.errors import StoreUnavailable


class Spoiled(Exception):
    """A group failed because of one of its writes."""


class Book:
    """What was written. The first group waits until it is let through; `refuse` is what a group raises once."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.alone: list[int] = []
        self.entered, self.free = threading.Event(), threading.Event()
        self.left_out: set[int] = set()
        self.refuse: BaseException | None = None
        self.commit: GroupCommit[int, str] = GroupCommit(
            self._together, self._alone, spoiled=Spoiled, patience=20.0, most=3
        )

    def _together(self, works: Sequence[int]) -> Mapping[int, str]:
        first = not self.groups
        self.groups.append(list(works))
        if first:
            self.entered.set()
            assert self.free.wait(20)
        elif self.refuse is not None:
            problem, self.refuse = self.refuse, None
            raise problem
        return {n: f"together {work}" for n, work in enumerate(works) if work not in self.left_out}

    def _alone(self, work: int) -> str:
        self.alone.append(work)
        return f"alone {work}"

    def waiting(self) -> int:
        """How many writes wait for the group ahead of them."""
        return len(self.commit._pending)


def while_one_is_written(book: Book, works: Sequence[int]) -> list[Future[str]]:
    """Writes 0, and the others while that is not done."""
    with ThreadPoolExecutor(len(works) + 1) as threads:
        futures = [threads.submit(book.commit.write, 0)]
        assert book.entered.wait(20)
        for number, work in enumerate(works):
            futures.append(threads.submit(book.commit.write, work))
            until(lambda number=number: book.waiting() == number + 1)  # type: ignore[misc]
        book.free.set()
    return futures


def until(condition: Callable[[], bool]) -> None:
    """Waits for something that another thread does."""
    pause = threading.Event()
    for _ in range(2000):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it did not happen")


def test_a_single_write_is_written_at_once() -> None:
    book = Book()
    book.free.set()
    assert book.commit.write(7) == "together 7"
    assert (book.groups, book.alone) == ([[7]], [])


def test_those_that_arrive_meanwhile_are_written_together_and_each_gets_its_result() -> None:
    book = Book()
    results = [future.result() for future in while_one_is_written(book, [1, 2, 3])]
    assert results == ["together 0", "together 1", "together 2", "together 3"]
    assert book.groups == [[0], [1, 2, 3]]


def test_a_group_has_a_limit() -> None:
    book = Book()
    results = [future.result() for future in while_one_is_written(book, [1, 2, 3, 4, 5])]
    assert results[-1] == "together 5"
    assert book.groups == [[0], [1, 2, 3], [4, 5]]


def test_a_write_that_the_group_left_out_is_repeated_alone() -> None:
    book = Book()
    book.left_out = {2}
    results = [future.result() for future in while_one_is_written(book, [1, 2, 3])]
    assert results[1:] == ["together 1", "alone 2", "together 3"]


def test_one_bad_write_does_not_spoil_the_others() -> None:
    book = Book()
    book.refuse = Spoiled()
    results = [future.result() for future in while_one_is_written(book, [1, 2])]
    assert results[1:] == ["alone 1", "alone 2"]


def test_all_of_a_group_learn_that_the_store_is_unavailable() -> None:
    """At once, and not each after its own attempt: with hundreds of jobs that would take minutes."""
    book = Book()
    book.refuse = StoreUnavailable("down")
    futures = while_one_is_written(book, [1, 2, 3])
    assert [str(future.exception()) for future in futures[1:]] == ["down"] * 3
    assert (len(book.groups), book.alone) == (2, [])


def test_a_killed_writer_keeps_nobody_waiting() -> None:
    """Its group may or may not be committed, so the others write theirs again."""
    book = Book()
    book.refuse = gevent.GreenletExit()
    futures = while_one_is_written(book, [1, 2])
    outcomes = [future.exception() or future.result() for future in futures[1:]]
    assert [str(one) for one in outcomes if isinstance(one, str)] == ["alone 2"]
    assert isinstance(outcomes[0], gevent.GreenletExit)
    assert book.commit.write(9) == "together 9"
