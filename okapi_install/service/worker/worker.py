"""A worker's part in the life of jobs: claims them, runs them, renews their leases, takes over what others lost.

One Worker for a process. It does not know Celery; tasks and signals call it.
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
from okapi_install.service.ports import REVOKED, Beat, Claim, Crew, Ending, JobRef, Queue, Tasks
from okapi_install.service.trace_context import headers_under, parent_of
from okapi_install.service.worker.cleanup import Cleanup
from okapi_install.service.worker.context import WorkerContext
from okapi_install.service.worker.fair_limit import FairLimit
from okapi_install.service.worker.job_run import JobRun
from okapi_install.service.worker.job_steps import JobSteps
from okapi_install.service.worker.lease import Lease

log = structlog.get_logger()

_AT_ONCE = 8
"""How many jobs start at once in a process. Jobs that came first call their modules first, however many come, and slow
modules work while other jobs still start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """The times of a worker, in seconds: how long a lease lasts, and when a message about a job is sent again.

    `most_takeovers` is how often a job may be taken over before one of its steps ends.
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

    def run(self, job_id: str, task_id: str | None) -> None:
        """Runs the job if it can be claimed; else returns at once, because another worker has it, or it is gone."""
        if self._stopping:
            return
        with structlog.contextvars.bound_contextvars(job=job_id), self._holding(job_id), ExitStack() as starting:
            starting.enter_context(self._starting.one())
            lease = self._claim(job_id, task_id)
            if lease is None:
                return
            job, parent = lease.job, parent_of(lease.claim.headers)
            about = {"okapi_install.job": job.id, "folio.tenant": job.tenant, "okapi_install.worker": self._identity}
            with (
                structlog.contextvars.bound_contextvars(tenant=job.tenant),
                self._context.tracer.start_as_current_span(f"job {job.kind.value}", parent, attributes=about) as span,
            ):
                lease.headers |= headers_under(span, parent)
                self._run(lease, starting)

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
        """While it lasts, the job's claim is known here, even if the store's response is still on its way."""
        self._held[job_id] += 1
        try:
            yield
        finally:
            self._held[job_id] -= 1
            self._held = +self._held

    def _run(self, lease: Lease, starting: ExitStack) -> None:
        """Runs a claimed job to its end, or cleans up. `starting` is left when the job's first steps have started."""
        claim, steps, crew = lease.claim, JobSteps.of(lease.claim, lease.now), self._tasks.crew()
        self._context.observer.job_claimed(claim)
        if claim.takeovers > self._rhythm.most_takeovers:
            self._publish(self._cleanup.end_outlived(lease, steps))
            return
        if claim.aborting:
            self._publish(self._cleanup.settle(lease, steps))
            return
        self._leases[claim.job.id] = lease
        try:
            run = JobRun.start(self._context, lease, steps, crew)
            starting.close()
            self._publish(run.finish())
        except LostJob:
            self._tasks.background(lambda: self._settle(lease, steps, crew))
        except StoreNotWritable as problem:
            self._fail(lease, steps, crew, problem.message)
        except Exception as problem:
            log.exception("job failed unexpectedly")
            self._fail(lease, steps, crew, messages.internal_error(type(problem).__name__, bounded(str(problem))))
        except BaseException:
            self._tasks.background(lambda: self._settle(lease, steps, crew))
            raise
        finally:
            self._leases.pop(claim.job.id, None)

    def _settle(self, lease: Lease, steps: JobSteps, crew: Crew) -> None:
        """After an interruption. It runs in the background, where a second revoke of the task does not reach it."""
        with self._holding(lease.job.id):
            self._cleanup.stop(lease, steps, crew)
            self._publish(self._cleanup.settle(lease, steps, stopping=self._stopping))

    def _fail(self, lease: Lease, steps: JobSteps, crew: Crew, message: str) -> None:
        """Ends a job that cannot go on. Its claim holds until the store takes the end."""
        self._cleanup.stop(lease, steps, crew)
        log.warning("job cannot be carried on; it ends as soon as the store takes that", cause=message)
        ending = Ending(status=JobStatus.ERROR, message=message, error_type=ErrorType.INTERNAL, reason=EndReason.FAILED)
        try:
            self._publish(self._cleanup.give_up(lease, steps, ending))
        except LostJob:
            self._tasks.background(lambda: self._settle(lease, steps, crew))

    def _publish(self, job: JobRef | None) -> None:
        """Sends a message about a job. If that fails, a sweeper sends it later."""
        if job is None:
            return
        job = replace(job, task_id=job.task_id or str(uuid.uuid4()))
        try:
            self._queue.publish(job)
        except OkapiInstallError as problem:
            log.warning("message not sent; a sweeper will", job=job.id, cause=problem.message)

    def revoked(self, job_id: str) -> None:
        """The job's task was revoked. If it had not started, its info is kept, as an error with the reason.

        If its worker is lost, it is ended here: no worker that got the revoke takes a message about it any more.
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
        """Renews the leases of all jobs of this process; interrupts those that were aborted or lost."""
        judged, asked = dict(self._leases), self._context.clock.monotonic()
        try:
            beats = {beat.job_id: beat for beat in self._context.store.beat(self._identity, self._rhythm.lease)}
        except StoreUnavailable as problem:
            log.warning("no heartbeat: the store is unavailable", cause=problem.message)
            self._trust_no_lease()
            return
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
        """While the store is unavailable no worker can renew a lease. Afterwards all have the time of one to do so."""
        self._trusts_leases_from = self._context.clock.monotonic() + self._rhythm.lease

    def _silent_too_long(self) -> bool:
        return self._context.clock.monotonic() - self._renewed > self._rhythm.lease

    def _disown_strays(self, beats: list[Beat]) -> None:
        """Ends claims that this worker holds but does not run, after two beats.

        Their response was lost, and our heartbeats would renew them forever.
        """
        unknown = {(beat.job_id, beat.epoch): beat for beat in beats if beat.job_id not in self._held}
        for key in unknown.keys() & self._strays:
            log.warning("a claim without a task is given up", job=key[0])
            with suppress(StoreUnavailable):
                self._context.store.disown(self._identity, unknown[key])
        self._strays = set(unknown)

    def sweep(self) -> None:
        """Sends messages about jobs that no worker runs: their worker is lost, or their message was."""
        if self._silent_too_long() or self._context.clock.monotonic() < self._trusts_leases_from:
            return
        try:
            jobs = self._context.store.sweep(self._rhythm.lease, self._rhythm.republish_after)
        except StoreUnavailable as problem:
            log.warning("nothing swept: the store is unavailable", cause=problem.message)
            self._trust_no_lease()
            return
        for job in jobs:
            self._context.observer.job_republished(job)
            self._publish(job)

    def forget_complete(self, seconds: float) -> None:
        """Removes complete jobs that ended longer ago than that."""
        try:
            gone = self._context.store.purge_complete(seconds)
        except StoreUnavailable:
            return
        if gone:
            log.info("complete jobs removed, as keep_complete_seconds says", jobs=gone)

    def stop(self) -> None:
        """Gives all jobs back, so that other workers go on with them."""
        self._stopping = True
        for lease in list(self._leases.values()):
            lease.interrupt()

    def leave(self) -> None:
        """The last act of this process: it is not counted as a worker any more."""
        with suppress(StoreUnavailable):
            self._context.store.leave(self._identity)

    @property
    def busy(self) -> int:
        """How many jobs this process runs."""
        return len(self._leases)
