"""Polls a module's own tenant job, and deletes it. docs/modules.md describes what real modules do."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

import structlog
from cachetools import LRUCache

from okapi_install.domain import messages, okapi_messages
from okapi_install.domain.errors import ErrorType, ModuleCallFailed
from okapi_install.domain.foreign_status import is_not_found, is_server_error
from okapi_install.domain.foreign_text import bounded
from okapi_install.domain.jobs import TenantJob
from okapi_install.domain.modules.tenant_interface import ModuleCall, TenantCalls
from okapi_install.domain.problems import parse_object
from okapi_install.service.metrics import PollOutcome
from okapi_install.service.observer import JobObserver
from okapi_install.service.ports import Clock
from okapi_install.service.worker.call_policy import NO_DEADLINE, CallPolicy
from okapi_install.service.worker.module_calls import Caller, ModuleCalls, timed_out

log = structlog.get_logger()

_MOST_KNOWN = 4096
"""Most instances remembered to interpret `wait` as seconds."""
_WORDS_OF_A_LOST_JOB = "not found"
"""The text of a 404 from RMB, folio-vertx-lib and Spring modules for an unknown tenant job."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lookout:
    """How the caller of `wait` learns that a module has probably lost its tenant job.

    `usual` returns the seconds after which a step of that module takes longer than ever; `lost` receives the warning.
    """

    usual: Callable[[], float]
    lost: Callable[[str], None]


@dataclass(kw_only=True, slots=True)
class _Trail:
    """The results of the polls of one job so far. Times are by the worker's clock.

    `quiet_since` is when the module responded again after an outage, if the job has not changed since then.
    """

    began: float
    document: Mapping[str, object] | None = None
    seen: float | None = None
    trouble_since: float | None = None
    quiet_since: float | None = None
    limit: float | None = None
    suspected: float | None = None

    def failed(self, now: float) -> None:
        """A poll has failed."""
        if self.trouble_since is None:
            self.trouble_since = now

    def answered(self, document: Mapping[str, object], now: float) -> None:
        """A poll has found the job running."""
        if self.trouble_since is not None:
            self.quiet_since = now
        elif document != self.document:
            self.quiet_since = self.suspected = None
        self.trouble_since, self.document, self.seen = None, document, now

    def known(self, now: float) -> str:
        """A sentence about when the job was seen last."""
        if self.seen is None:
            return messages.tenant_job_never_seen(now - self.began)
        return messages.tenant_job_last_seen(now - self.seen)


class TenantJobs:
    """The asynchronous half of the tenant interface 2.0."""

    def __init__(self, calls: ModuleCalls, clock: Clock, policy: CallPolicy, observer: JobObserver) -> None:
        self._calls = calls
        self._clock = clock
        self._policy = policy
        self._observer = observer
        self._without_wait: LRUCache[str, bool] = LRUCache(_MOST_KNOWN)

    def wait(self, caller: Caller, calls: TenantCalls, job: TenantJob, lookout: Lookout) -> Mapping[str, object]:
        """Polls until the job is complete; the job as its module returned it.

        Raises:
            ModuleCallFailed: the module has lost the job, sent no usable response for too long, or the time is up.
        """
        if calls.get is None:
            raise ModuleCallFailed(
                okapi_messages.unexpected_location(calls.post.module.id, calls.post.method, calls.post.path),
                error_type=ErrorType.INTERNAL,
            )
        get = replace(calls.get.at(job.id), retry=False)
        trail = _Trail(began=self._clock.monotonic())
        while True:
            asked = self._clock.monotonic()
            document, failure = self._ask(caller, get, job.base_url)
            now = self._clock.monotonic()
            if document is not None and document.get("complete") is True:
                return document
            if caller.deadline.passed(now):
                text = messages.tenant_job_too_long(self._policy.step_timeout or 0)
                self._give_up(caller, calls, job, text)
            if failure is not None:
                self._trouble(trail, failure, now)
            elif document is not None:
                trail.answered(document, now)
                self._doubt(trail, lookout, now)
            if trail.suspected is not None and now - trail.suspected > (self._policy.lost_job_timeout or math.inf):
                self._give_up(caller, calls, job, messages.lost_tenant_job_ended(now - (trail.quiet_since or now)))
            if failure is not None or now - asked < self._policy.poll_wait_ms / 1250:
                self._clock.sleep(self._pause(now - (trail.trouble_since or trail.began)))

    def _trouble(self, trail: _Trail, failure: ModuleCallFailed, now: float) -> None:
        """Records a failed poll. Raises the failure, with when the job was last seen, after too long."""
        trail.failed(now)
        if now - (trail.trouble_since or now) <= self._policy.poll_retry_seconds:
            return
        failure.hint = trail.known(now)
        if failure.status is None:
            raise ModuleCallFailed(f"{failure.message}; {failure.hint}", error_type=failure.error_type) from failure
        raise failure

    def _doubt(self, trail: _Trail, lookout: Lookout, now: float) -> None:
        """Warns of a job that has not changed since an outage of its module, for longer than it ever took."""
        quiet = 0.0 if trail.quiet_since is None else now - trail.quiet_since
        if trail.suspected is not None or quiet <= self._policy.slow_step_seconds:
            return
        trail.limit = lookout.usual() if trail.limit is None else trail.limit
        if quiet > trail.limit:
            trail.suspected = now
            self._observer.tenant_job_lost()
            lookout.lost(messages.tenant_job_probably_lost(quiet))

    def _pause(self, elapsed: float) -> float:
        return min(self._policy.poll_first_pause + elapsed / 20, self._policy.poll_longest_pause)

    def _ask(
        self, caller: Caller, get: ModuleCall, base_url: str
    ) -> tuple[Mapping[str, object] | None, ModuleCallFailed | None]:
        """The job, or a temporary failure; neither, if the poll was held for longer than requested.

        Some versions of folio-vertx-lib interpret `wait` as seconds. They are polled without it from then on.

        Raises:
            ModuleCallFailed: the failure is permanent.
        """
        instance, wait = f"{get.module.id} {base_url}", self._policy.poll_wait_ms / 1000
        waits = wait > 0 and instance not in self._without_wait
        timeout = min(self._policy.poll_timeout, wait + self._policy.poll_hold_slack if waits else math.inf)
        query, asked = f"?wait={self._policy.poll_wait_ms}" if waits else "", self._clock.monotonic()
        try:
            answer, _ = self._calls.call(caller, get, base_url=base_url, query=query, timeout=timeout)
        except ModuleCallFailed as failure:
            if waits and timed_out(failure) and self._clock.monotonic() - asked >= wait:
                self._without_wait[instance] = True
                self._observer.polled(PollOutcome.HELD)
                log.info("a poll was held for longer than requested: this instance is polled without wait from now on")
                return None, None
            self._observer.polled(PollOutcome.FAILED)
            if _is_final(failure):
                raise
            return None, failure
        self._observer.polled(PollOutcome.ANSWERED)
        document = parse_object(answer.body)
        if document is None or not isinstance(document.get("complete", False), bool):
            raise ModuleCallFailed(
                okapi_messages.call_failed(
                    "GET", get.module.id, get.path, messages.not_a_tenant_job(bounded(answer.body, 200))
                )
            )
        return document, None

    def _give_up(self, caller: Caller, calls: TenantCalls, job: TenantJob, text: str) -> NoReturn:
        """Tells the module to stop. Raises ModuleCallFailed."""
        if calls.delete is not None:
            self.cancel(caller, calls.delete, job)
        raise ModuleCallFailed(
            okapi_messages.tenant_operation_failed(calls.post.module.id, text), error_type=ErrorType.INTERNAL
        )

    def forget(self, caller: Caller, calls: TenantCalls, job: TenantJob) -> str | None:
        """Deletes a complete job; the warning if that failed."""
        if calls.delete is None:
            return None
        delete = replace(calls.delete.at(job.id), retry=False)
        left = caller.deadline.left(self._clock.monotonic())
        timeout = self._policy.poll_timeout if left is None else max(left, self._policy.cancel_timeout)
        try:
            self._calls.call(_without_deadline(caller), delete, base_url=job.base_url, timeout=timeout)
        except ModuleCallFailed as failure:
            return failure.message
        return None

    def cancel(self, caller: Caller, delete: ModuleCall, job: TenantJob) -> None:
        """Tells the module to stop, and ignores its response."""
        once = replace(delete, retry=False)
        with contextlib.suppress(ModuleCallFailed):
            calls, timeout = self._calls, self._policy.cancel_timeout
            calls.call(_without_deadline(caller), once.at(job.id), base_url=job.base_url, timeout=timeout)


def _without_deadline(caller: Caller) -> Caller:
    """The caller with time for a last call when the step's time is up or nearly so."""
    return replace(caller, deadline=NO_DEADLINE)


def _is_final(failure: ModuleCallFailed) -> bool:
    """Whether a retry is pointless. RMB returns 404 with another text if its database is unavailable."""
    if failure.status is None or is_server_error(failure.status):
        return False
    return not is_not_found(failure.status) or _WORDS_OF_A_LOST_JOB in failure.body.lower()
