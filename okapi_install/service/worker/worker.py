"""A worker's part in the life of jobs: claim, carry out, keep the lease, take over what others lost.

One Runner for a worker process. It does not know Celery; tasks and signals call it.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

import structlog

from okapi_install.domain.errors import LostJob, OkapiInstallError, StoreNotWritable, StoreUnavailable
from okapi_install.domain.foreign_text import bounded
from okapi_install.domain.jobs import JobStatus
from okapi_install.domain.passed_headers import passed_on
from okapi_install.service.metrics import REPUBLISHED, TAKEN_OVER
from okapi_install.service.ports import Beat, Claim, Crew, Ending, JobRef, Queue, Tasks
from okapi_install.service.trace_context import headers_under, parent_of
from okapi_install.service.worker.cleanup import REVOKED, Aftermath, LostRun
from okapi_install.service.worker.context import Workshop
from okapi_install.service.worker.fair_limit import FairLimit
from okapi_install.service.worker.job_run import JobRun
from okapi_install.service.worker.observer import count_end

log = structlog.get_logger()

_AT_ONCE = 8
"""How many jobs begin at once in a process. What has come first gets to its modules first, however many come; modules
that are slow are then at work while other jobs still begin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """The times of a worker, in seconds: how long a lease lasts, when to look what others lost.

    `most_takeovers` is how often a job may be taken over before one of its steps ends.
    """

    lease: float = 15.0
    republish_after: float = 10.0
    most_takeovers: int = 5


@dataclass(kw_only=True, slots=True)
class Running:
    """A job that this process carries out, and how to interrupt it.

    `confirmed` is when it was last asked of the store with the answer that the claim holds.
    """

    claim: Claim
    headers: Mapping[str, str]
    crew: Crew
    run: JobRun
    interrupt: Callable[[], None]
    confirmed: float


class Runner:
    """Carries out the jobs that this worker claims."""

    def __init__(self, shop: Workshop, tasks: Tasks, queue: Queue, *, worker: str, rhythm: Rhythm) -> None:
        self._shop = shop
        self._tasks = tasks
        self._queue = queue
        self._worker = worker
        self._rhythm = rhythm
        self._aftermath = Aftermath(shop, tasks)
        self._running: dict[str, Running] = {}
        self._held: Counter[str] = Counter()
        self._strays: set[tuple[str, int]] = set()
        self._stopping = False
        self._renewed = shop.clock.monotonic()
        self._trusts_leases_from = self._renewed
        self._beginning = FairLimit(_AT_ONCE)

    def run(self, job_id: str, task_id: str | None) -> None:
        """Carries the job out if it can be claimed; else returns at once, because another has it, or it is gone."""
        if self._stopping:
            return
        with structlog.contextvars.bound_contextvars(job=job_id), self._holding(job_id), ExitStack() as beginning:
            beginning.enter_context(self._beginning.one())
            claim = self._claim(job_id, task_id)
            if claim is not None:
                with structlog.contextvars.bound_contextvars(tenant=claim.job.tenant):
                    self._trace(claim, beginning.close)

    def _claim(self, job_id: str, task_id: str | None) -> Claim | None:
        return self._shop.without_end(lambda: self._shop.store.claim(job_id, self._worker, task_id, self._rhythm.lease))

    @contextmanager
    def _holding(self, job_id: str) -> Iterator[None]:
        """While it lasts, the job's claim is known here, even if the store's answer is still on its way."""
        self._held[job_id] += 1
        try:
            yield
        finally:
            self._held[job_id] -= 1
            self._held = +self._held

    def _trace(self, claim: Claim, begun: Callable[[], None]) -> None:
        job = claim.job
        about = {"okapi_install.job": job.id, "folio.tenant": job.tenant, "okapi_install.worker": claim.worker}
        parent = parent_of(claim.headers)
        with self._shop.tracer.start_as_current_span(f"job {job.kind.value}", parent, attributes=about) as span:
            self._carry_out(claim, {**passed_on(claim.headers), **headers_under(span, parent)}, begun)

    def _carry_out(self, claim: Claim, headers: Mapping[str, str], begun: Callable[[], None]) -> None:
        if claim.taken_over:
            self._shop.meters.count(TAKEN_OVER)
            log.info("job is taken over: its worker's lease had run out", epoch=claim.epoch)
        if claim.takeovers > self._rhythm.most_takeovers:
            self._publish(self._aftermath.end_outlived(claim))
            return
        crew = self._tasks.crew()
        if claim.aborting:
            self._clean_up(claim, headers)
            return
        run, now = JobRun(self._shop, claim, headers, crew, self._silent_too_long, begun), self._shop.clock.monotonic()
        interrupt = self._tasks.current()
        running = Running(claim=claim, headers=headers, crew=crew, run=run, interrupt=interrupt, confirmed=now)
        self._running[claim.job.id] = running
        try:
            self._publish(run.carry_out())
        except LostJob:
            self._tasks.background(lambda: self._settle(running))
        except StoreNotWritable as problem:
            self._fail(running, problem.message)
        except Exception as problem:
            log.exception("job failed unexpectedly")
            self._fail(running, f"Internal error: {type(problem).__name__}: {bounded(str(problem))}")
        except BaseException:
            self._tasks.background(lambda: self._settle(running))
            raise
        finally:
            self._running.pop(claim.job.id, None)

    def _settle(self, running: Running) -> None:
        """After an interruption. It runs in the background, where a second revoke of the task does not reach it."""
        with self._holding(running.claim.job.id):
            running.crew.kill()
            follower = self._aftermath.settle(
                running.claim,
                running.run,
                running.headers,
                sole_owner=lambda: self._lasts(running.confirmed),
                stopping=self._stopping,
            )
            self._publish(follower)

    def _clean_up(self, claim: Claim, headers: Mapping[str, str]) -> None:
        """After the interruption of another worker that is lost."""
        now = self._shop.clock.monotonic()
        self._publish(self._aftermath.settle(claim, LostRun(claim), headers, sole_owner=lambda: self._lasts(now)))

    def _lasts(self, confirmed: float) -> bool:
        """Whether a lease that was given or renewed then has not run out yet."""
        return self._shop.clock.monotonic() - confirmed <= self._rhythm.lease

    def _fail(self, running: Running, message: str) -> None:
        """Ends a job that cannot be carried on. Its claim holds until the store takes the end."""
        running.crew.kill()
        log.warning("job cannot be carried on; it ends as soon as the store takes that", cause=message)
        ending = Ending(status=JobStatus.ERROR, message=message, error_status=500, reason="failed")
        try:
            self._publish(self._aftermath.give_up(running.claim, running.run, running.headers, ending))
        except LostJob:
            self._tasks.background(lambda: self._settle(running))

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
        """The job's task was revoked. If it had not begun, its info is kept, as an error with the reason.

        If its worker is lost, it is ended here: no worker that heard of the revoke takes a message about it any more.
        """
        ending = Ending(status=JobStatus.ERROR, message=REVOKED, error_status=500, reason="revoked")
        if self._shop.without_end(lambda: self._shop.store.end_queued(job_id, ending)):
            count_end(self._shop.meters, ending)
            log.warning("queued job revoked", job=job_id)
            self._shop.notifier.changed(job_id, now=True)
            return
        with structlog.contextvars.bound_contextvars(job=job_id), self._holding(job_id):
            claim = self._claim(job_id, None)
            if claim is not None:
                self._clean_up(claim, passed_on(claim.headers))

    def beat(self) -> None:
        """Renews the leases of all jobs of this process; interrupts those that were aborted or lost."""
        judged, asked = dict(self._running), self._shop.clock.monotonic()
        try:
            beats = {beat.job_id: beat for beat in self._shop.store.beat(self._worker, self._rhythm.lease)}
        except StoreUnavailable as problem:
            log.warning("no heartbeat: the store is away", cause=problem.message)
            self._trust_no_lease()
            return
        self._renewed = asked
        for job_id, running in judged.items():
            beat = beats.get(job_id)
            if beat is not None and beat.epoch == running.claim.epoch:
                running.confirmed = asked
                if beat.status is JobStatus.RUNNING:
                    continue
            if self._running.get(job_id) is running:
                running.interrupt()
        self._disown_strays(list(beats.values()))

    def _trust_no_lease(self) -> None:
        """While the store is away no worker can renew a lease: when it is back, all have the time of one to do that."""
        self._trusts_leases_from = self._shop.clock.monotonic() + self._rhythm.lease

    def _silent_too_long(self) -> bool:
        return not self._lasts(self._renewed)

    def _disown_strays(self, beats: list[Beat]) -> None:
        """Claims whose answer was lost, seen by two beats: nobody works on them, but our beats would keep them."""
        unknown = {(beat.job_id, beat.epoch): beat for beat in beats if beat.job_id not in self._held}
        for key in unknown.keys() & self._strays:
            log.warning("a claim without a task is given up", job=key[0])
            with suppress(StoreUnavailable):
                self._shop.store.disown(self._worker, unknown[key])
        self._strays = set(unknown)

    def sweep(self) -> None:
        """Sends messages about jobs that nobody works on: their worker is lost, or their message was."""
        if self._silent_too_long() or self._shop.clock.monotonic() < self._trusts_leases_from:
            return
        try:
            jobs = self._shop.store.sweep(self._rhythm.lease, self._rhythm.republish_after)
        except StoreUnavailable as problem:
            log.warning("nothing swept: the store is away", cause=problem.message)
            self._trust_no_lease()
            return
        for job in jobs:
            self._shop.meters.count(REPUBLISHED)
            log.info("job is published again", job=job.id, tenant=job.tenant)
            self._publish(job)

    def forget_complete(self, seconds: float) -> None:
        """Removes complete jobs that ended longer ago than that."""
        try:
            gone = self._shop.store.purge_complete(seconds)
        except StoreUnavailable:
            return
        if gone:
            log.info("complete jobs removed, as keep_complete_seconds says", jobs=gone)

    def stop(self) -> None:
        """Gives all jobs back, so that other workers go on with them."""
        self._stopping = True
        for running in list(self._running.values()):
            running.interrupt()

    def leave(self) -> None:
        """The last that this process does: it is not counted as a worker any more."""
        with suppress(StoreUnavailable):
            self._shop.store.leave(self._worker)

    @property
    def busy(self) -> int:
        """How many jobs this process carries out."""
        return len(self._running)
