"""Waits for a module's own tenant job, and ends it. What real modules do there is in docs/modules.md."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

from okapi_install.domain.errors import ModuleCallFailed
from okapi_install.domain.foreign_text import bounded
from okapi_install.domain.jobs import TenantJob
from okapi_install.domain.messages import message
from okapi_install.domain.modules.tenant_interface import ModuleCall, TenantCalls
from okapi_install.domain.problems import parse_object
from okapi_install.service.metrics import POLLS, Meters
from okapi_install.service.ports import Clock
from okapi_install.service.worker.call_policy import NO_DEADLINE, CallPolicy
from okapi_install.service.worker.module_calls import Caller, ModuleCalls


class TenantJobs:
    """The asynchronous half of the tenant interface 2.0."""

    def __init__(self, calls: ModuleCalls, clock: Clock, policy: CallPolicy, meters: Meters) -> None:
        self._calls = calls
        self._clock = clock
        self._policy = policy
        self._meters = meters

    def wait(self, caller: Caller, calls: TenantCalls, job: TenantJob) -> Mapping[str, object]:
        """Asks until the job is complete; the job as its module tells it.

        Raises:
            ModuleCallFailed: the module lost the job, answers nothing of use for too long, or the time is up.
        """
        if calls.get is None:
            raise ModuleCallFailed(message(10409, calls.post.module.id, calls.post.method, calls.post.path), user=False)
        get = replace(calls.get.at(job.id), retry=False)
        began = self._clock.monotonic()
        trouble_since: float | None = None
        while True:
            asked = self._clock.monotonic()
            document, failure = self._ask(caller, get, job.base_url, caller.deadline.left(asked))
            now = self._clock.monotonic()
            if document is not None and document.get("complete") is True:
                return document
            if caller.deadline.passed(now):
                self._time_is_up(caller, calls, job)
            trouble_since = None if failure is None else trouble_since or now
            if failure is not None and now - (trouble_since or now) > self._policy.poll_retry_seconds:
                raise failure
            if failure is not None or now - asked < self._policy.poll_wait_ms / 1250:
                self._clock.sleep(self._pause(now - (trouble_since or began)))

    def _pause(self, elapsed: float) -> float:
        return min(self._policy.poll_first_pause + elapsed / 20, self._policy.poll_longest_pause)

    def _ask(
        self, caller: Caller, get: ModuleCall, base_url: str, left: float | None
    ) -> tuple[Mapping[str, object] | None, ModuleCallFailed | None]:
        """The job, or a failure that may pass, within the seconds left. Raises ModuleCallFailed when it cannot pass."""
        query = f"?wait={self._policy.poll_wait_ms}"
        timeout = self._policy.poll_timeout if left is None else min(left, self._policy.poll_timeout)
        try:
            answer, _ = self._calls.call(caller, get, base_url=base_url, query=query, timeout=timeout)
        except ModuleCallFailed as failure:
            self._meters.count(POLLS, outcome="failed")
            if _is_final(failure):
                raise
            return None, failure
        self._meters.count(POLLS, outcome="answered")
        document = parse_object(answer.body)
        if document is None or not isinstance(document.get("complete", False), bool):
            raise ModuleCallFailed(
                message(
                    11101, "GET", get.module.id, get.path, "a body that is no tenant job: " + bounded(answer.body, 200)
                )
            )
        return document, None

    def _time_is_up(self, caller: Caller, calls: TenantCalls, job: TenantJob) -> NoReturn:
        """Tells the module to stop. Raises ModuleCallFailed."""
        if calls.delete is not None:
            self.cancel(caller, calls.delete, job)
        text = f"the tenant job did not end within {self._policy.step_timeout:g} s"
        raise ModuleCallFailed(message(10410, calls.post.module.id, text), user=False)

    def forget(self, caller: Caller, calls: TenantCalls, job: TenantJob) -> str | None:
        """Deletes a job that is complete; what went wrong with that, if anything."""
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
        """Tells the module to stop; whatever it answers."""
        once = replace(delete, retry=False)
        with contextlib.suppress(ModuleCallFailed):
            calls, timeout = self._calls, self._policy.cancel_timeout
            calls.call(_without_deadline(caller), once.at(job.id), base_url=job.base_url, timeout=timeout)


def _without_deadline(caller: Caller) -> Caller:
    """What must be said to a module when the time is up, or nearly so."""
    return replace(caller, deadline=NO_DEADLINE)


def _is_final(failure: ModuleCallFailed) -> bool:
    """RMB says 404 with other words when its database is away; Okapi gives up at anything but 2xx."""
    if failure.status is None or failure.status >= 500:
        return False
    return failure.status != 404 or "not found" in failure.body.lower()
