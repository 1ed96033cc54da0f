"""Records in the platform what initialised modules change, and records again what it has lost.

The job's claim makes its worker the only one that records for the tenant. Steps that run side by side record one after
another, because an Okapi loses changes that are made at once. On the store's own platform nothing of this happens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass

import structlog

from okapi_install.domain import recording_messages
from okapi_install.domain.errors import LostJob, NotFound, RecordingFailed
from okapi_install.domain.jobs import Action, Change, Stage, Step, StepStatus
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.planning.frontier import Lookup
from okapi_install.service.ports import DescriptorGone, Differences, PlatformUnavailable, Recording
from okapi_install.service.worker.context import WorkerContext
from okapi_install.service.worker.job_steps import NOTHING_TO_DO, JobSteps
from okapi_install.service.worker.lease import Lease
from okapi_install.service.worker.store_retries import patiently

log = structlog.get_logger()

_MOST_REPAIRS = 5
"""How often a change is recorded again. More often, somebody else takes it back on purpose."""


def recording_of(change: Change, *, came: bool = True) -> Recording | None:
    """What has to be recorded of a change. Without `came`, the module to enable does not exist."""
    if change.action in NOTHING_TO_DO:
        return None
    if change.action is Action.DISABLE:
        return Recording(gone=change.id, came=None)
    new, old = change.id if came else None, change.from_id if change.from_id != change.id else None
    return None if new is None and old is None else Recording(gone=old, came=new)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Own:
    """The last change of a module by this job: which step made it."""

    pos: int
    recording: Recording


@dataclass(kw_only=True, slots=True)
class News:
    """What was found out while recording: steps that were recorded again or given up, and what others changed."""

    repaired: set[int]
    given_up: dict[int, str]
    others: list[Differences]

    def __bool__(self) -> bool:
        return bool(self.repaired or self.given_up or self.others)


class Recorder:
    """Records the changes of one running job. Used by all its steps at once."""

    def __init__(self, context: WorkerContext, lease: Lease, steps: JobSteps, enabled: Collection[str]) -> None:
        """`enabled` is what the platform has shown last."""
        self._context = context
        self._lease = lease
        self._steps = steps
        self._tenant = lease.job.tenant
        self._turn = context.recordings.of(self._tenant)
        self._expected = set(enabled)
        self._own: dict[str, _Own] = {}
        self._recorded: set[int] = set()
        self._repairs: Counter[int] = Counter()
        self._news = _no_news()

    @property
    def expected(self) -> frozenset[str]:
        """What the platform has to show of the tenant."""
        return frozenset(self._expected)

    @property
    def has_recorded(self) -> bool:
        """Whether this job has changed something in the platform."""
        return bool(self._own)

    def take_news(self) -> News | None:
        """What was found out since the last call, if anything."""
        if not self._news:
            return None
        news, self._news = self._news, _no_news()
        return news

    def record(self, pos: int, recording: Recording) -> None:
        """Records the change of a step whose module is initialised. Waits while the platform is unavailable.

        Raises:
            RecordingFailed: the platform has no descriptor of the module, or no such tenant, any more.
            LostJob: another worker owns the job now, or it was aborted.
            StoreNotWritable: the step could not be committed.
        """
        try:
            patiently(
                self._context.clock, lambda: self._once(pos, recording), lambda problem: self._waits(pos, problem)
            )
        except DescriptorGone as problem:
            raise RecordingFailed(recording_messages.descriptor_gone(_named(recording))) from problem
        except NotFound as problem:
            raise RecordingFailed(recording_messages.tenant_gone(self._tenant), ends_job=True) from problem

    def _once(self, pos: int, recording: Recording) -> None:
        told = False
        with ExitStack() as turn:

            def before() -> None:
                nonlocal told
                if not told:
                    self._commit_initialised(pos)
                    turn.enter_context(self._turn.one())
                told = True
                self._lease.check()

            shown = self._context.platform.record(self._tenant, recording, before)
            if told:
                self._expect(pos, recording)
                self._compare(shown)

    def _commit_initialised(self, pos: int) -> None:
        if self._steps[pos].stage is not Stage.INITIALISED:
            self._steps.initialised(pos)
            self._lease.save_running(self._steps, pos)

    def _waits(self, pos: int, problem: PlatformUnavailable) -> None:
        words = recording_messages.step_waits_for_okapi(problem.message)
        if self._steps.waits(pos, words):
            log.warning("the module is initialised and not recorded yet", cause=problem.message)
            self._lease.save_running(self._steps, pos)

    def _expect(self, pos: int, recording: Recording) -> None:
        self._recorded.add(pos)
        if recording.gone is not None:
            self._expected.discard(recording.gone)
            self._own[recording.gone] = _Own(pos=pos, recording=recording)
        if recording.came is not None:
            self._expected.add(recording.came)
            self._own[recording.came] = _Own(pos=pos, recording=recording)

    # What the platform has lost, and what others have changed

    def adopt(self, done: Collection[Step], lookup: Lookup) -> None:
        """Takes the changes of these steps, which an earlier worker has done in this order, for its own."""
        for step in done:
            recording = recording_of(step.change, came=lookup(step.change.id) is not None)
            if recording is not None:
                self._expect(step.pos, recording)

    def start_from(self, shown: frozenset[str]) -> None:
        """Expects what the platform shows when the job starts."""
        self._expected = set(shown)

    def compare(self, shown: frozenset[str]) -> None:
        """As `settle`, with what the platform shows."""
        with self._turn.one():
            self._compare(shown)

    def settle(self, found: Differences) -> None:
        """Records again what is lost of this job's changes. What others changed is expected from now on, and is news.

        Raises PlatformUnavailable, NotFound, LostJob.
        """
        with self._turn.one():
            self._settle(found)

    def _compare(self, shown: frozenset[str] | None) -> None:
        if shown is None or shown == self._expected:
            return
        missing, unexpected = self._expected - shown, shown - self._expected
        self._settle(Differences(missing=tuple(sorted(missing)), unexpected=tuple(sorted(unexpected))))

    def _settle(self, found: Differences) -> None:
        found = self._without_pending(found)
        lost = self._lost(found)
        for pos, recording in sorted(lost.items(), key=lambda item: item[0]):
            if not self._repaired(pos, recording):
                del lost[pos]
        kept = {module for one in lost.values() for module in _modules(one)}
        others = Differences(
            missing=tuple(m for m in found.missing if m not in kept),
            unexpected=tuple(m for m in found.unexpected if m not in kept),
        )
        if others:
            self._accept(others)

    def _without_pending(self, found: Differences) -> Differences:
        """The differences without changes that were perhaps made: the platform was told, and has not responded."""
        pending = {
            module
            for step in self._steps
            if step.stage is Stage.INITIALISED and step.pos not in self._recorded
            for module in _modules(recording_of(step.change))
        }
        return Differences(
            missing=tuple(m for m in found.missing if m not in pending),
            unexpected=tuple(m for m in found.unexpected if m not in pending),
        )

    def _lost(self, found: Differences) -> dict[int, Recording]:
        """The recordings of this job that the platform does not show, by step."""
        owners = [self._own[module] for module in (*found.missing, *found.unexpected) if module in self._own]
        shown = self._expected.difference(found.missing).union(found.unexpected)
        return {one.pos: one.recording for one in owners if not _overtaken(one.recording, shown)}

    def _repaired(self, pos: int, recording: Recording) -> bool:
        """Whether the change was recorded again. If not, it is given up."""
        if self._repairs[pos] == _MOST_REPAIRS:
            self._news.given_up[pos] = recording_messages.lost_repeatedly(_MOST_REPAIRS)
            return False
        log.warning("the platform has lost a change; it is recorded again", module=_named(recording))
        try:
            self._context.platform.record(self._tenant, recording, self._lease.check)
        except DescriptorGone:
            self._news.given_up[pos] = recording_messages.descriptor_gone(_named(recording))
            return False
        self._repairs[pos] += 1
        self._news.repaired.add(pos)
        return True

    def _accept(self, others: Differences) -> None:
        self._expected.difference_update(others.missing)
        self._expected.update(others.unexpected)
        for module in (*others.missing, *others.unexpected):
            self._own.pop(module, None)
        self._news.others.append(others)
        log.warning("others changed the tenant's modules", missing=others.missing, unexpected=others.unexpected)


def _modules(recording: Recording | None) -> list[str]:
    changed = () if recording is None else (recording.gone, recording.came)
    return [module for module in changed if module is not None]


def _named(recording: Recording) -> str:
    return recording.came or recording.gone or ""


def _no_news() -> News:
    return News(repaired=set(), given_up={}, others=[])


def _overtaken(recording: Recording, shown: Collection[str]) -> bool:
    """Whether somebody else has enabled another version of the module meanwhile."""
    if recording.came is None:
        return False
    product, known = ModuleId.parse(recording.came).product, (recording.came, recording.gone)
    return any(m not in known and ModuleId.parse(m).product == product for m in shown)


def record_when_stopped(context: WorkerContext, lease: Lease, steps: JobSteps) -> None:
    """Records what a stopped job has initialised: the modules' schemas are there. Its steps end with that.

    If the platform stays unavailable, they end as errors that say so. Raises LostJob.
    """
    until = context.clock.monotonic() + context.policy.stop_record_seconds
    for step in steps.unrecorded():
        if steps.end_returned(step.pos):
            continue
        try:
            _record_late(context, lease, step, until)
        except NotFound:
            steps.not_recorded(step.pos, recording_messages.tenant_gone(lease.job.tenant))
        except DescriptorGone:
            steps.not_recorded(step.pos, recording_messages.descriptor_gone(step.change.id))
        except PlatformUnavailable as problem:
            steps.not_recorded(step.pos, recording_messages.not_recorded_when_stopped(problem.message))
        else:
            steps.returned(step.pos, None)
            steps.end_returned(step.pos)


def _record_late(context: WorkerContext, lease: Lease, step: Step, until: float) -> None:
    recording, turn = recording_of(step.change), context.recordings.of(lease.job.tenant)

    def check() -> None:
        if lease.standing() is None:
            raise LostJob(lease.job.id)

    def record() -> None:
        if recording is not None:
            with turn.one():
                context.platform.record(lease.job.tenant, recording, check)

    patiently(context.clock, record, lambda problem: log.warning("not recorded yet", cause=problem.message), until)


def done_in_this_run(steps: Collection[Step], since: float) -> list[Step]:
    """The steps that are done since then, in the order in which they ended."""
    done = [s for s in steps if s.status is StepStatus.DONE and s.ended is not None and s.ended >= since]
    return sorted(done, key=lambda step: step.ended or 0.0)
