"""What a worker writes about a job that it owns. Every write names owner, epoch and status: a stale one does nothing.

The races of claim, save, end and abort are decided by the row of the job: see docs/decisions/0001.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, Update, bindparam, case, delete, null, select, update
from sqlalchemy.exc import IntegrityError

from okapi_install.adapters.store import claiming, swift
from okapi_install.adapters.store.clock import db_now
from okapi_install.adapters.store.documents import dump_edges, storable
from okapi_install.adapters.store.endings import ABORTED, aborted_step, leftover_warning
from okapi_install.adapters.store.history import Done, clear_leftovers, done_in_this_run, done_of, note_leftovers
from okapi_install.adapters.store.rows import REF_COLUMNS, AnyRow, ref_from, steps_of
from okapi_install.adapters.store.steps import replace_steps, update_steps
from okapi_install.adapters.store.tables import ENABLED, JOBS
from okapi_install.adapters.store.transactions import StorePart, glance, write
from okapi_install.adapters.store.turns import OWNED, has_status, is_active
from okapi_install.adapters.store.upserts import ignoring
from okapi_install.domain.errors import LostJob
from okapi_install.domain.jobs import JobStatus, Step, StepStatus, check_transition
from okapi_install.service.ports import Claim, Ending, JobRef, Progress

Finished: TypeAlias = tuple[JobRef | None, list[Done]]
"""The tenant's next job, and the steps that were done."""

_j = JOBS.c

_RUNNING = update(JOBS).where(OWNED, has_status(JobStatus.RUNNING))
_SAVE = _RUNNING.values(revision=_j.revision + 1).returning(_j.seq, _j.revision)
_REPLAN = _RUNNING.values(
    revision=_j.revision + 1, edges=bindparam("new_edges"), assumed=bindparam("new_assumed")
).returning(_j.seq, _j.revision)
_RELEASE = _RUNNING.values(
    status=JobStatus.QUEUED.value,
    owner=null(),
    lease_until=null(),
    revision=_j.revision + 1,
    published_at=0.0,
    publish_count=0,
)

_STANDING = select(_j.status).where(OWNED, is_active())

_ENABLE = ignoring(ENABLED)
_DISABLE = delete(ENABLED).where(
    ENABLED.c.tenant_id == bindparam("of_tenant"), ENABLED.c.module_id == bindparam("of_module")
)
_DELETE = delete(JOBS).where(_j.seq == bindparam("at_seq"))
_NEXT = (
    select(*REF_COLUMNS)
    .where(_j.tenant_id == bindparam("of_tenant"), has_status(JobStatus.QUEUED))
    .order_by(_j.seq)
    .limit(1)
)


def ending(statement: Update) -> Update:
    """The statement, so that it ends the job: with the parameters of `ending_values`, and without its secrets."""
    with_url = _j.callback_url.is_not(None)
    return statement.values(
        status=bindparam("end_status"),
        message=bindparam("end_message"),
        error_status=bindparam("end_error_status"),
        reason=bindparam("end_reason"),
        ended=db_now(),
        revision=_j.revision + 1,
        owner=null(),
        lease_until=null(),
        headers=null(),
        callback_attempts=0,
        callback_state=case((with_url, "due")),
        callback_due=case((with_url, db_now())),
    )


_FINISH = ending(_RUNNING).returning(_j.seq, _j.revision, _j.started)
_END_ABORT = ending(update(JOBS).where(OWNED, has_status(JobStatus.ABORTING))).returning(
    _j.seq, _j.revision, _j.keep_on_abort, _j.ended
)


def ending_values(how: Ending) -> dict[str, object]:
    """The parameters of a statement made by `ending`."""
    return {
        "end_status": how.status.value,
        "end_message": storable(how.message),
        "end_error_status": how.error_status,
        "end_reason": how.reason,
    }


class ClaimPart(StorePart):
    """Claiming a job, and all that needs the claim."""

    def claim(self, job_id: str, worker: str, task_id: str | None, lease: float) -> Claim | None:
        """See JobStore.claim."""
        once = self._claim_at_once if self.database.at_once else self._claim
        try:
            return once(job_id, worker, task_id, lease)
        except IntegrityError:  # another job of the tenant became active between the check and the write
            return None

    def save(self, claim: Claim, progress: Progress) -> int:
        """See JobStore.save."""
        once = self._save_at_once if self.database.at_once else self._save
        try:
            return once(claim, progress)
        except IntegrityError:
            raise LostJob(claim.job.id) from None  # the tenant was removed meanwhile

    def finish(self, claim: Claim, ending: Ending, progress: Progress) -> JobRef | None:
        """See JobStore.finish."""
        check_transition(JobStatus.RUNNING, ending.status)
        once = self._finish_at_once if self.database.at_once else self._finish
        try:
            following, done = once(claim, ending, progress)
        except IntegrityError:
            raise LostJob(claim.job.id) from None  # the tenant was removed meanwhile
        self.learned.add(((one.product, one.action), one.seconds) for one in done)
        return following

    @write
    def replan(
        self,
        connection: Connection,
        claim: Claim,
        steps: Sequence[Step],
        edges: Sequence[tuple[int, int]],
        assumed: str,
    ) -> None:
        """See JobStore.replan. All steps are stamped with the new revision."""
        row = _guarded(connection, _REPLAN, claim, {"new_edges": dump_edges(edges), "new_assumed": assumed})
        replace_steps(connection, row.seq, steps, row.revision)

    @write
    def end_abort(self, connection: Connection, claim: Claim, warning_modules: Sequence[str]) -> JobRef | None:
        """See JobStore.end_abort."""
        tenant = claim.job.tenant
        row = _guarded(connection, _END_ABORT, claim, ending_values(ABORTED))
        if row.keep_on_abort:
            running = [step for step in steps_of(connection, row.seq) if step.status is StepStatus.RUNNING]
            update_steps(connection, row.seq, [aborted_step(step, row.ended) for step in running], row.revision)
        else:
            connection.execute(_DELETE, {"at_seq": row.seq})
        note_leftovers(connection, tenant, {module: leftover_warning(module) for module in warning_modules}, row.ended)
        return _next_job(connection, tenant)

    @glance
    def standing(self, connection: Connection, claim: Claim) -> JobStatus | None:
        """See JobStore.standing."""
        status = connection.scalar(_STANDING, _holding(claim))
        return None if status is None else JobStatus(status)

    @write
    def release(self, connection: Connection, claim: Claim) -> None:
        """See JobStore.release."""
        connection.execute(_RELEASE, _holding(claim))

    @write
    def _claim(
        self, connection: Connection, job_id: str, worker: str, task_id: str | None, lease: float
    ) -> Claim | None:
        return claiming.claim(connection, job_id, worker, task_id, lease)

    @glance
    def _claim_at_once(
        self, connection: Connection, job_id: str, worker: str, task_id: str | None, lease: float
    ) -> Claim | None:
        return claiming.claim_at_once(connection, job_id, worker, task_id, lease)

    @glance
    def _save_at_once(self, connection: Connection, claim: Claim, progress: Progress) -> int:
        return int(_guarded(connection, swift.SAVE, claim, swift.progress_values(progress)).revision)

    @write
    def _save(self, connection: Connection, claim: Claim, progress: Progress) -> int:
        seq, revision = _guarded(connection, _SAVE, claim)
        _apply(connection, claim.job.tenant, seq, revision, progress)
        return int(revision)

    @write
    def _finish(self, connection: Connection, claim: Claim, how: Ending, progress: Progress) -> Finished:
        seq, revision, started = _guarded(connection, _FINISH, claim, ending_values(how))
        _apply(connection, claim.job.tenant, seq, revision, progress)
        return _finished(connection, claim, seq, started)

    @glance
    def _finish_at_once(self, connection: Connection, claim: Claim, how: Ending, progress: Progress) -> Finished:
        values = {**ending_values(how), **swift.progress_values(progress)}
        row = _guarded(connection, swift.FINISH, claim, values)
        done = done_of(orjson.loads(row.done or "[]"))
        if row.unfinished_work:
            clear_leftovers(connection, claim.job.tenant, done)
        return _next_job(connection, claim.job.tenant), done


def _finished(connection: Connection, claim: Claim, seq: int, started: float) -> Finished:
    done = done_in_this_run(connection, seq, started)
    clear_leftovers(connection, claim.job.tenant, done)
    return _next_job(connection, claim.job.tenant), done


def _holding(claim: Claim) -> dict[str, object]:
    return {"job_id": claim.job.id, "worker": claim.worker, "held": claim.epoch}


def _guarded(connection: Connection, statement: Any, claim: Claim, values: dict[str, object] | None = None) -> AnyRow:
    row: AnyRow | None = connection.execute(statement, {**_holding(claim), **(values or {})}).one_or_none()
    if row is None:
        raise LostJob(claim.job.id)
    return row


def _apply(connection: Connection, tenant: str, seq: int, revision: int, progress: Progress) -> None:
    update_steps(connection, seq, progress.steps, revision)
    if progress.disable:
        connection.execute(_DISABLE, [{"of_tenant": tenant, "of_module": module} for module in progress.disable])
    _ENABLE.run(connection, [{"tenant_id": tenant, "module_id": module} for module in progress.enable])


def _next_job(connection: Connection, tenant: str) -> JobRef | None:
    return ref_from(connection.execute(_NEXT, {"of_tenant": tenant}).one_or_none())
