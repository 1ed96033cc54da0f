"""Work that many callers want done at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from okapi_install.adapters.okapi.joined import Joined


class Killed(BaseException):
    """As of a greenlet."""


class Work:
    """Work that waits until it may end, and raises what it is told."""

    def __init__(self) -> None:
        self.runs = 0
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.raises: list[BaseException | None] = []

    def __call__(self) -> None:
        self.runs += 1
        self.begun.release()
        assert self.may_end.acquire(timeout=60)
        problem = self.raises.pop(0) if self.raises else None
        if problem is not None:
            raise problem


def test_callers_that_come_during_a_run_share_the_next_one() -> None:
    work = Work()
    joined = Joined(work)
    with ThreadPoolExecutor(10) as threads:
        first = threads.submit(joined)
        assert work.begun.acquire(timeout=60)
        later = [threads.submit(joined) for _ in range(5)]
        work.may_end.release()
        first.result(60)
        assert work.begun.acquire(timeout=60)
        work.may_end.release(10)  # one that comes late has a run of its own
        for one in later:
            one.result(60)
    assert 2 <= work.runs <= 7


def test_what_the_work_raises_is_raised_to_its_callers_alone() -> None:
    work = Work()
    joined = Joined(work)
    work.may_end.release(2)
    work.raises = [ValueError("no")]
    with pytest.raises(ValueError, match="no"):
        joined()
    joined()


def test_when_the_caller_that_does_the_work_is_killed_another_one_does_it() -> None:
    work = Work()
    joined = Joined(work)
    work.raises = [None, Killed(), None, None]
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(joined)
        assert work.begun.acquire(timeout=60)
        two = [threads.submit(joined) for _ in range(2)]
        work.may_end.release(5)
        first.result(60)
        outcomes = [one.exception(60) for one in two]
    assert [type(outcome) for outcome in outcomes].count(Killed) == 1
    assert outcomes.count(None) == 1
