"""A Store in memory, for one process. It passes the contract suite of the SQL store; the clock can be moved on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from okapi_install.domain import messages
from okapi_install.domain.errors import KeyReused, LostJob, NotFound, TooManyJobs
from okapi_install.domain.history import RETRIED, EventKind, JobEvent, step_event
from okapi_install.domain.jobs import (
    ACTIVE,
    Job,
    JobKind,
    JobStatus,
    Problem,
    Step,
    StepStatus,
    check_retry,
    check_transition,
)
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.presentation.states import job_state
from okapi_install.service.ports import (
    ABORTED,
    NO_PROGRESS,
    Aborted,
    Claim,
    Durations,
    Ending,
    HistoryFilter,
    HistoryPage,
    JobFilter,
    JobPage,
    JobRef,
    LastJob,
    NewJob,
    Progress,
    TenantOverview,
    TenantState,
)
from tests.fakes.memory_access import MemoryAccess
from tests.fakes.memory_record import Record, new_record, stamped
from tests.fakes.memory_rollouts import MemoryRollouts


class MemoryStore(MemoryRollouts, MemoryAccess):
    """A Store. `pass_time` moves its clock on."""

    def check(self) -> None: ...

    def dispose(self) -> None: ...

    def remove_tenant(self, tenant_id: str) -> None:
        with self._lock:
            super().remove_tenant(tenant_id)
            self._records = {key: one for key, one in self._records.items() if one.job.tenant != tenant_id}
            self._leftovers.pop(tenant_id, None)

    def tenant_state(self, tenant_id: str) -> TenantState:
        with self._lock:
            enabled = frozenset(self.enabled(tenant_id))
            ahead = self._in_states(tenant_id, JobStatus.QUEUED, JobStatus.RUNNING)
            return TenantState(enabled=enabled, ahead=tuple(one.job.steps for one in ahead))

    def tenant_states(self, tenants: Collection[str]) -> dict[str, TenantState]:
        with self._lock:
            known = {tenant.id for tenant in self.tenants()}
            return {name: self.tenant_state(name) for name in tenants if name in known}

    def add_job(self, job: NewJob, *, most_waiting: int) -> Job:
        with self._lock:
            self.tenant(job.tenant)
            key, digest = job.idempotency_key, job.request_digest
            known = self.job_of_key(job.tenant, key, digest) if key and digest else None
            if known is not None:
                return known
            if len(self._in_states(job.tenant, JobStatus.QUEUED)) >= most_waiting:
                raise TooManyJobs(messages.tenant_queue_full(job.tenant, most_waiting))
            self._records[job.id] = new_record(job, next(self._seqs), self.now())
            return self._records[job.id].job

    def job_of_key(self, tenant_id: str, key: str, request_digest: str) -> Job | None:
        with self._lock:
            for one in self._records.values():
                if (one.job.tenant, one.key) != (tenant_id, key):
                    continue
                if one.digest != request_digest:
                    raise KeyReused(messages.idempotency_key_reused(key))
                return one.job
            return None

    def job(self, job_id: str, tenant_id: str | None = None) -> Job:
        with self._lock:
            return self._visible(job_id, tenant_id).job

    def revision(self, job_id: str) -> tuple[int, JobStatus] | None:
        with self._lock:
            try:
                job = self._visible(job_id).job
            except NotFound:
                return None
            return job.revision, job.status

    def revisions(self, job_ids: Collection[str]) -> dict[str, tuple[int, JobStatus]]:
        found = {job_id: self.revision(job_id) for job_id in job_ids}
        return {job_id: seen for job_id, seen in found.items() if seen is not None}

    def jobs_of(self, tenant_id: str) -> list[Job]:
        with self._lock:
            jobs = [one.job for one in self._in_order() if one.visible]
            return [job for job in jobs if job.tenant == tenant_id and job.kind is not JobKind.MODULE]

    def find_jobs(self, which: JobFilter) -> JobPage:
        with self._lock:
            jobs = [one.job for one in self._in_order() if one.visible]
            wanted = [
                job
                for job in reversed(jobs)
                if which.tenant in (None, job.tenant) and (not which.states or job_state(job) in which.states)
                if which.ids is None or job.id in which.ids
            ]
            total, page = len(wanted), tuple(wanted[which.offset : which.offset + which.limit])
            return JobPage(jobs=page, total=min(total, which.most_counted), more=total > which.most_counted)

    def tenant_overviews(self, tenant_ids: Collection[str]) -> dict[str, TenantOverview]:
        with self._lock:
            return {name: self._overview(name) for name in tenant_ids if name in self._tenants}

    def _overview(self, tenant: str) -> TenantOverview:
        jobs = [one.job for one in self._in_order() if one.visible and one.job.tenant == tenant]
        ended = [job for job in jobs if job.complete][-1:]
        last = [LastJob(id=j.id, kind=j.kind, status=j.status, reason=j.reason, ended=j.ended) for j in ended]
        return TenantOverview(
            tenant=tenant,
            modules=len(self._enabled[tenant]),
            active=next((job.id for job in jobs if job.status in ACTIVE), None),
            waiting=sum(job.status is JobStatus.QUEUED for job in jobs),
            last=last[0] if last else None,
        )

    def claim(self, job_id: str, worker: str, task_id: str | None, lease: float) -> Claim | None:
        with self._lock:
            one = self._records.get(job_id)
            if one is None or not (self._turn_has_come(one) or self._expired(one)):
                return None
            job, now = one.job, self.now()
            queued = job.status is JobStatus.QUEUED
            one.swept_at, one.publish_count = None, 0
            if not queued:
                one.count_takeover()
            one.change(
                status=JobStatus.RUNNING if queued else job.status,
                owner=worker,
                epoch=job.epoch + 1,
                lease_until=now + lease,
                started=now if job.started is None else job.started,
                first_started=now if job.first_started is None else job.first_started,
                task_id=task_id or job.task_id,
            )
            kind = EventKind.CLAIMED if queued else EventKind.TAKEN_OVER
            one.note(now, JobEvent(kind=kind, worker=worker))
            return Claim(
                job=one.job,
                worker=worker,
                epoch=one.job.epoch,
                now=now,
                enabled=frozenset(self._enabled[job.tenant]),
                headers=one.headers,
                aborting=job.status is JobStatus.ABORTING,
                taken_over=not queued,
                takeovers=one.takeovers,
                unfinished_work=dict(self._leftovers.get(job.tenant, {})),
            )

    def save(self, claim: Claim, progress: Progress) -> int:
        with self._lock:
            one = self._owned(claim, JobStatus.RUNNING)
            one.change()
            self._apply(one, progress)
            one.note(self.now(), *progress.events)
            return one.job.revision

    def replan(self, claim: Claim, steps: Sequence[Step], edges: Sequence[tuple[int, int]], assumed: str) -> None:
        with self._lock:
            one = self._owned(claim, JobStatus.RUNNING)
            one.change(edges=tuple(edges), assumed=assumed)
            one.job = replace(one.job, steps=stamped(steps, one.job.revision))
            one.note(self.now(), JobEvent(kind=EventKind.REPLANNED))

    def finish(self, claim: Claim, ending: Ending, progress: Progress) -> JobRef | None:
        check_transition(JobStatus.RUNNING, ending.status)
        with self._lock:
            one = self._owned(claim, JobStatus.RUNNING)
            one.end(ending, self.now(), events=progress.events)
            self._apply(one, progress)
            self._learn(one)
            return self._next_job(one.job.tenant)

    def warn(self, claim: Claim, warnings: Sequence[Problem], events: Sequence[JobEvent] = ()) -> None:
        with self._lock:
            one = self._owned(claim, JobStatus.RUNNING)
            one.change(warnings=tuple(warnings))
            one.note(self.now(), *events)

    def end_abort(self, claim: Claim, leftovers: Mapping[str, str], progress: Progress = NO_PROGRESS) -> JobRef | None:
        with self._lock:
            one = self._owned(claim, JobStatus.ABORTING)
            tenant, now = one.job.tenant, self.now()
            self._leftovers.setdefault(tenant, {}).update(leftovers)
            self._apply(one, progress)
            if not one.job.keep_on_abort:
                del self._records[one.job.id]
                return self._next_job(tenant)
            running = [step for step in one.job.steps if step.status is StepStatus.RUNNING]
            stopped = [step_event(step, step.aborted(now)) for step in running]
            one.end(ABORTED, now, events=[*progress.events, *stopped])
            one.put_steps([step.aborted(now) for step in running])
            return self._next_job(tenant)

    def standing(self, claim: Claim) -> JobStatus | None:
        with self._lock:
            try:
                return self._owned(claim, *ACTIVE).job.status
            except LostJob:
                return None

    def release(self, claim: Claim) -> None:
        with self._lock:
            try:
                one = self._owned(claim, JobStatus.RUNNING)
            except LostJob:
                return
            one.change(status=JobStatus.QUEUED, owner=None, lease_until=None)
            one.note(self.now(), JobEvent(kind=EventKind.RELEASED, worker=claim.worker))
            one.published_at, one.publish_count = 0.0, 0

    def history(self, job_id: str, which: HistoryFilter) -> HistoryPage:
        with self._lock:
            events = [e for e in self._visible(job_id).events if which.kinds is None or e.kind in which.kinds]
            ordered = events[::-1] if which.newest else events
            page = ordered[which.offset : which.offset + which.limit]
            return HistoryPage(events=tuple(dict.fromkeys(page[::-1] if which.newest else page)), total=len(events))

    def abort(self, job_id: str, *, keep: bool, tenant_id: str | None = None, by: str | None = None) -> Aborted:
        with self._lock:
            one = self._visible(job_id, tenant_id)
            job = one.job
            active = job.status in ACTIVE
            if active:
                one.change(status=JobStatus.ABORTING, keep_on_abort=keep)
                one.note(self.now(), JobEvent(kind=EventKind.ABORT_REQUESTED, by=by))
            elif not keep:
                del self._records[job_id]
            elif job.status is JobStatus.QUEUED:
                one.end(ABORTED, self.now(), by)
            task = None if job.complete else job.task_id
            ref = JobRef(id=job.id, tenant=job.tenant, kind=job.kind, task_id=task)
            return Aborted(job=ref, was=job.status)

    def end_queued(self, job_id: str, ending: Ending) -> bool:
        with self._lock:
            one = self._records.get(job_id)
            if one is None or one.job.status is not JobStatus.QUEUED:
                return False
            one.end(ending, self.now())
            return True

    def retry(
        self,
        job_id: str,
        steps: Sequence[Step],
        headers: Mapping[str, str],
        task_id: str,
        event: JobEvent = RETRIED,
    ) -> Job:
        with self._lock:
            one = self._visible(job_id)
            check_retry(job_id, one.job.status)
            one.queue_again(headers, task_id, self.now())
            one.note(self.now(), event)
            one.job = replace(one.job, steps=stamped(steps, one.job.revision))
            return one.job

    def durations(self, products: Collection[str]) -> dict[tuple[str, str], Durations]:
        with self._lock:
            return {
                key: Durations(count=len(took), mean=sum(took) / len(took), longest=max(took))
                for key, took in self._durations.items()
                if key[0] in products
            }

    def _apply(self, one: Record, progress: Progress) -> None:
        one.put_steps(progress.steps)
        enabled = self._enabled[one.job.tenant]
        enabled.difference_update(progress.disable)
        enabled.update(progress.enable)

    def _learn(self, one: Record) -> None:
        leftovers = self._leftovers.get(one.job.tenant, {})
        for step in one.done_in_this_run():
            product = ModuleId.parse(step.change.id).product
            took = (step.ended or 0.0) - (step.started or 0.0)
            self._durations.setdefault((product, step.change.action.value), []).append(max(0.0, took))
            for name in [name for name in leftovers if ModuleId.parse(name).product == product]:
                del leftovers[name]

    def _next_job(self, tenant: str) -> JobRef | None:
        queued = self._in_states(tenant, JobStatus.QUEUED)
        return queued[0].ref if queued else None
