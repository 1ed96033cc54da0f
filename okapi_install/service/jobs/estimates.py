"""The estimate of how long a job still takes. Pure, so that it can be checked against recorded and simulated jobs.

It follows the job's own pace: what its modules took so far, compared with earlier runs of the same modules. It is given
only where earlier runs tell enough. `scripts/estimates.py` measures how far off it is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import hypot, log, sqrt
from random import Random
from statistics import fmean, stdev

from okapi_install.domain.jobs import Job, JobStatus, Step, StepStatus
from okapi_install.service.ports import Durations

MOST_UNCERTAIN = 0.15
"""The largest standard deviation of a figure, as a share of it. Above it, no figure is given."""
_PRIOR_STEPS = 3.0
"""The pace of earlier jobs counts as much as so many modules of this one."""
_UNKNOWN_SPREAD = 1.0
"""The standard deviation of a module without earlier runs, as a share of what other modules take."""
_USUAL_SPREAD, _SPREAD_RUNS = 0.4, 3.0
"""The usual one, and as how many earlier runs it counts."""
_MOST_SIMULATIONS, _FEWEST_SIMULATIONS, _MOST_DRAWN = 24, 6, 3000
"""How many simulations there are, and how many durations they draw together. A page waits for them."""
_LONGER_THAN_DRAWN = 3.0
"""A module that runs longer than was drawn for it takes about a third of its time so far again."""


class EstimateKind(StrEnum):
    """What can be said about the time left."""

    FIGURE = "figure"
    OVERDUE = "overdue"
    """A module runs longer than it ever did, in a job of this pace. Nobody knows when it ends."""
    UNKNOWN = "unknown"
    """Too many modules have no earlier runs."""
    UNCERTAIN = "uncertain"
    """Earlier runs of the modules differ too much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """How long a job still takes. `seconds` is None unless the kind is FIGURE."""

    kind: EstimateKind
    seconds: float | None = None
    overdue: tuple[int, ...] = ()
    """The positions of the modules that run longer than ever."""
    unknown: int = 0
    """How many of the modules that are left have no earlier runs."""


@dataclass(frozen=True, slots=True)
class _Work:
    """A step that is left: what it takes on average, the standard deviation as a share of that, and how long it runs.

    `elapsed` is None if it has not started.
    """

    mean: float
    spread: float
    elapsed: float | None

    def drawn(self, random: Random) -> float:
        """How long it still takes, drawn at random from a lognormal distribution."""
        variance = log(1 + self.spread**2)
        drawn = self.mean * random.lognormvariate(-variance / 2, sqrt(variance)) - (self.elapsed or 0.0)
        return drawn if drawn > 0 else (self.elapsed or 0.0) * random.expovariate(_LONGER_THAN_DRAWN)


def estimate(job: Job, usual: Mapping[int, Durations], now: float) -> Estimate | None:
    """The estimated time until the job's end; for a job that has not started, from its start.

    Args:
        job: the job, with edges that lead forward.
        usual: durations of earlier jobs by the position of the step.
        now: seconds since 1970, by the clock of the store.

    Returns:
        None if the job is complete or being aborted, or if nothing is left.
    """
    left = _steps_left(job)
    if job.complete or job.status is JobStatus.ABORTING or not left:
        return None
    overdue = _overdue(job, usual, now)
    unknown = sum(step.pos not in usual for step in left)
    if overdue:
        return Estimate(kind=EstimateKind.OVERDUE, overdue=overdue, unknown=unknown)
    if not usual:
        return Estimate(kind=EstimateKind.UNKNOWN, unknown=unknown)
    pace, pace_deviation = _pace(job.steps, usual, now)
    typical = sum(it.mean for it in usual.values()) / len(usual)
    works = {step.pos: _work(step, usual.get(step.pos), typical, pace, now) for step in left}
    seconds, deviation = _simulated(works, job)
    if hypot(deviation, pace_deviation / pace * seconds) > MOST_UNCERTAIN * seconds:
        return Estimate(kind=EstimateKind.UNKNOWN if unknown else EstimateKind.UNCERTAIN, unknown=unknown)
    return Estimate(kind=EstimateKind.FIGURE, seconds=seconds, unknown=unknown)


def _steps_left(job: Job) -> list[Step]:
    """The steps that run or will run. After a failure nothing new starts, unless errors are ignored."""
    running = [step for step in job.steps if step.status is StepStatus.RUNNING]
    if not job.options.ignore_errors and any(step.status is StepStatus.ERROR and not step.held for step in job.steps):
        return running
    return running + [step for step in job.steps if step.status is None and not step.held]


def _pace(steps: Iterable[Step], usual: Mapping[int, Durations], now: float) -> tuple[float, float]:
    """How many times as long as usual these modules take, and the standard deviation of that."""
    if not usual:
        return 1.0, 0.0
    prior = _PRIOR_STEPS * sum(it.mean for it in usual.values()) / len(usual)
    took = expected = prior
    variance = 0.0
    for step in steps:
        known, elapsed = usual.get(step.pos), _elapsed(step, now)
        if known is None or elapsed is None:
            continue
        if step.status is StepStatus.DONE or (step.status is StepStatus.RUNNING and elapsed > known.mean):
            took += elapsed
            expected += known.mean
            variance += (known.mean * spread(known)) ** 2
    pace = took / expected if expected else 1.0
    return pace, pace * sqrt(variance) / expected if expected else 0.0


def _elapsed(step: Step, now: float) -> float | None:
    if step.started is None:
        return None
    return max((now if step.ended is None else step.ended) - step.started, 0.0)


def spread(known: Durations) -> float:
    """The standard deviation of earlier runs as a share of their mean, from how far the longest is above the mean.

    Of n values drawn from a normal distribution, the largest is about 0.75 sqrt(2 log n) deviations above the mean. Few
    runs tell little, so the usual spread of modules counts as much as three of them.
    """
    if known.mean <= 0:
        return _USUAL_SPREAD
    likely = 0.75 * sqrt(2 * log(max(known.count, 2)))
    seen = max(known.longest / known.mean - 1, 0.0) / likely
    weight = known.count if known.count > 1 else 0
    return (seen * weight + _USUAL_SPREAD * _SPREAD_RUNS) / (weight + _SPREAD_RUNS)


def _overdue(job: Job, usual: Mapping[int, Durations], now: float) -> tuple[int, ...]:
    """The running steps that take longer than ever, also for a job of the pace of those that are done."""
    done = [step for step in job.steps if step.status is StepStatus.DONE]
    pace = max(_pace(done, usual, now)[0], 1.0)
    return tuple(
        step.pos
        for step in job.steps
        if step.status is StepStatus.RUNNING
        and (known := usual.get(step.pos)) is not None
        and (_elapsed(step, now) or 0.0) > known.slow_after * pace
    )


def _simulated(works: Mapping[int, _Work], job: Job) -> tuple[float, float]:
    """The mean and the standard deviation of some simulations. They draw the same numbers each time."""
    simulation, random = _Simulation(works, job.edges, job.options.parallel), Random(1)  # noqa: S311 - no secret
    count = min(max(_MOST_DRAWN // len(works), _FEWEST_SIMULATIONS), _MOST_SIMULATIONS)
    drawn = [simulation.seconds(random) for _ in range(count)]
    return fmean(drawn), stdev(drawn)


def _work(step: Step, known: Durations | None, typical: float, pace: float, now: float) -> _Work:
    mean = (typical if known is None else known.mean) * pace
    return _Work(mean, _UNKNOWN_SPREAD if known is None else spread(known), _elapsed(step, now))


class _Simulation:
    """The rest of a job, as the schedule would run it: the step with the longest chain of dependents first."""

    def __init__(self, works: Mapping[int, _Work], edges: Iterable[tuple[int, int]], parallel: int) -> None:
        self._works = works
        self._parallel = max(parallel, 1)
        self._waits: dict[int, int] = dict.fromkeys(works, 0)
        self._after: dict[int, list[int]] = {pos: [] for pos in works}
        for before, later in edges:
            if before in works and later in works:
                self._after[before].append(later)
                self._waits[later] += 1
        self._rank = self._ranks() if parallel > 1 else {pos: (0.0, pos) for pos in works}

    def _ranks(self) -> dict[int, tuple[float, int]]:
        """By the longest chain that starts at each step. Edges lead forward."""
        chains: dict[int, float] = {}
        for pos in sorted(self._works, reverse=True):
            chains[pos] = self._works[pos].mean + max((chains[later] for later in self._after[pos]), default=0.0)
        return {pos: (-chain, pos) for pos, chain in chains.items()}

    def seconds(self, random: Random) -> float:
        """When the last step ends, with durations drawn at random."""
        waits = self._waits.copy()
        running = [(work.drawn(random), pos) for pos, work in self._works.items() if work.elapsed is not None]
        ready = [self._rank[pos] for pos, count in waits.items() if not count and self._works[pos].elapsed is None]
        heapq.heapify(running)
        heapq.heapify(ready)
        moment = 0.0
        while running or ready:
            while ready and len(running) < self._parallel:
                pos = heapq.heappop(ready)[1]
                heapq.heappush(running, (moment + self._works[pos].drawn(random), pos))
            moment, ended = heapq.heappop(running)
            for later in self._after[ended]:
                waits[later] -= 1
                if not waits[later] and self._works[later].elapsed is None:
                    heapq.heappush(ready, self._rank[later])
        return moment
