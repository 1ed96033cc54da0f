"""A rollout as a state machine: whatever clients and workers do in whatever order, its promises hold.

Never more at once than allowed; no wave before the one ahead is over; nothing new while it is paused, outside its
window, held after a wave, or beyond the failures allowed; each tenant exactly once.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from okapi_install.adapters.store import migrate, open_store
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.rollouts.rollout import ROLLOUT_TRANSITIONS, PauseRule, RolloutStatus, TenantStatus
from okapi_install.domain.rollouts.windows import Window, is_open
from okapi_install.service.ports import EndTenant, JobRef, RetryJob, RolloutView, Start, StartJob, Store
from tests.contract.builders import DONE, FAILED, ended, new_job
from tests.contract.conftest import age, sqlite_url
from tests.contract.rollout_builders import rolled_out
from tests.fakes.memory_store import MemoryStore

_OVER = frozenset(TenantStatus) - {TenantStatus.WAITING, TenantStatus.RUNNING}
_MORNING = datetime(2026, 3, 28, 10, 0, tzinfo=UTC).timestamp()
_NIGHT = (Window.of([], "00:00", "12:00", "UTC"),)


class RolloutLife(RuleBasedStateMachine):
    """Workers look, plan and start at any moment, also with what they saw long ago; clients pause, retry and abort."""

    rollout = ""

    def __init__(self) -> None:
        super().__init__()
        self.store = self.make_store()
        self.running: list[JobRef] = []
        self.seen: list[tuple[str, str | None]] = []
        self.started: dict[str, int] = {}
        self.retried: dict[str, int] = {}
        self.forgiven: set[str] = set()

    def make_store(self) -> Store:
        """Its clock is that of any morning, so that the run does not depend on the time of the day."""
        store = MemoryStore()
        store.pass_time(_MORNING - store.now())
        return store

    def pass_time(self, seconds: float) -> None:
        assert isinstance(self.store, MemoryStore)
        self.store.pass_time(seconds)

    @initialize(
        waves=st.lists(st.integers(1, 4), min_size=1, max_size=3),
        at_once=st.integers(1, 3),
        failures=st.integers(0, 2),
        rule=st.sampled_from([None, PauseRule(), PauseRule(seconds=3600.0)]),
        windows=st.sampled_from([(), (), _NIGHT]),
    )
    def submit(
        self, waves: list[int], at_once: int, failures: int, rule: PauseRule | None, windows: tuple[Window, ...]
    ) -> None:
        members = [[f"w{wave}t{number}" for number in range(size)] for wave, size in enumerate(waves)]
        self.rollout = rolled_out(
            self.store,
            *members,
            max_concurrent=at_once,
            max_failures=failures,
            pause_after_wave=rule,
            windows=windows,
        )

    @rule()
    def a_worker_does_its_part(self) -> None:
        for one in self.store.advance_rollout(self.rollout, 2).tenants:
            self._start_one(one.tenant, one.job_id, "job")

    @rule()
    def look(self) -> None:
        self.seen += [(one.tenant, one.job_id) for one in self.store.advance_rollout(self.rollout, 99).tenants]

    @rule(data=st.data(), kind=st.sampled_from(["job", "job", "job", "uptodate", "refused"]))
    def start(self, data: st.DataObject, kind: str) -> None:
        """A worker starts any tenant, with what it saw long ago, or never: the store decides."""
        tenants = [(one.tenant, one.job_id) for one in self.store.rollout_tenants(self.rollout)]
        self._start_one(*data.draw(st.sampled_from(self.seen + tenants)), kind)

    def _start_one(self, tenant: str, job_id: str | None, kind: str) -> None:
        before = self.store.rollout(self.rollout)
        waited = self._status_of(tenant) is TenantStatus.WAITING
        refs = self.store.start_in_rollout(self.rollout, [self._start(tenant, job_id, kind)], most_waiting=99)
        touched = waited and self._status_of(tenant) is not TenantStatus.WAITING
        if touched:
            self._check_may_start(before, tenant)
        for ref in refs:
            self.running.append(ref)
            self.started[tenant] = self.started.get(tenant, 0) + 1

    def _start(self, tenant: str, job_id: str | None, kind: str) -> Start:
        if kind != "job":
            return EndTenant(tenant=tenant, message="no plan" if kind == "refused" else None)
        if job_id is None:
            return StartJob(tenant=tenant, job=new_job(tenant))
        with suppress(NotFound):
            return RetryJob(tenant=tenant, job_id=job_id, steps=self.store.job(job_id).steps, task_id="t")
        return StartJob(tenant=tenant, job=new_job(tenant))

    def _check_may_start(self, before: RolloutView, tenant: str) -> None:
        rollout, tenants = before.rollout, {one.tenant: one for one in self.store.rollout_tenants(self.rollout)}
        wave, now = tenants[tenant].wave, self.store.rollout(self.rollout).now
        assert rollout.status is RolloutStatus.RUNNING
        assert is_open(rollout.windows, before.now) or is_open(rollout.windows, now)
        assert rollout.hold_until is None or now >= rollout.hold_until
        assert all(one.status in _OVER for one in tenants.values() if one.wave < wave)
        failed = [one for one in tenants.values() if one.status is TenantStatus.ERROR and one.tenant != tenant]
        assert len([one for one in failed if not one.pardoned]) <= rollout.max_failures

    def _status_of(self, tenant: str) -> TenantStatus:
        return next(one.status for one in self.store.rollout_tenants(self.rollout) if one.tenant == tenant)

    @rule(data=st.data(), failed=st.booleans())
    def job_ends(self, data: st.DataObject, failed: bool) -> None:
        if self.running:
            ref = data.draw(st.sampled_from(self.running))
            self.running.remove(ref)
            ended(self.store, self.store.job(ref.id), FAILED if failed else DONE)

    @rule(data=st.data())
    def job_is_deleted(self, data: st.DataObject) -> None:
        if self.running:
            ref = data.draw(st.sampled_from(self.running))
            self.running.remove(ref)
            self.store.abort(ref.id, keep=False)

    @rule()
    def pause(self) -> None:
        with suppress(UserError):
            assert self.store.pause_rollout(self.rollout).status is RolloutStatus.PAUSED

    @rule()
    def resume(self) -> None:
        with suppress(UserError):
            assert self.store.resume_rollout(self.rollout).status is RolloutStatus.RUNNING

    @rule(data=st.data(), everyone=st.booleans())
    def retry(self, data: st.DataObject, everyone: bool) -> None:
        failed = [
            one.tenant
            for one in self.store.rollout_tenants(self.rollout)
            if one.status in (TenantStatus.ERROR, TenantStatus.RUNNING)
        ]
        wanted = None if everyone or not failed else [data.draw(st.sampled_from(failed))]
        before = {one.tenant: one.attempts for one in self.store.rollout_tenants(self.rollout)}
        with suppress(UserError):
            self.store.retry_rollout(self.rollout, wanted)
        for one in self.store.rollout_tenants(self.rollout):
            self.retried[one.tenant] = self.retried.get(one.tenant, 0) + one.attempts - before[one.tenant]

    @rule(sure=st.sampled_from([False] * 15 + [True]))
    def abort(self, sure: bool) -> None:
        if sure:
            with suppress(UserError):
                self.store.abort_rollout(self.rollout)

    @rule(hours=st.sampled_from([0.5, 5.0, 13.0]))
    def time_passes(self, hours: float) -> None:
        self.pass_time(hours * 3600)

    @invariant()
    def no_more_run_than_are_allowed(self) -> None:
        if self.rollout:
            view = self.store.rollout(self.rollout)
            assert view.tally.count(TenantStatus.RUNNING) <= view.rollout.max_concurrent
            assert len(self.running) <= view.rollout.max_concurrent

    @invariant()
    def each_tenant_starts_once_and_again_only_after_a_retry(self) -> None:
        for tenant, times in self.started.items():
            assert times <= 1 + self.retried.get(tenant, 0)

    @invariant()
    def it_changes_only_as_the_table_says(self) -> None:
        if self.rollout:
            advanced = self.store.advance_rollout(self.rollout, 0)
            before, after = advanced.before.status, advanced.rollout.status
            assert before is after or after in ROLLOUT_TRANSITIONS[before]

    def teardown(self) -> None:
        """Whatever has happened, a person gets every tenant done: the rollout always ends."""
        if self.rollout:
            self._bring_to_an_end()
            tenants = self.store.rollout_tenants(self.rollout)
            assert {one.status for one in tenants} <= {
                TenantStatus.DONE,
                TenantStatus.UPTODATE,
                TenantStatus.ERROR,
                TenantStatus.SKIPPED,
            }
        self.store.dispose()

    def _bring_to_an_end(self) -> None:
        for _ in range(200):
            for ref in self.running:
                ended(self.store, self.store.job(ref.id))
            self.running = []
            advanced = self.store.advance_rollout(self.rollout, 99)
            if advanced.rollout.complete:
                return
            with suppress(UserError):
                self.store.resume_rollout(self.rollout)
            starts = [self._start(one.tenant, one.job_id, "job") for one in advanced.tenants]
            self.running = self.store.start_in_rollout(self.rollout, starts, most_waiting=99)
            self.pass_time(3600.0)
        raise AssertionError("the rollout does not end")


class RolloutLifeOnSqlite(RolloutLife):
    """The same on SQLite, whose clock cannot be moved: what is older there is all that it keeps."""

    def make_store(self) -> Store:
        self._folder = Path(tempfile.mkdtemp(prefix="okapi-install-rollouts-"))
        url = sqlite_url(self._folder)
        migrate(url)
        self._sql = open_store(url)
        return self._sql

    def pass_time(self, seconds: float) -> None:
        age(self._sql, seconds)

    def _bring_to_an_end(self) -> None:
        """Not where the time of the day decides."""
        if not self.store.rollout(self.rollout).rollout.windows:
            super()._bring_to_an_end()

    def teardown(self) -> None:
        if self.rollout and self.store.rollout(self.rollout).rollout.windows:
            self.store.dispose()
        else:
            super().teardown()
        shutil.rmtree(self._folder)


TestRolloutLife = RolloutLife.TestCase
TestRolloutLife.settings = settings(max_examples=120, stateful_step_count=40)
TestRolloutLifeOnSqlite = RolloutLifeOnSqlite.TestCase
TestRolloutLifeOnSqlite.settings = settings(max_examples=8, stateful_step_count=30)
