"""What a running job asks of the platform at its start and its end, and the warnings about the job that follow.

It waits while the platform is unavailable, and while the platform runs a job of its own for the tenant, whose end would
overwrite what this one records. With the store's own platform it never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_result, wait_exponential

from okapi_install.domain import recording_messages
from okapi_install.domain.errors import NotFound
from okapi_install.domain.history import EventKind, JobEvent
from okapi_install.domain.jobs import Parameter, Problem, ProblemCode
from okapi_install.service.ports import Differences, PlatformUnavailable
from okapi_install.service.worker.context import WorkerContext
from okapi_install.service.worker.job_steps import JobSteps
from okapi_install.service.worker.lease import Lease
from okapi_install.service.worker.recording import Recorder, done_in_this_run
from okapi_install.service.worker.store_retries import patiently

log = structlog.get_logger()
T = TypeVar("T")

_LOOKS = wait_exponential(multiplier=0.25, min=0.25, max=5.0)
"""Seconds between two looks at a job of the platform's own."""


class JobPlatform:
    """The platform for one running job. `recorder` records what its steps change."""

    def __init__(
        self, context: WorkerContext, lease: Lease, steps: JobSteps, before_waiting: Callable[[], None]
    ) -> None:
        """`before_waiting` is called before the job waits without any step to run."""
        self._context = context
        self._lease = lease
        self._steps = steps
        self._tenant = lease.job.tenant
        self.before_waiting = before_waiting
        self._lasting = tuple(w for w in lease.job.warnings if w.code != ProblemCode.WAITS_FOR_PLATFORM)
        self._committed = lease.job.warnings
        self.recorder = Recorder(context, lease, steps, lease.claim.enabled)

    def enter(self) -> None:
        """Takes what the tenant has enabled now into the claim, once no other job changes it.

        What earlier workers of this job recorded, and the platform does not show, is recorded again.

        Raises:
            NotFound: there is no such tenant any more; the message is a sentence.
            LostJob: another worker owns the job now, or it was aborted.
        """
        claim, recorder = self._lease.claim, self.recorder
        with self._saying_tenant_gone():
            self._wait_for_other_job()
            now = self._patiently(lambda: self._context.platform.enabled_now(self._tenant, claim.enabled))
            done = done_in_this_run(list(self._steps), claim.job.started or 0.0)
            if done:
                recorder.adopt(done, self._context.catalog.registry(claim.registry_seq).get)
                self._patiently(lambda: recorder.compare(now))
            else:
                recorder.start_from(now)
        self._show()
        if recorder.expected != claim.enabled:
            self._lease.claim = replace(claim, enabled=recorder.expected)

    def repaired(self) -> bool:
        """Compares what the platform shows at the job's end, once no other job changes it. Whether it differed.

        Raises as `enter`.
        """
        if not self.recorder.has_recorded:
            return False
        with self._saying_tenant_gone():
            self._wait_for_other_job()
            expected = self.recorder.expected
            found = self._patiently(lambda: self._context.platform.differences(self._tenant, expected))
            if found:
                self._patiently(lambda: self.recorder.settle(found))
        self._show()
        return bool(found)

    @contextmanager
    def _saying_tenant_gone(self) -> Iterator[None]:
        try:
            yield
        except NotFound as problem:
            raise NotFound(recording_messages.tenant_gone(self._tenant)) from problem

    def changed_by_others(self, found: Differences) -> None:
        """Adds a warning that names those modules."""
        words = recording_messages.changed_by_others(", ".join(found.unexpected), ", ".join(found.missing))
        modules = tuple(Parameter(key="module", value=m) for m in (*found.unexpected, *found.missing))
        self._lasting = (*self._lasting, Problem.warning(words, ProblemCode.CHANGED_BY_OTHERS, modules))
        self._show(event=JobEvent(kind=EventKind.CHANGED_BY_OTHERS, message=words))

    def _patiently(self, work: Callable[[], T]) -> T:
        """Retries while the platform is unavailable, or the store. The job shows that it waits. Raises LostJob."""

        def checked() -> T:
            self._lease.check()
            return self._context.retries(work)

        return patiently(self._context.clock, checked, self._waits)

    def _waits(self, problem: PlatformUnavailable) -> None:
        self._wait(recording_messages.job_waits_for_okapi(problem.message))

    def _wait(self, words: str) -> None:
        self.before_waiting()
        waits = Problem.warning(words, ProblemCode.WAITS_FOR_PLATFORM)
        self._show(waits, event=JobEvent(kind=EventKind.WAITS, message=words))

    def _show(self, *waiting: Problem, event: JobEvent | None = None) -> None:
        """Commits the job's warnings with the event, if they have changed."""
        warnings = (*self._lasting, *waiting)
        if warnings != self._committed:
            log.info("the job's warnings", warnings=[warning.message for warning in warnings])
            self._lease.warn(warnings, *filter(None, (event,)))
            self._committed = warnings

    def _wait_for_other_job(self) -> None:
        """Waits while the platform runs a job of its own for the tenant."""
        running = self._other_job()
        if running is None:
            return
        self._wait(recording_messages.waits_for_job_of_okapi(running))

        def show(state: RetryCallState) -> None:
            found = state.outcome.result() if state.outcome else None
            self._wait(recording_messages.waits_for_job_of_okapi(str(found)))

        some = retry_if_result(lambda found: found is not None)
        Retrying(retry=some, wait=_LOOKS, sleep=self._context.clock.sleep, before_sleep=show)(self._other_job)

    def _other_job(self) -> str | None:
        return self._patiently(lambda: self._context.platform.running_job(self._tenant))
