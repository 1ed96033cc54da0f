"""What the memory store shares between its methods, and what workers do for all jobs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import count

from okapi_install.domain.errors import LostJob, NotFound
from okapi_install.domain.jobs import ACTIVE, Job, JobStatus, Step, StepStatus
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.presentation.states import State, job_state
from okapi_install.domain.workers import worker_name
from okapi_install.service.metrics import CountKey
from okapi_install.service.ports import (
    Beat,
    Census,
    Claim,
    InLine,
    JobRef,
    Trouble,
    TroubleKind,
    WorkerAbout,
    WorkerInfo,
)
from tests.fakes.memory_record import Record
from tests.fakes.memory_registry import MemoryRegistry


class MemoryUpkeep(MemoryRegistry):
    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0
        self._seqs = count(1)
        self._records: dict[str, Record] = {}
        self._leftovers: dict[str, dict[str, str]] = {}
        self._durations: dict[tuple[str, str], list[float]] = {}
        self._workers: dict[str, tuple[float, int, WorkerAbout]] = {}
        self._counts: dict[CountKey, float] = {}

    def now(self) -> float:
        return time.time() + self._passed

    def pass_time(self, seconds: float) -> None:
        self._passed += seconds

    def beat(self, worker: str, lease: float, about: WorkerAbout | None = None) -> list[Beat]:
        with self._lock:
            now = self.now()
            owned = [one for one in self._in_order() if one.job.owner == worker and one.job.status in ACTIVE]
            for one in owned:
                one.job = replace(one.job, lease_until=now + lease)
            self._workers[worker] = (now, len(owned), about or WorkerAbout())
            self._workers = {name: seen for name, seen in self._workers.items() if seen[0] >= now - 3600}
            return [Beat(job_id=one.job.id, epoch=one.job.epoch, status=one.job.status) for one in owned]

    def leave(self, worker: str) -> None:
        with self._lock:
            self._workers.pop(worker, None)

    def disown(self, worker: str, beat: Beat) -> None:
        with self._lock:
            one = self._records.get(beat.job_id)
            if one and one.job.status in ACTIVE and (one.job.owner, one.job.epoch) == (worker, beat.epoch):
                one.job = replace(one.job, lease_until=0.0)

    def sweep(self, lease: float, republish_after: float) -> list[JobRef]:
        with self._lock:
            now = self.now()
            lost = [one for one in self._in_order() if self._expired(one)]
            lost = [one for one in lost if one.swept_at is None or one.swept_at <= now - lease]
            for one in lost:
                one.swept_at = now
            unheard = [one for one in self._in_order() if self._turn_has_come(one)]
            unheard = [one for one in unheard if one.published_at + republish_after * 2**one.publish_count <= now]
            for one in unheard:
                one.published_at, one.publish_count = now, min(3, one.publish_count + 1)
            return [one.ref for one in lost + unheard]

    def due_callbacks(self, limit: int) -> list[Job]:
        with self._lock:
            now = self.now()
            due = [one for one in self._records.values() if one.callback_due is not None and one.callback_due <= now]
            due.sort(key=lambda one: one.callback_due or 0.0)
            for one in due[:limit]:
                one.callback_due = now + 60.0
                one.job = replace(one.job, callback_attempts=one.job.callback_attempts + 1)
            return [one.job for one in due[:limit]]

    def callback_done(self, job_id: str, *, delivered: bool, retry_in: float | None) -> None:
        with self._lock:
            one = self._records.get(job_id)
            if one is not None and one.job.complete:
                one.callback_due = None if delivered or retry_in is None else self.now() + retry_in

    def purge_complete(self, older_than: float) -> int:
        with self._lock:
            limit = self.now() - older_than
            old = [key for key, one in self._records.items() if one.job.complete and (one.job.ended or 0.0) < limit]
            old = [key for key in old if self._records[key].callback_due is None and not self.awaited(key)]
            for key in old:
                del self._records[key]
            return len(old)

    def census(self) -> Census:
        with self._lock:
            now, statuses = self.now(), [one.job.status for one in self._records.values()]
            queued = [one.job.created for one in self._records.values() if one.job.status is JobStatus.QUEUED]
            return Census(
                jobs={status: statuses.count(status) for status in JobStatus},
                waiting=len(queued),
                oldest_waiting=now - min(queued) if queued else None,
                running_steps=len(self._at_work()),
                slow_steps=sum(self._is_slow(step, now) for step in self._at_work()),
                workers=self.workers(),
            )

    def workers(self) -> tuple[WorkerInfo, ...]:
        with self._lock:
            now = self.now()
            return tuple(
                WorkerInfo(
                    name=worker_name(worker),
                    age=now - at,
                    jobs=jobs,
                    concurrency=about.concurrency,
                    version=about.version,
                )
                for worker, (at, jobs, about) in sorted(self._workers.items())
            )

    def count_jobs(self, tenant_id: str | None, most: int) -> dict[State, int]:
        with self._lock:
            seen = [one.job for one in self._in_order() if one.visible and tenant_id in (None, one.job.tenant)]
            return {state: min(number, most + 1) for state, number in Counter(map(job_state, seen)).items()}

    def slow_jobs(self) -> frozenset[str]:
        with self._lock:
            running = [one.job for one in self._in_order() if one.job.status is JobStatus.RUNNING]
            now = self.now()
            return frozenset(
                job.id
                for job in running
                if any(self._is_slow(step, now) for step in job.steps if step.status is StepStatus.RUNNING)
            )

    def lines(self, tenant_ids: Collection[str]) -> dict[str, tuple[InLine, ...]]:
        with self._lock:
            found: dict[str, list[InLine]] = {}
            for one in sorted(self._in_order(), key=lambda one: one.job.status not in ACTIVE):
                if one.job.tenant in tenant_ids and not one.job.complete:
                    found.setdefault(one.job.tenant, []).append(InLine(id=one.job.id, status=one.job.status))
            return {tenant: tuple(jobs) for tenant, jobs in found.items()}

    def troubles(self, failed_within: float, most: int) -> list[Trouble]:
        with self._lock:
            now, jobs = self.now(), [one.job for one in self._in_order()]
            failed = [
                j for j in jobs if j.reason and not j.reason.stopped and j.ended and j.ended > now - failed_within
            ]
            failed.sort(key=lambda j: -(j.ended or 0))
            running = [(j, s) for j in jobs for s in j.steps if j.status is JobStatus.RUNNING and self._is_slow(s, now)]
            slow = sorted(running, key=lambda pair: -(pair[1].started or 0))
            queued = sorted((j for j in jobs if j.status is JobStatus.QUEUED), key=lambda j: j.created)
            kind = TroubleKind
            return [
                *(Trouble(kind=kind.FAILED, tenant=j.tenant, job_id=j.id, since=j.ended or 0) for j in failed[:most]),
                *(
                    Trouble(kind=kind.SLOW, tenant=j.tenant, job_id=j.id, since=s.started or 0, module=s.change.id)
                    for j, s in slow[:most]
                ),
                *(Trouble(kind=kind.WAITING, tenant=j.tenant, job_id=j.id, since=j.created) for j in queued[:1]),
            ]

    def add_counts(self, deltas: Mapping[CountKey, float]) -> None:
        with self._lock:
            for key, value in deltas.items():
                self._counts[key] = self._counts.get(key, 0.0) + value

    def counts(self) -> dict[CountKey, float]:
        with self._lock:
            return dict(self._counts)

    def awaited(self, job_id: str) -> bool:
        raise NotImplementedError

    def _at_work(self) -> list[Step]:
        running = [one.job for one in self._in_order() if one.job.status is JobStatus.RUNNING]
        return [step for job in running for step in job.steps if step.status is StepStatus.RUNNING]

    def _is_slow(self, step: Step, now: float) -> bool:
        seen = self._durations.get((ModuleId.parse(step.change.id).product, step.change.action.value))
        running = step.status is StepStatus.RUNNING
        return running and seen is not None and now - (step.started or now) > max(seen) * 1.1 + 1

    def _in_order(self) -> list[Record]:
        return sorted(self._records.values(), key=lambda one: one.seq)

    def _in_states(self, tenant: str, *states: JobStatus) -> list[Record]:
        return [one for one in self._in_order() if one.job.tenant == tenant and one.job.status in states]

    def _visible(self, job_id: str, tenant_id: str | None = None) -> Record:
        one = self._records.get(job_id)
        if one is None or not one.visible or tenant_id not in (None, one.job.tenant):
            raise NotFound(job_id)
        return one

    def _owned(self, claim: Claim, *states: JobStatus) -> Record:
        one = self._records.get(claim.job.id)
        if one is None or (one.job.owner, one.job.epoch) != (claim.worker, claim.epoch) or one.job.status not in states:
            raise LostJob(claim.job.id)
        return one

    def _turn_has_come(self, one: Record) -> bool:
        if one.job.status is not JobStatus.QUEUED or self._in_states(one.job.tenant, *ACTIVE):
            return False
        return self._in_states(one.job.tenant, JobStatus.QUEUED)[0] is one

    def _expired(self, one: Record) -> bool:
        return one.job.status in ACTIVE and (one.job.lease_until or 0.0) < self.now()
