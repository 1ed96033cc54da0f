"""Measures the estimate of the time left: simulated jobs of a whole platform with random durations.

    python -m scripts.estimates [RUNS]

A job runs in a loop that draws what each module takes; no process is started and nobody waits. Earlier jobs, drawn in
the same way, are the experience. At 25, 50 and 75 % of the time the estimate is compared with what was really left.
The platform is a release of about 140 modules beside the checkout, or else that of the demo.
"""

from __future__ import annotations

import gzip
import heapq
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from okapi_install.demo.platform import platform
from okapi_install.domain.jobs import Change, InstallOptions, Job, JobKind, JobStatus, Step, StepStatus
from okapi_install.domain.modules.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.domain.modules.internal_module import internal_module
from okapi_install.domain.planning.resolver import resolve
from okapi_install.domain.planning.schedule import Schedule, edges
from okapi_install.domain.registry.registry import Registry
from okapi_install.service.jobs.estimates import EstimateKind, estimate
from okapi_install.service.ports import Durations

SHARED = Path(__file__).resolve().parents[2] / "shared"
MOMENTS = (0.25, 0.5, 0.75)
ALLOWED = 0.3
_EARLIER = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Weather:
    """How durations differ: the job's own pace, from job to job, and each module in a job. Both as of a lognormal."""

    name: str
    pace: float
    noise: float
    parallel: int


WEATHERS = (
    Weather(name="one after the other", pace=0.4, noise=0.3, parallel=1),
    Weather(name="four at once", pace=0.4, noise=0.3, parallel=4),
    Weather(name="all at once", pace=0.4, noise=0.3, parallel=1000),
    Weather(name="four at once, very uneven", pace=0.8, noise=0.7, parallel=4),
    Weather(name="all at once, very uneven", pace=0.8, noise=0.7, parallel=1000),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is installed, and the registry that it comes from."""

    changes: tuple[Change, ...]
    get: Callable[[str], ModuleSummary | None]
    edges: tuple[tuple[int, int], ...]


def plan_of_platform() -> Plan:
    """The plan of a whole release for an empty tenant; of the demo's platform, if there is no release."""
    release = SHARED / "registry" / "releases" / "R1-2024-csp-8.covered.json"
    if not release.is_file():
        return plan_of_demo()
    documents = json.loads(gzip.decompress((SHARED / "resolver" / "registry.json.gz").read_bytes()))
    return _plan(documents, json.loads(release.read_text()))


def plan_of_demo() -> Plan:
    """The plan of the demo's platform for an empty tenant."""
    return _plan(platform(), [str(found["id"]) for found in platform()])


def _plan(documents: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> Plan:
    modules = [ModuleDescriptor.parse(dict(found)).summary() for found in documents]
    registry = Registry([*modules, internal_module().summary()])
    wanted = [Change(id=each) for each in ids if registry.get(each) is not None]
    changes = tuple(resolve(registry, [], wanted, InstallOptions()))
    return Plan(changes, registry.get, edges(changes, registry.get, []))


def drawn(random: Random, bases: Sequence[float], weather: Weather, pace: float) -> list[float]:
    """What each module takes in one job."""
    return [base * pace * random.lognormvariate(0.0, weather.noise) for base in bases]


def experience(random: Random, bases: Sequence[float], weather: Weather) -> dict[int, Durations]:
    """What earlier jobs took."""
    runs = [drawn(random, bases, weather, 1.0) for _ in range(_EARLIER)]
    return {
        pos: Durations(count=_EARLIER, mean=sum(each) / _EARLIER, longest=max(each))
        for pos, each in enumerate(zip(*runs, strict=True))
    }


def times(
    plan: Plan, seconds: Sequence[float], usual: Mapping[int, Durations], parallel: int
) -> list[tuple[float, float]]:
    """When each step starts and ends, by the schedule of the workers."""
    expected = {pos: known.mean for pos, known in usual.items()}
    schedule = Schedule(plan.changes, (), plan.get, (), dep_check=True, parallel=parallel, seconds=expected)
    found = [(0.0, 0.0)] * len(plan.changes)
    running: list[tuple[float, int]] = []
    now = 0.0
    while True:
        for pos in schedule.begin():
            found[pos] = now, now + seconds[pos]
            heapq.heappush(running, (found[pos][1], pos))
        if not running:
            return found
        now, ended = heapq.heappop(running)
        schedule.finished(ended)


def job_at(plan: Plan, when: Sequence[tuple[float, float]], now: float, parallel: int) -> Job:
    """The job as a reader sees it at that moment."""
    steps = []
    for pos, (start, end) in enumerate(when):
        step = Step(pos=pos, change=plan.changes[pos])
        if end <= now:
            step = replace(step, status=StepStatus.DONE, started=start + 1, ended=end + 1)
        elif start <= now:
            step = replace(step, status=StepStatus.RUNNING, started=start + 1)
        steps.append(step)
    return Job(
        id="job",
        tenant="diku",
        kind=JobKind.INSTALL,
        status=JobStatus.RUNNING,
        options=InstallOptions(parallel=parallel),
        request=plan.changes,
        steps=tuple(steps),
        created=1.0,
        started=1.0,
        edges=plan.edges,
    )


def errors(plan: Plan, weather: Weather, seed: int) -> list[tuple[float | None, EstimateKind | None]]:
    """For one job: how far off the estimate is at each moment, as a share of what was left."""
    random = Random(seed)  # noqa: S311 - a simulation
    bases = [random.lognormvariate(0.5, 1.2) for _ in plan.changes]
    usual = experience(random, bases, weather)
    when = times(plan, drawn(random, bases, weather, random.lognormvariate(0.0, weather.pace)), usual, weather.parallel)
    total = max(end for _, end in when)
    found = []
    for share in MOMENTS:
        now = total * share
        told = estimate(job_at(plan, when, now, weather.parallel), usual, now + 1)
        left = total - now
        off = None if told is None or told.seconds is None else told.seconds / left - 1
        found.append((off, None if told is None else told.kind))
    return found


def report(plan: Plan, runs: int) -> list[str]:
    """The figures as a Markdown table."""
    lines = [
        f"{len(plan.changes)} modules, {runs} jobs for each row; off: share of what was left",
        "",
        "| durations | at | given | median off | worst off | beyond 30 % | overdue |",
        "|---|---|---|---|---|---|---|",
    ]
    for weather in WEATHERS:
        jobs = [errors(plan, weather, seed) for seed in range(runs)]
        for place, share in enumerate(MOMENTS):
            off = [found for job in jobs if (found := job[place][0]) is not None]
            overdue = sum(job[place][1] is EstimateKind.OVERDUE for job in jobs)
            lines.append(_line(weather, share, runs, off, overdue))
    return lines


def _line(weather: Weather, share: float, runs: int, off: Sequence[float], overdue: int) -> str:
    sizes = sorted(abs(each) for each in off)
    middle, worst = (f"{median(sizes):.0%}", f"{sizes[-1]:.0%}") if sizes else ("-", "-")
    beyond = sum(each > ALLOWED for each in sizes)
    return f"| {weather.name} | {share:.0%} | {len(off)} of {runs} | {middle} | {worst} | {beyond} | {overdue} |"


if __name__ == "__main__":
    for line in report(plan_of_platform(), int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        print(line)
