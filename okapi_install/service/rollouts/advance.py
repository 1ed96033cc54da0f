"""Brings rollouts forward: plans the next tenants, adds their jobs, and sends the messages about them.

Any process may do that at any moment, also several at once: the store decides who starts which tenant. Nothing is kept
in memory but which rollouts are being looked at, so that a process looks at each of them once at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

import structlog

from okapi_install.domain.errors import NotFound, OkapiInstallError, StoreUnavailable, UserError
from okapi_install.domain.jobs import Job
from okapi_install.domain.rollouts import words
from okapi_install.domain.rollouts.rollout import Rollout, RolloutTenant
from okapi_install.service.jobs.installs import InstallService
from okapi_install.service.jobs.planning import SharedPlans
from okapi_install.service.ports import (
    Advanced,
    Clock,
    EndTenant,
    JobRef,
    PlatformUnavailable,
    Queue,
    RetryJob,
    RolloutStore,
    Start,
    StartJob,
    TenantState,
)
from okapi_install.service.rollouts.observer import RolloutObserver
from okapi_install.service.rollouts.orders import job_order

log = structlog.get_logger()

MOST_AT_ONCE = 16
"""How many tenants are planned before their jobs are committed together."""
_PAUSE_SHARE = 2.0
_LONGEST_PAUSE = 0.25
"""After a look at a rollout the process pauses for twice as long as the look took, at most for so many seconds. Jobs
that end meanwhile are followed by the next ones together, instead of with a look for each.
"""


class RolloutAdvancer:
    """Starts what may be started. `background` runs work in a task of its own; without it, work runs at once."""

    def __init__(
        self,
        store: RolloutStore,
        installs: InstallService,
        queue: Queue,
        observer: RolloutObserver,
        background: Callable[[Callable[[], None]], None] | None = None,
        *,
        clock: Clock,
        most_waiting: int,
    ) -> None:
        self._store = store
        self._installs = installs
        self._queue = queue
        self._observer = observer
        self._background = background or (lambda work: work())
        self._clock = clock
        self._most_waiting = most_waiting
        self._lock = Lock()
        self._looking: set[str] = set()
        self._wanted: set[str] = set()

    def sweep(self) -> None:
        """Looks at all rollouts that are not over."""
        try:
            for rollout_id in self._store.open_rollouts():
                self.soon(rollout_id)
        except StoreUnavailable as problem:
            log.warning("rollouts are not looked at: the store is unavailable", cause=problem.message)

    def job_ended(self, job: Job) -> None:
        """Looks at the rollout of a job that has ended. It does not wait for the result."""
        if job.options.rollout is not None:
            self.soon(job.options.rollout)

    def soon(self, rollout_id: str) -> None:
        """Looks at a rollout in the background; once more after a look that has started already."""
        with self._lock:
            self._wanted.add(rollout_id)
            if rollout_id in self._looking:
                return
            self._looking.add(rollout_id)
        self._background(lambda: self._look(rollout_id))

    def _look(self, rollout_id: str) -> None:
        """Looks until nobody wants another look. What fails is done by the next sweep."""
        try:
            while self._take(rollout_id):
                began = self._clock.monotonic()
                self.advance(rollout_id)
                took = self._clock.monotonic() - began
                self._clock.sleep(min(_PAUSE_SHARE * took, _LONGEST_PAUSE))
        except BaseException as problem:
            with self._lock:
                self._looking.discard(rollout_id)
            if not isinstance(problem, OkapiInstallError):
                raise
            log.warning("rollout not brought forward; the sweep does it later", rollout=rollout_id, cause=str(problem))

    def _take(self, rollout_id: str) -> bool:
        """Whether another look is wanted. If not, the next one that is wanted starts anew."""
        with self._lock:
            if rollout_id in self._wanted:
                self._wanted.remove(rollout_id)
                return True
            self._looking.discard(rollout_id)
            return False

    def advance(self, rollout_id: str, rounds: int | None = None) -> None:
        """Starts all tenants that may start now, or those of so many rounds.

        Raises:
            NotFound: there is no such rollout.
            StoreUnavailable: the store does not respond.
        """
        shared = SharedPlans()
        while rounds is None or rounds > 0:
            advanced = self._store.advance_rollout(rollout_id, MOST_AT_ONCE)
            self._observer.changed(advanced.before, advanced.rollout)
            starts = self._starts(advanced, shared)
            if not starts:
                return
            jobs = self._store.start_in_rollout(rollout_id, starts, most_waiting=self._most_waiting)
            self._observer.tenants_started(advanced.rollout, len(jobs))
            for job in jobs:
                self._send(job)
            if len(jobs) == len(advanced.tenants) < MOST_AT_ONCE:
                return  # all that may start now have started
            rounds = None if rounds is None else rounds - 1

    def _starts(self, advanced: Advanced, shared: SharedPlans) -> list[Start]:
        """How the tenants start, without those of which that cannot be said now. What plans need is read together."""
        rollout, headers = advanced.rollout, advanced.headers
        starts: dict[str, Start | None] = {}
        for one in advanced.tenants:
            with self._guarded(rollout, one, starts):
                again = self._retry(rollout, one, headers)
                if again is None:
                    self._installs.refresh(one.tenant)
                else:
                    starts[one.tenant] = again
        new = [one for one in advanced.tenants if one.tenant not in starts]
        states = self._installs.refreshed_states([one.tenant for one in new])
        for one in new:
            with self._guarded(rollout, one, starts):
                starts[one.tenant] = self._new(advanced, one, states.get(one.tenant), shared)
        return [start for start in starts.values() if start is not None]

    @contextmanager
    def _guarded(self, rollout: Rollout, one: RolloutTenant, starts: dict[str, Start | None]) -> Iterator[None]:
        """Notes what a problem means for the tenant: it waits (None), or is over."""
        try:
            yield
        except (StoreUnavailable, PlatformUnavailable) as problem:
            log.warning("a tenant waits: nothing can be read of it", tenant=one.tenant, cause=problem.message)
            starts[one.tenant] = None
        except NotFound:
            starts[one.tenant] = self._refused(rollout, one, words.tenant_gone(one.tenant))
        except OkapiInstallError as problem:
            starts[one.tenant] = self._refused(rollout, one, problem.message)

    def _retry(self, rollout: Rollout, one: RolloutTenant, headers: Mapping[str, str]) -> RetryJob | None:
        """The tenant's job again, if it has one that can be run again."""
        if one.job_id is None:
            return None
        try:
            job, steps = self._installs.steps_of_retry(one.job_id)
        except (NotFound, UserError):
            return None
        if not job.steps or job.tenant != one.tenant:
            return None
        return RetryJob(
            tenant=one.tenant,
            job_id=job.id,
            steps=steps,
            headers=headers,
            task_id=str(uuid.uuid4()),
            by=rollout.requested_by,
        )

    def _new(self, advanced: Advanced, one: RolloutTenant, state: TenantState | None, shared: SharedPlans) -> Start:
        if state is None:
            raise NotFound(one.tenant)
        new = self._installs.prepared(job_order(advanced.rollout, one, advanced.headers), state, shared)
        return EndTenant(tenant=one.tenant) if new is None else StartJob(tenant=one.tenant, job=new)

    def _refused(self, rollout: Rollout, one: RolloutTenant, message: str) -> EndTenant:
        self._observer.tenant_refused(rollout, one.tenant, message)
        return EndTenant(tenant=one.tenant, message=message)

    def _send(self, job: JobRef) -> None:
        """Sends the message about a job. If that fails, the sweep sends it later."""
        try:
            self._queue.publish(job)
        except OkapiInstallError as problem:
            log.warning("message not sent; the sweep will send it", job=job.id, cause=problem.message)
        self._installs.job_added(job)
