"""The rollouts of the memory store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from okapi_install.domain import messages
from okapi_install.domain.errors import KeyReused, NotFound, UserError
from okapi_install.domain.jobs import Job, JobStatus, Step, StepStatus
from okapi_install.domain.rollouts import outcomes, requests, words
from okapi_install.domain.rollouts.decisions import decide
from okapi_install.domain.rollouts.estimate import Pace
from okapi_install.domain.rollouts.outcomes import JobState, after_job
from okapi_install.domain.rollouts.rollout import (
    PauseReason,
    Rollout,
    RolloutStatus,
    RolloutTenant,
    Tally,
    TenantStatus,
)
from okapi_install.domain.rollouts.turns import Turn, TurnLimits, has_turn
from okapi_install.service.ports import (
    Advanced,
    Claim,
    EndTenant,
    JobRef,
    NewJob,
    NewRollout,
    RetryJob,
    RolloutPage,
    RolloutView,
    Start,
    StartJob,
)
from tests.fakes.memory_mirror import MemoryMirror


@dataclass(kw_only=True)
class Kept:
    """A rollout with all that the store knows of it."""

    new: NewRollout
    rollout: Rollout
    tenants: dict[str, RolloutTenant]
    callback_due: float | None = None
    changes: list[Rollout] = field(default_factory=list)

    def tally(self) -> Tally:
        waves: dict[int, dict[TenantStatus, int]] = {}
        for one in self.tenants.values():
            counts = waves.setdefault(one.wave, {})
            counts[one.status] = counts.get(one.status, 0) + 1
        failed = [one for one in self.tenants.values() if one.status is TenantStatus.ERROR]
        return Tally(waves=waves, failures=len([one for one in failed if not one.pardoned]))

    def pace(self) -> Pace:
        done = [one for one in self.tenants.values() if one.status is TenantStatus.DONE]
        seconds = sum((one.ended or 0.0) - (one.started or 0.0) for one in done)
        return Pace(planned=self.new.tenant_seconds, measured=seconds, count=len(done))

    def put(self, one: RolloutTenant) -> None:
        self.tenants[one.tenant] = one
        self.rollout = replace(self.rollout, revision=self.rollout.revision + 1)

    def change(self, rollout: Rollout, now: float) -> Rollout:
        """Stores the next state of the rollout."""
        if rollout == self.rollout:
            return rollout
        by_hand = rollout.pause_reason is PauseReason.REQUESTED
        news = rollout.complete or (rollout.status is RolloutStatus.PAUSED and not by_hand)
        if news and rollout.status is not self.rollout.status and rollout.callback_url is not None:
            self.callback_due, rollout = now, replace(rollout, callback_attempts=0)
        self.rollout = replace(rollout, revision=self.rollout.revision + 1)
        return self.rollout


@dataclass(kw_only=True)
class MemoryTurn:
    """A step in the queue of a product."""

    turn: Turn
    product: str
    epoch: int


class MemoryRollouts(MemoryMirror):
    """A RolloutStore of one process."""

    def __init__(self) -> None:
        super().__init__()
        self._rollouts: dict[str, Kept] = {}
        self._turns: dict[tuple[str, int], MemoryTurn] = {}

    def add_job(self, job: NewJob, *, most_waiting: int) -> Job:
        raise NotImplementedError

    def retry(self, job_id: str, steps: Sequence[Step], headers: Mapping[str, str], task_id: str) -> Job:
        raise NotImplementedError

    def add_rollout(self, new: NewRollout) -> Rollout:
        with self._lock:
            for kept in self._rollouts.values():
                if new.idempotency_key is None or kept.new.idempotency_key != new.idempotency_key:
                    continue
                if kept.new.request_digest != new.request_digest:
                    raise KeyReused(messages.idempotency_key_reused(new.idempotency_key))
                return kept.rollout
            rollout = replace(new.rollout, created=self.now())
            self._rollouts[rollout.id] = Kept(
                new=new, rollout=rollout, tenants={one.tenant: one for one in new.tenants}
            )
            return rollout

    def rollout(self, rollout_id: str) -> RolloutView:
        with self._lock:
            return self._view(self._kept(rollout_id))

    def rollout_revision(self, rollout_id: str) -> int | None:
        with self._lock:
            kept = self._rollouts.get(rollout_id)
            return None if kept is None else kept.rollout.revision

    def rollout_tenants(self, rollout_id: str) -> list[RolloutTenant]:
        with self._lock:
            tenants = sorted(self._kept(rollout_id).tenants.values(), key=lambda one: one.pos)
            return [one.running_since(self._started(one)) for one in tenants]

    def find_rollouts(self, limit: int, offset: int) -> RolloutPage:
        with self._lock:
            views = [self._view(kept) for kept in reversed(self._rollouts.values())]
            return RolloutPage(views=tuple(views[offset : offset + limit]), total=len(views))

    def open_rollouts(self) -> list[str]:
        with self._lock:
            return [key for key, kept in self._rollouts.items() if self._is_open(kept)]

    def advance_rollout(self, rollout_id: str, most: int) -> Advanced:
        with self._lock:
            kept = self._settled(rollout_id)
            before, tally = kept.rollout, kept.tally()
            decision = decide(before, tally, self.now())
            rollout, room = kept.change(decision.rollout, self.now()), min(decision.room, most)
            waiting = [one for one in kept.tenants.values() if one.status is TenantStatus.WAITING]
            waiting.sort(key=lambda one: (one.wave, one.pos))
            headers = kept.new.headers if room else {}
            return Advanced(before=before, rollout=rollout, tenants=tuple(waiting[:room]), headers=headers)

    def start_in_rollout(self, rollout_id: str, starts: Sequence[Start], *, most_waiting: int) -> list[JobRef]:
        with self._lock:
            kept, refs = self._settled(rollout_id), []
            for start in sorted(starts, key=lambda one: one.tenant):
                one, tally = kept.tenants.get(start.tenant), kept.tally()
                if one is None or one.status is not TenantStatus.WAITING or one.wave != tally.first_unfinished:
                    continue
                if decide(kept.rollout, tally, self.now()).room <= 0:
                    continue
                ref = self._start(kept, one, start, most_waiting)
                if ref is not None:
                    refs.append(ref)
            return refs

    def _start(self, kept: Kept, one: RolloutTenant, start: Start, most_waiting: int) -> JobRef | None:
        try:
            if isinstance(start, StartJob):
                job = self.add_job(start.job, most_waiting=most_waiting)
            elif isinstance(start, RetryJob):
                job = self.retry(start.job_id, start.steps, start.headers, start.task_id)
            else:
                kept.put(self._over(one, start))
                return None
        except NotFound:
            gone = outcomes.failed(one, words.tenant_gone(one.tenant), self.now())
            kept.put(replace(one, job_id=None) if isinstance(start, RetryJob) else gone)
            return None
        except UserError as problem:
            full = outcomes.failed(one, problem.message, self.now())
            kept.put(replace(one, job_id=None) if isinstance(start, RetryJob) else full)
            return None
        kept.put(replace(one, status=TenantStatus.RUNNING, job_id=job.id))
        return JobRef(id=job.id, tenant=job.tenant, kind=job.kind, task_id=job.task_id)

    def _over(self, one: RolloutTenant, end: EndTenant) -> RolloutTenant:
        if end.message is not None:
            return outcomes.failed(one, end.message, self.now())
        return replace(one, status=TenantStatus.UPTODATE, ended=self.now(), job_id=None)

    def pause_rollout(self, rollout_id: str) -> Rollout:
        with self._lock:
            kept = self._settled(rollout_id)
            return kept.change(requests.pause(kept.rollout), self.now())

    def resume_rollout(self, rollout_id: str) -> Rollout:
        with self._lock:
            kept = self._settled(rollout_id)
            rollout = requests.resume(kept.rollout)
            if kept.rollout.pause_reason is PauseReason.FAILURES:
                _pardon(kept)
            return kept.change(replace(rollout, revision=kept.rollout.revision), self.now())

    def retry_rollout(self, rollout_id: str, tenants: Collection[str] | None) -> Rollout:
        with self._lock:
            kept = self._settled(rollout_id)
            rollout, was_over = requests.retry(kept.rollout), kept.rollout.complete
            for one in requests.retried(kept.tenants.values(), tenants):
                kept.put(one)
            if was_over:
                _pardon(kept)
            return kept.change(replace(rollout, revision=kept.rollout.revision), self.now())

    def abort_rollout(self, rollout_id: str) -> list[str]:
        with self._lock:
            kept = self._settled(rollout_id)
            rollout = requests.abort(kept.rollout)
            for one in list(kept.tenants.values()):
                if one.status is TenantStatus.WAITING:
                    kept.put(replace(one, status=TenantStatus.SKIPPED))
            kept.change(replace(rollout, revision=kept.rollout.revision), self.now())
            running = [one for one in kept.tenants.values() if one.status is TenantStatus.RUNNING]
            return [one.job_id or "" for one in sorted(running, key=lambda one: one.pos)]

    def remove_rollout(self, rollout_id: str) -> None:
        with self._lock:
            kept = self._settled(rollout_id)
            requests.check_removable(kept.rollout, kept.tally())
            del self._rollouts[rollout_id]

    def purge_rollouts(self, older_than: float) -> int:
        with self._lock:
            limit = self.now() - older_than
            old = [key for key, kept in self._rollouts.items() if self._is_old(kept, limit)]
            for key in old:
                del self._rollouts[key]
            return len(old)

    def _is_old(self, kept: Kept, limit: float) -> bool:
        if self._is_open(kept) or kept.callback_due is not None or (kept.rollout.ended or 0.0) >= limit:
            return False
        return all(one.status is not TenantStatus.RUNNING for one in kept.tenants.values())

    def due_rollout_callbacks(self, limit: int) -> list[RolloutView]:
        with self._lock:
            now = self.now()
            due = [one for one in self._rollouts.values() if one.callback_due is not None and one.callback_due <= now]
            for kept in due[:limit]:
                kept.callback_due = now + 60.0
                kept.rollout = replace(kept.rollout, callback_attempts=kept.rollout.callback_attempts + 1)
            return [self._view(kept) for kept in due[:limit]]

    def rollout_callback_done(self, rollout_id: str, *, delivered: bool, retry_in: float | None) -> None:
        with self._lock:
            kept = self._rollouts.get(rollout_id)
            if kept is not None:
                kept.callback_due = None if delivered or retry_in is None else self.now() + retry_in

    def rollout_census(self) -> Mapping[str, int]:
        with self._lock:
            statuses = [kept.rollout.status for kept in self._rollouts.values()]
            return {status.value: statuses.count(status) for status in RolloutStatus}

    def _kept(self, rollout_id: str) -> Kept:
        if rollout_id not in self._rollouts:
            raise NotFound(rollout_id)
        return self._rollouts[rollout_id]

    def _view(self, kept: Kept) -> RolloutView:
        return RolloutView(rollout=kept.rollout, tally=kept.tally(), pace=kept.pace(), now=self.now())

    def _is_open(self, kept: Kept) -> bool:
        by_hand = kept.rollout.status is RolloutStatus.ERROR and any(
            one.status is TenantStatus.ERROR
            and (job := self._job_of(one)) is not None
            and job.status is not JobStatus.ERROR
            for one in kept.tenants.values()
        )
        return by_hand or not kept.rollout.complete

    def _job_of(self, one: RolloutTenant) -> JobState | None:
        record = self._records.get(one.job_id or "")
        if record is None:
            return None
        job = record.job
        return JobState(status=job.status, started=job.started, ended=job.ended, message=job.message, steps=job.steps)

    def _started(self, one: RolloutTenant) -> float | None:
        job = self._job_of(one)
        return None if job is None else job.started

    def _settled(self, rollout_id: str) -> Kept:
        """The rollout after it took over how its jobs ended."""
        kept = self._kept(rollout_id)
        for one in list(kept.tenants.values()):
            now = after_job(one, self._job_of(one), self.now())
            if now != one:
                kept.put(now)
        return kept

    def take_turn(self, claim: Claim, pos: int, product: str, limits: TurnLimits) -> bool:
        with self._lock:
            self._owned(claim, JobStatus.RUNNING)
            place = (claim.job.id, pos)
            if place not in self._turns:
                self._turns[place] = MemoryTurn(
                    turn=Turn(
                        key=next(self._seqs),
                        granted=False,
                        alive=True,
                        rollout=limits.rollout,
                        of_rollout=limits.of_rollout,
                    ),
                    product=product,
                    epoch=claim.epoch,
                )
            mine = self._turns[place]
            mine.product, mine.epoch = product, claim.epoch
            queue = [self._now_is(key, one) for key, one in self._turns.items() if one.product == product]
            running = sorted((turn for turn in queue if turn is not None), key=lambda turn: turn.key)
            granted = has_turn(running, mine.turn.key, limits.of_all)
            if granted:
                mine.turn = replace(mine.turn, granted=True)
            return granted

    def _now_is(self, place: tuple[str, int], one: MemoryTurn) -> Turn | None:
        """The turn as it counts now; None if its step does not run any more."""
        record = self._records.get(place[0])
        if record is None or record.job.complete or record.job.steps[place[1]].status is not StepStatus.RUNNING:
            return None
        job = record.job
        alive = job.status is JobStatus.RUNNING and job.epoch == one.epoch and (job.lease_until or 0.0) >= self.now()
        return replace(one.turn, alive=alive)

    def end_turn(self, job_id: str, pos: int) -> None:
        with self._lock:
            self._turns.pop((job_id, pos), None)

    def awaited(self, job_id: str) -> bool:
        """Whether a rollout has not seen the end of the job yet."""
        tenants = [one for kept in self._rollouts.values() for one in kept.tenants.values()]
        return any(one.job_id == job_id and one.status is TenantStatus.RUNNING for one in tenants)


def _pardon(kept: Kept) -> None:
    for one in list(kept.tenants.values()):
        if one.status is TenantStatus.ERROR:
            kept.put(replace(one, pardoned=True))
