"""A job of the memory store with what the store knows about it besides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from okapi_install.domain.history import EventKind, JobEvent, end_event
from okapi_install.domain.jobs import Job, JobStatus, Step, StepStatus
from okapi_install.service.ports import Ending, JobRef, NewJob


@dataclass(kw_only=True)
class Record:
    job: Job
    seq: int
    headers: Mapping[str, str]
    key: str | None
    digest: str | None
    published_at: float
    publish_count: int = 0
    swept_at: float | None = None
    callback_due: float | None = None
    takeovers: int = 0
    takeover_ended: int = 0
    events: list[JobEvent] = field(default_factory=list)

    def note(self, now: float, *events: JobEvent | None) -> None:
        self.events += [event if event.at is not None else replace(event, at=now) for event in filter(None, events)]

    @property
    def visible(self) -> bool:
        return self.job.status is not JobStatus.ABORTING or self.job.keep_on_abort

    @property
    def ref(self) -> JobRef:
        job = self.job
        return JobRef(id=job.id, tenant=job.tenant, kind=job.kind, task_id=job.task_id)

    def change(self, **changes: Any) -> None:
        self.job = replace(self.job, revision=self.job.revision + 1, **changes)

    def put_steps(self, steps: Iterable[Step]) -> None:
        new = {step.pos: replace(step, revision=self.job.revision) for step in steps}
        self.job = replace(self.job, steps=tuple(new.get(step.pos, step) for step in self.job.steps))

    def count_takeover(self) -> None:
        ended = sum(step.status in (StepStatus.DONE, StepStatus.ERROR) for step in self.job.steps)
        self.takeovers = 1 if ended > self.takeover_ended else self.takeovers + 1
        self.takeover_ended = ended

    def end(self, how: Ending, now: float, by: str | None = None, events: Sequence[JobEvent | None] = ()) -> None:
        self.note(now, *events, end_event(how.status, how.reason, how.message, by))
        self.headers = {}
        self.callback_due = now if self.job.callback_url is not None else None
        self.change(
            status=how.status,
            message=how.message,
            error_type=how.error_type,
            reason=how.reason,
            ended=now,
            owner=None,
            lease_until=None,
            callback_attempts=0,
        )

    def queue_again(self, headers: Mapping[str, str], task_id: str, now: float) -> None:
        self.headers, self.published_at, self.publish_count = headers, now, 0
        self.callback_due = self.swept_at = None
        self.takeovers = self.takeover_ended = 0
        self.change(warnings=())
        nothing: dict[str, Any] = dict.fromkeys(("started", "ended", "message", "error_type", "reason"))
        self.change(
            status=JobStatus.QUEUED, retries=self.job.retries + 1, task_id=task_id, keep_on_abort=False, **nothing
        )

    def done_in_this_run(self) -> list[Step]:
        since = self.job.started or 0.0
        return [
            step
            for step in self.job.steps
            if step.status is StepStatus.DONE and step.started is not None and (step.ended or 0.0) >= since
        ]


def stamped(steps: Sequence[Step], revision: int) -> tuple[Step, ...]:
    return tuple(replace(step, revision=revision) for step in steps)


def new_record(new: NewJob, seq: int, now: float) -> Record:
    job = Job(
        id=new.id,
        tenant=new.tenant,
        kind=new.kind,
        status=JobStatus.QUEUED,
        options=new.options,
        request=new.request,
        steps=new.steps,
        edges=new.edges,
        created=now,
        assumed=new.assumed,
        requested_by=new.requested_by,
        task_id=new.task_id,
        callback_url=new.callback_url,
    )
    first = JobEvent(kind=EventKind.REQUESTED, at=now, by=new.requested_by)
    return Record(
        events=[first],
        job=job,
        seq=seq,
        headers=new.headers,
        key=new.idempotency_key,
        digest=new.request_digest,
        published_at=now,
    )
