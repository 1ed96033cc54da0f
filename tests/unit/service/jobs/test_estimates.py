"""How long a job still takes: chains, side by side, what has started, what is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from okapi_install.domain.jobs import Change, InstallOptions, Job, JobKind, JobStatus, Step, StepStatus
from okapi_install.service.jobs.estimates import seconds_left
from okapi_install.service.ports import Durations

NOW = 1_000_000.0


def job(count: int, *edges: tuple[int, int], parallel: int = 100) -> Job:
    """A running job of so many modules, none of which has started."""
    return Job(
        id="job",
        tenant="diku",
        kind=JobKind.INSTALL,
        status=JobStatus.RUNNING,
        options=InstallOptions(parallel=parallel),
        request=(),
        steps=tuple(Step(pos=pos, change=Change(id=f"mod-{pos}-1.0.0")) for pos in range(count)),
        created=NOW - 60,
        started=NOW - 60,
        edges=edges,
    )


def took(*seconds: float) -> dict[int, Durations]:
    """What the modules took before, by position."""
    return {pos: Durations(count=1, mean=each, longest=each * 2) for pos, each in enumerate(seconds)}


def with_step(found: Job, pos: int, status: StepStatus, *, running_for: float = 0.0) -> Job:
    changed = replace(found.steps[pos], status=status, started=NOW - running_for)
    return replace(found, steps=(*found.steps[:pos], changed, *found.steps[pos + 1 :]))


@pytest.mark.parametrize(
    "edges",
    [
        [(0, 1), (1, 2), (2, 3)],
        [(2, 3), (1, 2), (0, 1)],
        [(1, 2), (2, 3), (0, 1)],
    ],
)
def test_modules_that_wait_for_each_other_take_the_sum_of_their_times(edges: Sequence[tuple[int, int]]) -> None:
    assert seconds_left(job(4, *edges), took(1.0, 2.0, 4.0, 8.0), NOW) == 15.0


def test_of_two_chains_the_longer_one_counts_whichever_edge_comes_first() -> None:
    usual = took(1.0, 5.0, 2.0)
    assert seconds_left(job(3, (0, 2), (1, 2)), usual, NOW) == 7.0
    assert seconds_left(job(3, (1, 2), (0, 2)), usual, NOW) == 7.0


def test_the_longest_chain_may_end_before_the_last_module() -> None:
    assert seconds_left(job(4, (0, 1), (2, 3)), took(9.0, 9.0, 1.0, 1.0), NOW) == 18.0


def test_a_module_that_waits_for_none_may_be_the_longest_of_all() -> None:
    assert seconds_left(job(3, (0, 1)), took(1.0, 1.0, 30.0), NOW) == 30.0


@pytest.mark.parametrize(("parallel", "expected"), [(1, 12.0), (2, 6.0), (3, 4.0), (50, 3.0)])
def test_modules_without_an_order_share_the_places_but_none_is_cut_in_two(parallel: int, expected: float) -> None:
    assert seconds_left(job(4, parallel=parallel), took(3.0, 3.0, 3.0, 3.0), NOW) == expected


@pytest.mark.parametrize("status", [StepStatus.DONE, StepStatus.ERROR])
def test_what_has_ended_takes_no_more_time_in_its_chain(status: StepStatus) -> None:
    found = with_step(job(3, (0, 1), (1, 2)), 1, status)
    assert seconds_left(found, took(1.0, 50.0, 2.0), NOW) == 3.0


def test_what_runs_takes_what_is_left_of_its_usual_time_and_never_less_than_nothing() -> None:
    chain = job(2, (0, 1))
    usual = took(10.0, 5.0)
    assert seconds_left(with_step(chain, 0, StepStatus.RUNNING, running_for=4.0), usual, NOW) == 11.0
    assert seconds_left(with_step(chain, 0, StepStatus.RUNNING, running_for=400.0), usual, NOW) == 5.0
    assert seconds_left(with_step(job(1), 0, StepStatus.RUNNING, running_for=400.0), took(10.0), NOW) == 0.0


def test_a_module_that_nobody_has_seen_counts_as_nothing() -> None:
    usual = took(1.0, 50.0, 2.0)
    del usual[1]
    assert seconds_left(job(3, (0, 1), (1, 2)), usual, NOW) == 3.0


def test_there_is_no_estimate_of_what_is_complete_or_unknown() -> None:
    assert seconds_left(replace(job(1), status=JobStatus.DONE), took(1.0), NOW) is None
    assert seconds_left(job(2), {}, NOW) is None
    assert seconds_left(job(2), took(0.0, 0.0), NOW) is None
    assert seconds_left(replace(job(1), steps=()), {}, NOW) is None
