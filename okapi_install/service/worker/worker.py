"""Claims jobs, runs them, renews their leases, and takes over jobs of lost workers.

There is one Worker per process. It does not depend on Celery, whose tasks and signals call it.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

import structlog

from okapi_install.domain import messages
from okapi_install.domain.errors import ErrorType, LostJob, OkapiInstallError, StoreNotWritable, StoreUnavailable
from okapi_install.domain.foreign_text import bounded
from okapi_install.domain.jobs import EndReason, JobStatus
from okapi_install.domain.passed_headers import passed_on
from okapi_install.service.fair_limit import FairLimit
from okapi_install.service.ports import REVOKED, Beat, Claim, Crew, Ending, JobRef, Queue, Tasks
from okapi_install.service.run_results import RunEnd, RunResult, ended
from okapi_install.service.trace_context import headers_under, parent_of
from okapi_install.service.worker.cleanup import Cleanup
from okapi_install.service.worker.context import WorkerContext
from okapi_install.service.worker.job_run import JobRun
from okapi_install.service.worker.job_steps import JobSteps
from okapi_install.service.worker.lease import Lease

log = structlog.get_logger()

NOT_ITS_TURN = RunResult(end=RunEnd.POSTPONED, text=messages.waits_for_earlier_job())
WORKER_STOPS = RunResult(end=RunEnd.POSTPONED, text=messages.worker_stops())
_AT_ONCE = 8
"""How many jobs may be starting at once in a process. Under load, the first jobs call their modules first, and slow
modules run while other jobs are starting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """Times of a worker in seconds: the length of a lease, and when a message about a job is sent again.

    `most_takeovers` is how often a job may be taken over without a step ending.
    """

    lease: float = 15.0
    republish_after: float = 10.0
    most_takeovers: int = 5


class Worker:
    """Runs the jobs that it claims. `identity` is written into its claims and heartbeats."""

    def __init__(self, context: WorkerContext, tasks: Tasks, queue: Queue, *, identity: str, rhythm: Rhythm) -> None:
        self._context = context
        self._tasks = tasks
        self._queue = queue
        self._identity = identity
        self._rhythm = rhythm
        self._cleanup = Cleanup(context, tasks)
        self._leases: dict[str, Lease] = {}
        self._held: Counter[str] = Counter()
        self._strays: set[tuple[str, int]] = set()
        self._stopping = False
        self._renewed = context.clock.monotonic()
        self._trusts_leases_from = self._renewed
        self._starting = FairLimit(_AT_ONCE)

    @property
    def stopping(self) -> bool:
        """Whether it takes no jobs any more, and has released those that it had."""
        return self._stopping

    def run(self, job_id: str, task_id: str | None) -> RunResult:
        """Runs the job if it can be claimed. Else another worker has it or it was removed, and this returns at once."""
        if self._stopping:
            return WORKER_STOPS
        with structlog.contextvars.bound_contextvars(job=job_id), self._holding(job_id), ExitStack() as starting:
            starting.enter_context(self._starting.one())
            lease = self._claim(job_id, task_id)
            if lease is None:
                return self._not_claimed(job_id, task_id)
            job, parent = lease.job, parent_of(lease.claim.headers)
            about = {"okapi_install.job": job.id, "folio.tenant": job.tenant, "okapi_install.worker": self._identity}
            with (
                structlog.contextvars.bound_contextvars(tenant=job.tenant),
                self._context.tracer.start_as_current_span(f"job {job.kind.value}", parent, attributes=about) as span,
            ):
                lease.headers |= headers_under(span, parent)
                return self._run(lease, starting)

    def _not_claimed(self, job_id: str, task_id: str | None) -> RunResult:
        """Why a job could not be claimed."""
        with suppress(StoreUnavailable):
            seen = self._context.store.revision(job_id)
            if seen is None or seen[1] is JobStatus.ERROR:
                self._context.observer.message_of_stopped_job(task_id)
            elif seen[1] is JobStatus.QUEUED:
                return NOT_ITS_TURN
        return RunResult(end=RunEnd.LEFT)

    def _claim(self, job_id: str, task_id: str | None) -> Lease | None:
        """The lease of a job; None if it cannot be claimed."""
        context, seconds = self._context, self._rhythm.lease

        def claimed() -> tuple[float, Claim | None]:
            return context.clock.monotonic(), context.store.claim(job_id, self._identity, task_id, seconds)

        at, claim = context.retries.without_end(claimed)
        if claim is None:
            return None
        return Lease(
            claim=claim,
            headers=passed_on(claim.headers),
            seconds=seconds,
            claimed=at,
            confirmed=at,
            interrupt=self._tasks.current(),
            store=context.store,
            retries=context.retries,
            observer=context.observer,
            clock=context.clock,
        )

    @contextmanager
    def _holding(self, job_id: str) -> Iterator[None]:
        """Within the block the claim of the job counts as known, even before the store's response has arrived."""
        self._held[job_id] += 1
        try:
            yield
        finally:
            self._held[job_id] -= 1
            self._held = +self._held

    def _run(self, lease: Lease, starting: ExitStack) -> RunResult:
        """Runs a claimed job to its end, or cleans up. `starting` is exited once the job's first steps have started."""
        claim, steps, crew = lease.claim, JobSteps.of(lease.claim, lease.now), self._tasks.crew()
        self._context.observer.job_claimed(claim)
        if claim.takeovers > self._rhythm.most_takeovers:
            self._publish(self._cleanup.end_outlived(lease, steps))
            return RunResult(end=RunEnd.FAILED, text=messages.outlived_workers(claim.takeovers - 1))
        if claim.aborting:
            self._publish(self._cleanup.settle(lease, steps))
            return RunResult(end=RunEnd.LEFT)
        self._leases[claim.job.id] = lease
        try:
            run = JobRun.start(self._context, lease, steps, crew, before_waiting=starting.close)
            starting.close()
            follower, ending = run.finish()
            self._publish(follower)
            return ended(lease.job, steps, ending)
        except LostJob:
            self._tasks.background(lambda: self._settle(lease, steps, crew))
            return RunResult(end=RunEnd.LEFT)
        except StoreNotWritable as problem:
            return self._fail(lease, steps, crew, problem.message)
        except Exception as problem:
            log.exception("job failed unexpectedly")
            words = messages.internal_error(type(problem).__name__, bounded(str(problem)))
            return self._fail(lease, steps, crew, words)
        except BaseException:
            self._tasks.background(lambda: self._settle(lease, steps, crew))
            raise
        finally:
            self._leases.pop(claim.job.id, None)

    def _settle(self, lease: Lease, steps: JobSteps, crew: Crew) -> None:
        """Cleans up after an interruption, in the background, where a second revoke of the task has no effect."""
        with self._holding(lease.job.id):
            self._cleanup.stop(lease, steps, crew)
            self._publish(self._cleanup.settle(lease, steps, stopping=self._stopping))

    def _fail(self, lease: Lease, steps: JobSteps, crew: Crew, message: str) -> RunResult:
        """Ends a job that cannot continue. Its claim is renewed until the store accepts the end."""
        self._cleanup.stop(lease, steps, crew)
        log.warning("job cannot continue; it ends as soon as the store accepts that", cause=message)
        ending = Ending(status=JobStatus.ERROR, message=message, error_type=ErrorType.INTERNAL, reason=EndReason.FAILED)
        try:
            self._publish(self._cleanup.give_up(lease, steps, ending))
            return ended(lease.job, steps, ending)
        except LostJob:
            self._tasks.background(lambda: self._settle(lease, steps, crew))
            return RunResult(end=RunEnd.LEFT)

    def _publish(self, job: JobRef | None) -> None:
        """Sends a message about a job. If that fails, the sweep sends it later."""
        if job is None:
            return
        job = replace(job, task_id=job.task_id or str(uuid.uuid4()))
        try:
            self._queue.publish(job)
        except OkapiInstallError as problem:
            log.warning("message not sent; the sweep will send it", job=job.id, cause=problem.message)

    def revoked(self, job_id: str) -> None:
        """Handles a revoked task. A job that had not started ends as an error with that reason.

        A job whose worker is lost is ended here too, because workers that got the revoke discard messages about it.
        """
        ending = REVOKED
        if self._context.retries.without_end(lambda: self._context.store.end_queued(job_id, ending)):
            self._context.observer.queued_job_revoked(job_id, ending)
            return
        with structlog.contextvars.bound_contextvars(job=job_id), self._holding(job_id):
            lease = self._claim(job_id, None)
            if lease is not None:
                self._publish(self._cleanup.settle(lease, JobSteps.of(lease.claim, lease.now)))

    def beat(self) -> None:
        """Renews the leases of all jobs of this process, and interrupts those that were aborted or lost."""
        judged, asked = dict(self._leases), self._context.clock.monotonic()
        try:
            found = self._context.store.beat(self._identity, self._rhythm.lease, self._context.about)
        except StoreUnavailable as problem:
            log.warning("no heartbeat: the store is unavailable", cause=problem.message)
            self._trust_no_lease()
            return
        beats = {beat.job_id: beat for beat in found}
        self._renewed = asked
        for job_id, lease in judged.items():
            beat = beats.get(job_id)
            if beat is not None and beat.epoch == lease.claim.epoch:
                lease.confirmed = asked
                if beat.status is JobStatus.RUNNING:
                    continue
            if self._leases.get(job_id) is lease:
                lease.interrupt()
        self._disown_strays(list(beats.values()))

    def _trust_no_lease(self) -> None:
        """Delays takeovers after an outage of the store, so that every worker has time to renew its leases."""
        self._trusts_leases_from = self._context.clock.monotonic() + self._rhythm.lease

    def _silent_too_long(self) -> bool:
        return self._context.clock.monotonic() - self._renewed > self._rhythm.lease

    def _disown_strays(self, beats: list[Beat]) -> None:
        """Ends claims that this worker holds but does not run, if two heartbeats in a row find them.

        Their response was lost, and our heartbeats would renew them forever.
        """
        unknown = {(beat.job_id, beat.epoch): beat for beat in beats if beat.job_id not in self._held}
        for key in unknown.keys() & self._strays:
            log.warning("a claim without a task is released", job=key[0])
            with suppress(StoreUnavailable):
                self._context.store.disown(self._identity, unknown[key])
        self._strays = set(unknown)

    def sweep(self) -> None:
        """Sends messages about jobs that no worker runs, because their worker or their message was lost."""
        if self._silent_too_long() or self._context.clock.monotonic() < self._trusts_leases_from:
            return
        try:
            jobs = self._context.store.sweep(self._rhythm.lease, self._rhythm.republish_after)
        except StoreUnavailable as problem:
            log.warning("no sweep: the store is unavailable", cause=problem.message)
            self._trust_no_lease()
            return
        for job in jobs:
            self._context.observer.job_republished(job)
            self._publish(job)

    def forget_complete(self, seconds: float) -> None:
        """Removes complete jobs and rollouts that ended more than that many seconds ago."""
        try:
            jobs = self._context.store.purge_complete(seconds)
            rollouts = self._context.store.purge_rollouts(seconds)
        except StoreUnavailable:
            return
        if jobs or rollouts:
            log.info("complete jobs and rollouts removed, as keep_complete_seconds says", jobs=jobs, rollouts=rollouts)

    def stop(self) -> None:
        """Releases all jobs, so that other workers continue them."""
        self._stopping = True
        for lease in list(self._leases.values()):
            lease.interrupt()

    def leave(self) -> None:
        """Called last in this process, which then no longer counts as a worker."""
        with suppress(StoreUnavailable):
            self._context.store.leave(self._identity)

    @property
    def busy(self) -> int:
        """How many jobs this process runs."""
        return len(self._leases)
