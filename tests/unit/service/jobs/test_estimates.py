"""How long a job still takes: its pace, chains, side by side, what is overdue, and when there is no figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from okapi_install.domain.jobs import Change, InstallOptions, Job, JobKind, JobStatus, Step, StepStatus
from okapi_install.service.jobs.estimates import EstimateKind, estimate, spread
from okapi_install.service.ports import Durations
from scripts.estimates import ALLOWED, MOMENTS, WEATHERS, Weather, errors, plan_of_demo

NOW = 1_000_000.0
MANY = 10_000
"""So many earlier runs that took the same time leave no doubt."""


def job(count: int, *edges: tuple[int, int], parallel: int = 100, ignore_errors: bool = False) -> Job:
    """A running job of so many modules, none of which has started."""
    return Job(
        id="job",
        tenant="diku",
        kind=JobKind.INSTALL,
        status=JobStatus.RUNNING,
        options=InstallOptions(parallel=parallel, ignore_errors=ignore_errors),
        request=(),
        steps=tuple(Step(pos=pos, change=Change(id=f"mod-{pos}-1.0.0")) for pos in range(count)),
        created=NOW - 60,
        started=NOW - 60,
        edges=edges,
    )


def took(*seconds: float) -> dict[int, Durations]:
    """What the modules took before, by position: always the same."""
    return {pos: Durations(count=MANY, mean=each, longest=each) for pos, each in enumerate(seconds)}


def with_step(found: Job, pos: int, status: StepStatus, *, seconds: float = 0.0) -> Job:
    """The step has run for so long, and ends now if it ends."""
    ended = None if status is StepStatus.RUNNING else NOW
    changed = replace(found.steps[pos], status=status, started=NOW - seconds, ended=ended)
    return replace(found, steps=(*found.steps[:pos], changed, *found.steps[pos + 1 :]))


def left(found: Job, usual: dict[int, Durations]) -> float | None:
    told = estimate(found, usual, NOW)
    assert told is not None
    return told.seconds


@pytest.mark.parametrize(
    "edges",
    [
        [(0, 1), (1, 2), (2, 3)],
        [(2, 3), (1, 2), (0, 1)],
        [(1, 2), (2, 3), (0, 1)],
    ],
)
def test_modules_that_wait_for_each_other_take_the_sum_of_their_times(edges: Sequence[tuple[int, int]]) -> None:
    assert left(job(4, *edges), took(1.0, 2.0, 4.0, 8.0)) == pytest.approx(15.0, rel=0.02)


def test_of_two_chains_the_longer_one_counts_whichever_edge_comes_first() -> None:
    usual = took(1.0, 5.0, 2.0)
    for edges in ([(0, 2), (1, 2)], [(1, 2), (0, 2)]):
        assert left(job(3, *edges), usual) == pytest.approx(7.0, rel=0.02)


def test_the_longest_chain_may_end_before_the_last_module() -> None:
    assert left(job(4, (0, 1), (2, 3)), took(9.0, 9.0, 1.0, 1.0)) == pytest.approx(18.0, rel=0.02)


@pytest.mark.parametrize(("parallel", "expected"), [(1, 12.0), (2, 6.0), (3, 6.0), (50, 3.0)])
def test_modules_without_an_order_share_the_places_but_none_is_cut_in_two(parallel: int, expected: float) -> None:
    assert left(job(4, parallel=parallel), took(3.0, 3.0, 3.0, 3.0)) == pytest.approx(expected, rel=0.02)


def test_a_job_that_runs_at_half_the_pace_takes_twice_as_long() -> None:
    found = job(40, parallel=1)
    for pos in range(20):
        found = with_step(found, pos, StepStatus.DONE, seconds=4.0)
    assert left(found, took(*[2.0] * 40)) == pytest.approx(80.0, rel=0.15)


def test_one_module_says_little_about_the_pace_of_the_job() -> None:
    found = with_step(job(40, parallel=1), 0, StepStatus.DONE, seconds=20.0)
    assert left(found, took(*[2.0] * 40)) != pytest.approx(780.0, rel=0.5)


def test_what_runs_takes_what_is_left_of_its_usual_time() -> None:
    found = with_step(job(20, parallel=1), 0, StepStatus.RUNNING, seconds=4.0)
    assert left(found, took(*[10.0] * 20)) == pytest.approx(196.0, rel=0.05)


def test_a_module_that_runs_longer_than_ever_is_overdue_and_there_is_no_figure() -> None:
    found = with_step(job(3, (0, 1)), 0, StepStatus.RUNNING, seconds=40.0)
    told = estimate(found, took(1.2, 5.0, 5.0), NOW)
    assert told is not None
    assert (told.kind, told.seconds, told.overdue) == (EstimateKind.OVERDUE, None, (0,))


def test_a_module_that_takes_most_of_the_job_can_be_overdue_too() -> None:
    found = with_step(job(3, (0, 1)), 0, StepStatus.RUNNING, seconds=4000.0)
    told = estimate(found, took(1000.0, 1.0, 1.0), NOW)
    assert told is not None
    assert told.kind is EstimateKind.OVERDUE


def test_a_module_of_a_slow_job_is_not_overdue_when_all_others_were_slow_too() -> None:
    found = job(40, parallel=1)
    for pos in range(30):
        found = with_step(found, pos, StepStatus.DONE, seconds=40.0)
    found = with_step(found, 30, StepStatus.RUNNING, seconds=30.0)
    told = estimate(found, took(*[20.0] * 40), NOW)
    assert told is not None
    assert told.kind is EstimateKind.FIGURE


def test_a_figure_never_counts_down_to_nothing_while_nothing_happens() -> None:
    usual = {pos: Durations(count=5, mean=10.0, longest=20.0) for pos in range(2)}
    for seconds in range(100):
        told = estimate(with_step(job(2, (0, 1)), 0, StepStatus.RUNNING, seconds=float(seconds)), usual, NOW)
        assert told is not None
        assert told.seconds is None or told.seconds > 10.0


def test_modules_that_nobody_has_seen_make_the_estimate_unknown() -> None:
    usual = took(1.0, 1.0)
    told = estimate(job(6, parallel=1), usual, NOW)
    assert told is not None
    assert (told.kind, told.unknown) == (EstimateKind.UNKNOWN, 4)
    assert estimate(job(2), {}, NOW) is not None


def test_one_new_module_of_many_does_not() -> None:
    usual = took(*[10.0] * 40)
    del usual[7]
    assert left(job(40, parallel=1), usual) == pytest.approx(400.0, rel=0.1)


def test_earlier_runs_that_differ_much_make_it_uncertain() -> None:
    told = estimate(job(1), {0: Durations(count=5, mean=10.0, longest=40.0)}, NOW)
    assert told is not None
    assert told.kind is EstimateKind.UNCERTAIN


def test_after_a_failure_only_what_runs_is_waited_for() -> None:
    found = with_step(with_step(job(9), 0, StepStatus.ERROR, seconds=1.0), 1, StepStatus.RUNNING, seconds=1.0)
    usual = took(*[100.0] * 9)
    assert left(found, usual) == pytest.approx(99.0, rel=0.05)
    ignoring = replace(found, options=replace(found.options, ignore_errors=True, parallel=1))
    assert left(ignoring, usual) == pytest.approx(799.0, rel=0.05)


def test_there_is_no_estimate_of_what_is_complete_or_empty() -> None:
    assert estimate(replace(job(1), status=JobStatus.DONE), took(1.0), NOW) is None
    assert estimate(replace(job(1), status=JobStatus.ABORTING), took(1.0), NOW) is None
    assert estimate(replace(job(1), steps=()), {}, NOW) is None


def test_modules_that_take_no_time_at_all_are_no_trouble() -> None:
    assert left(job(2), took(0.0, 0.0)) == 0.0


def test_the_same_job_has_the_same_estimate_every_time() -> None:
    usual = {pos: Durations(count=9, mean=5.0 + pos, longest=9.0 + pos) for pos in range(30)}
    assert left(job(30, parallel=3), usual) == left(job(30, parallel=3), usual)


@pytest.mark.parametrize(
    ("known", "least", "most"),
    [
        (Durations(count=1, mean=5.0, longest=5.0), 0.39, 0.41),
        (Durations(count=50, mean=10.0, longest=10.0), 0.0, 0.1),
        (Durations(count=50, mean=10.0, longest=30.0), 0.8, 1.1),
        (Durations(count=3, mean=0.0, longest=0.0), 0.39, 0.41),
    ],
)
def test_how_much_earlier_runs_differ_is_read_from_the_longest(known: Durations, least: float, most: float) -> None:
    assert least <= spread(known) <= most


@pytest.mark.parametrize("weather", WEATHERS, ids=lambda weather: weather.name)
def test_on_a_platform_with_random_durations_the_figure_is_within_the_bounds_or_not_given(weather: Weather) -> None:
    plan = plan_of_demo()
    found = [one for seed in range(20) for one in errors(plan, weather, seed)]
    given = [off for off, _ in found if off is not None]
    assert len(found) == 20 * len(MOMENTS)
    assert sum(abs(off) > ALLOWED for off in given) <= len(found) * 0.05
