"""A job at one moment: states, counts, times, slow steps and an estimate.

The API and the page render these values and compute none themselves. They choose how to word and draw a state.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from okapi_install.domain.jobs import Job, JobStatus, ProblemCode, Step, StepStatus
from okapi_install.domain.workers import worker_name
from okapi_install.service.jobs.estimates import Estimate, estimate
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.ports import Durations


class State(StrEnum):
    """The state of a job or a module for readers. It distinguishes more than the store does."""

    WAITING = "waiting"
    RUNNING = "running"
    ABORTING = "aborting"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    """It ended because the job was aborted or revoked. Nothing has failed."""
    NOT_RUN = "not run"
    """The job ended before the module was started."""


_OF_JOB = {
    JobStatus.QUEUED: State.WAITING,
    JobStatus.RUNNING: State.RUNNING,
    JobStatus.ABORTING: State.ABORTING,
    JobStatus.DONE: State.DONE,
    JobStatus.ERROR: State.FAILED,
}
_OF_STEP = {StepStatus.RUNNING: State.RUNNING, StepStatus.DONE: State.DONE, StepStatus.ERROR: State.FAILED}
_CUT_SHORT = frozenset({ProblemCode.ABORTED, ProblemCode.CUT_SHORT})
"""Codes of the last error of a step that was running when its job was aborted or revoked."""


def job_state(job: Job) -> State:
    """The state of a job. One that was aborted or revoked is stored as an error, but nothing has failed."""
    return State.STOPPED if _was_stopped(job) else _OF_JOB[job.status]


def step_state(step: Step, job: Job) -> State:
    """The state of one of the job's modules."""
    if step.status is None:
        return State.NOT_RUN if job.complete else State.WAITING
    if step.status is StepStatus.ERROR and _was_stopped(job) and step.errors and step.errors[-1].code in _CUT_SHORT:
        return State.STOPPED
    return _OF_STEP[step.status]


def _was_stopped(job: Job) -> bool:
    return job.status is JobStatus.ERROR and job.reason is not None and job.reason.stopped


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleCounts:
    """How many modules a job has, and how many are in each state. A state without modules may be missing."""

    total: int
    by_state: Mapping[State, int]

    @classmethod
    def of_job(cls, job: Job) -> ModuleCounts:
        """The counts of a job."""
        return cls.of_states([step_state(step, job) for step in job.steps])

    @classmethod
    def of_states(cls, states: Collection[State]) -> ModuleCounts:
        """The counts of modules in these states."""
        return cls(total=len(states), by_state=Counter(states))

    def count(self, *states: State) -> int:
        """How many are in one of these states."""
        return sum(self.by_state.get(state, 0) for state in states)

    @property
    def by_status(self) -> dict[str, int]:
        """For a document: `total`, and how many have each status of OKAPI-874."""
        return {
            "total": self.total,
            StepStatus.RUNNING.value: self.count(State.RUNNING),
            StepStatus.DONE.value: self.count(State.DONE),
            StepStatus.ERROR.value: self.count(State.FAILED, State.STOPPED),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSummary:
    """A job in a list."""

    job: Job
    at: float
    """The moment, in seconds since 1970."""
    state: State
    step_states: tuple[State, ...]
    """In the order of the job's steps."""
    counts: ModuleCounts
    elapsed: float | None
    """Seconds since the job was started, up to its end; None if it has not started."""
    estimate: Estimate | None = None
    """How long it still takes, or why nobody knows; None if it is complete."""

    @property
    def remaining(self) -> float | None:
        """The estimated seconds until its end, from its start if it has not started; None if there is no figure."""
        return None if self.estimate is None else self.estimate.seconds

    @property
    def ticking(self) -> bool:
        """Whether `elapsed` still grows."""
        return self.job.started is not None and not self.job.complete

    @property
    def worker(self) -> str | None:
        """The name of the worker that has the job, or had it last."""
        return self.job.owner and worker_name(self.job.owner)

    @property
    def can_abort(self) -> bool:
        """Whether an abort would change anything."""
        return not self.job.complete and self.job.status is not JobStatus.ABORTING

    @property
    def can_retry(self) -> bool:
        """Whether the job may be retried: it ended as an error, and not every module is done."""
        all_done = 0 < self.counts.total == self.counts.count(State.DONE)
        return self.job.status is JobStatus.ERROR and not all_done


class StepSnapshot(NamedTuple):
    """One module of a job. A tuple and not a dataclass: it is made twice as fast, and a large job has 140 of them."""

    step: Step
    state: State
    elapsed: float | None
    """Seconds since its first attempt in this run, up to its end; None if it has not started."""
    usual: Durations | None
    """How long its product took in earlier jobs; None if it never ran."""
    slow: bool
    """Whether it is running, and for longer than its product ever took."""
    after: tuple[int, ...]
    """The positions of the modules that it waits for."""

    @property
    def expected(self) -> float | None:
        """How many seconds it usually takes."""
        return None if self.usual is None else self.usual.mean


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSnapshot:
    """A job with its modules and its estimate."""

    summary: JobSummary
    steps: tuple[StepSnapshot, ...]
    expected: float | None
    """How many seconds its modules usually take one after the other; None if nothing is known."""

    @property
    def job(self) -> Job:
        """The job itself."""
        return self.summary.job


def summary_of(job: Job, now: float, usual: Mapping[int, Durations] | None = None) -> JobSummary:
    """The summary of a job at a moment in seconds since 1970. Without `usual` it has no estimate."""
    states = tuple(step_state(step, job) for step in job.steps)
    return JobSummary(
        job=job,
        at=now,
        state=job_state(job),
        step_states=states,
        counts=ModuleCounts.of_states(states),
        elapsed=_elapsed(job.started, job.ended, now),
        estimate=None if usual is None else estimate(job, usual, now),
    )


def snapshot_of(job: Job, usual: Mapping[int, Durations], now: float) -> JobSnapshot:
    """The snapshot of a job. `usual` has the durations of earlier jobs by the position of the step."""
    summary = summary_of(job, now, usual)
    after: dict[int, list[int]] = {}
    for before, later in sorted(job.edges):
        after.setdefault(later, []).append(before)
    steps = tuple(
        _step(step, state, usual.get(step.pos), after.get(step.pos, ()), now)
        for step, state in zip(job.steps, summary.step_states, strict=True)
    )
    return JobSnapshot(
        summary=summary,
        steps=steps,
        expected=sum(durations.mean for durations in usual.values()) if usual else None,
    )


def _step(step: Step, state: State, usual: Durations | None, after: Iterable[int], now: float) -> StepSnapshot:
    elapsed = _elapsed(step.started, step.ended, now)
    overdue = elapsed is not None and usual is not None and elapsed > usual.slow_after
    return StepSnapshot(step, state, elapsed, usual, overdue and state is State.RUNNING, tuple(after))


def _elapsed(started: float | None, ended: float | None, now: float) -> float | None:
    return None if started is None else max((now if ended is None else ended) - started, 0.0)


class SnapshotService:
    """Snapshots of jobs as of now. Reads the usual durations for them."""

    def __init__(self, timings: TimingsService, now: Callable[[], float] = time.time) -> None:
        self._timings = timings
        self.now = now
        """Seconds since 1970."""

    def summary(self, job: Job) -> JobSummary:
        """The summary without an estimate. It needs no read."""
        return summary_of(job, self.now())

    def summaries(self, jobs: Sequence[Job]) -> list[JobSummary]:
        """The summaries for a list. One read has the durations for all jobs that are not complete."""
        usual = self._timings.usual_of([job for job in jobs if not job.complete])
        now = self.now()
        return [summary_of(job, now, usual.get(job.id)) for job in jobs]

    def of(self, job: Job) -> JobSnapshot:
        """The whole snapshot: modules, their usual durations, and the estimate."""
        return snapshot_of(job, self._timings.usual_of([job])[job.id], self.now())
