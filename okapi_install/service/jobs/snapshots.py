"""A job at one moment: states, counts, times, slow steps and an estimate.

The API and the page render these values and compute none themselves. They choose how to word and draw a state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from okapi_install.domain.jobs import Job, JobStatus, Step
from okapi_install.domain.presentation.log_links import LogLinks
from okapi_install.domain.presentation.states import ModuleCounts, State, job_state, step_state
from okapi_install.domain.workers import worker_name
from okapi_install.service.jobs.estimates import Estimate, estimate
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.jobs.waiting import Waiting, WaitingService
from okapi_install.service.ports import Durations

_NO_LOGS = LogLinks()


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

    waiting: Waiting | None = None
    """Why nothing happens to it; None if something does, or if it is complete."""

    @property
    def remaining(self) -> float | None:
        """The estimated seconds until its end, from its start if it has not started; None if there is no figure."""
        return None if self.estimate is None else self.estimate.seconds

    @property
    def ticking(self) -> bool:
        """Whether `elapsed` still grows."""
        return self.job.started is not None and not self.job.complete

    @property
    def total_elapsed(self) -> float | None:
        """Seconds since the job was started first, whatever was retried; None if it never started."""
        return _elapsed(self.job.first_started, self.job.ended, self.at)

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
    log_url: str | None = None
    """The link to the log of its module; None if there is none."""

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
        counts=ModuleCounts.of(job.steps, states),
        elapsed=_elapsed(job.started, job.ended, now),
        estimate=None if usual is None else estimate(job, usual, now),
    )


def snapshot_of(job: Job, usual: Mapping[int, Durations], now: float, logs: LogLinks = _NO_LOGS) -> JobSnapshot:
    """The snapshot of a job. `usual` has the durations of earlier jobs by the position of the step."""
    summary = summary_of(job, now, usual)
    after: dict[int, list[int]] = {}
    for before, later in sorted(job.edges):
        after.setdefault(later, []).append(before)
    steps = tuple(
        _step(step, state, usual.get(step.pos), after.get(step.pos, ()), now)._replace(log_url=logs.of(job, step))
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

    def __init__(
        self,
        timings: TimingsService,
        now: Callable[[], float] = time.time,
        logs: LogLinks = _NO_LOGS,
        waiting: WaitingService | None = None,
    ) -> None:
        """Without `waiting` nothing is said about why jobs wait."""
        self._timings = timings
        self._logs = logs
        self.waiting = waiting
        self.now = now
        """Seconds since 1970."""

    def no_worker(self) -> bool:
        """Whether no worker is alive."""
        return self.waiting is not None and self.waiting.no_worker()

    def summary(self, job: Job) -> JobSummary:
        """The summary without an estimate. It needs no read."""
        return summary_of(job, self.now())

    def summaries(self, jobs: Sequence[Job]) -> list[JobSummary]:
        """The summaries for a list. One read has the durations for all jobs that are not complete."""
        usual = self._timings.usual_of([job for job in jobs if not job.complete])
        waiting = {} if self.waiting is None else self.waiting.of_many(jobs)
        now = self.now()
        return [replace(summary_of(job, now, usual.get(job.id)), waiting=waiting.get(job.id)) for job in jobs]

    def of(self, job: Job) -> JobSnapshot:
        """The whole snapshot: modules, their usual durations, and the estimate."""
        now = self.now()
        found = snapshot_of(job, self._timings.usual(job), now, self._logs)
        if self.waiting is None or job.complete:
            return found
        return replace(found, summary=replace(found.summary, waiting=self.waiting.of(job, now)))
