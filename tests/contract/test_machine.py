"""A job's life as a state machine: whatever happens in whatever order, the store agrees with a simple model."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from okapi_install.adapters.store import migrate, open_store
from okapi_install.domain.errors import LostJob, NotFound, UserError
from okapi_install.domain.jobs import ACTIVE, TRANSITIONS, JobStatus
from okapi_install.service.ports import Claim, Ending, JobRef, Progress, Store, Tenant
from tests.contract.builders import DONE, FAILED, LEASE, done, new_job
from tests.contract.conftest import sqlite_url
from tests.fakes.memory_store import MemoryStore

_TENANTS = ("a", "b")


@dataclass
class Model:
    """What a job ought to be."""

    tenant: str
    number: int
    status: JobStatus = JobStatus.QUEUED
    epoch: int = 0
    expired: bool = False
    kept: bool = False

    @property
    def visible(self) -> bool:
        return self.status is not JobStatus.ABORTING or self.kept

    def become(self, status: JobStatus) -> None:
        assert status in TRANSITIONS[self.status]
        self.status = status


class JobLife(RuleBasedStateMachine):
    """Submits, claims, saves, ends, aborts, gives back and retries jobs of two tenants."""

    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.store = self.make_store()
        self.models: dict[str, Model] = {}
        self.numbers = count()
        self.enabled: dict[str, set[str]] = {tenant: set() for tenant in _TENANTS}

    def make_store(self) -> Store:
        return MemoryStore()

    @initialize()
    def tenants(self) -> None:
        for tenant in _TENANTS:
            self.store.add_tenant(Tenant(id=tenant))

    @rule(target=jobs, tenant=st.sampled_from(_TENANTS))
    def submit(self, tenant: str) -> str:
        job = self.store.add_job(new_job(tenant), most_waiting=100)
        self.models[job.id] = Model(tenant=tenant, number=next(self.numbers))
        return job.id

    @rule(target=claims, job=jobs, lease=st.sampled_from([LEASE, -1.0]))
    def claim(self, job: str, lease: float) -> Claim | None:
        model = self.models.get(job)
        claim = self.store.claim(job, "w", None, lease)
        assert (claim is not None) == (model is not None and self._can_be_had(model))
        if claim is None or model is None:
            return None
        assert claim.enabled == self.enabled[model.tenant]
        assert (claim.taken_over, claim.aborting) == (model.status in ACTIVE, model.status is JobStatus.ABORTING)
        if model.status is JobStatus.QUEUED:
            model.become(JobStatus.RUNNING)
        model.epoch, model.expired = model.epoch + 1, lease < 0
        return claim

    @rule(claim=claims, module=st.sampled_from(["mod-x-1.0.0", "mod-y-1.0.0"]), on=st.booleans())
    def save(self, claim: Claim | None, module: str, on: bool) -> None:
        if claim is None:
            return
        step = done(claim.job.steps[0], claim.now)
        progress = Progress(steps=(step,), enable=(module,) if on else (), disable=() if on else (module,))
        if not self._holds(claim, JobStatus.RUNNING):
            with pytest.raises(LostJob):
                self.store.save(claim, progress)
            return
        self.store.save(claim, progress)
        modules = self.enabled[claim.job.tenant]
        (modules.add if on else modules.discard)(module)

    @rule(claim=claims, ending=st.sampled_from([DONE, FAILED]))
    def finish(self, claim: Claim | None, ending: Ending) -> None:
        if claim is None:
            return
        if not self._holds(claim, JobStatus.RUNNING):
            with pytest.raises(LostJob):
                self.store.finish(claim, ending, Progress())
            return
        following = self.store.finish(claim, ending, Progress())
        self.models[claim.job.id].become(ending.status)
        self._check_following(claim, following)

    @rule(claim=claims)
    def end_abort(self, claim: Claim | None) -> None:
        if claim is None:
            return
        if not self._holds(claim, JobStatus.ABORTING):
            with pytest.raises(LostJob):
                self.store.end_abort(claim, {"mod-a-1.0.0": "it may still be busy"})
            return
        following = self.store.end_abort(claim, {"mod-a-1.0.0": "it may still be busy"})
        model = self.models[claim.job.id]
        if model.kept:
            model.become(JobStatus.ERROR)
        else:
            del self.models[claim.job.id]
        self._check_following(claim, following)

    @rule(claim=claims)
    def release(self, claim: Claim | None) -> None:
        if claim is None:
            return
        self.store.release(claim)
        if self._holds(claim, JobStatus.RUNNING):
            self.models[claim.job.id].become(JobStatus.QUEUED)

    @rule(job=jobs, keep=st.booleans())
    def abort(self, job: str, keep: bool) -> None:
        model = self.models.get(job)
        if model is None or not model.visible:
            with pytest.raises(NotFound):
                self.store.abort(job, keep=keep)
            return
        assert self.store.abort(job, keep=keep).was is model.status
        if model.status in ACTIVE:
            model.status, model.kept = JobStatus.ABORTING, keep
        elif not keep:
            del self.models[job]
        elif model.status is JobStatus.QUEUED:
            model.become(JobStatus.ERROR)

    @rule(job=jobs)
    def retry(self, job: str) -> None:
        model = self.models.get(job)
        if model is None or model.status is not JobStatus.ERROR:
            with pytest.raises(UserError if model is not None and model.visible else NotFound):
                self.store.retry(job, (), {}, "t")
            return
        self.store.retry(job, self.store.job(job).steps, {}, "t")
        model.become(JobStatus.QUEUED)
        model.kept = False

    @rule(job=jobs)
    def end_queued(self, job: str) -> None:
        model = self.models.get(job)
        waits = model is not None and model.status is JobStatus.QUEUED
        assert self.store.end_queued(job, FAILED) is waits
        if model is not None and waits:
            model.become(JobStatus.ERROR)

    @invariant()
    def the_store_shows_what_the_model_has(self) -> None:
        for tenant in _TENANTS if self.store.tenants() else ():
            expected = {key: one.status for key, one in self.models.items() if one.tenant == tenant and one.visible}
            shown = self.store.jobs_of(tenant)
            assert [(job.id, job.status) for job in shown] == list(expected.items())
            assert self.store.enabled(tenant) == sorted(self.enabled[tenant])

    @invariant()
    def a_tenant_has_one_active_job_at_most(self) -> None:
        for tenant in _TENANTS:
            active = [one for one in self.models.values() if one.tenant == tenant and one.status in ACTIVE]
            assert len(active) <= 1
        counts = self.store.census().jobs
        for status in JobStatus:
            assert counts[status] == len([one for one in self.models.values() if one.status is status])

    def _holds(self, claim: Claim, status: JobStatus) -> bool:
        model = self.models.get(claim.job.id)
        return model is not None and (model.epoch, model.status) == (claim.epoch, status)

    def _can_be_had(self, model: Model) -> bool:
        if model.status in ACTIVE:
            return model.expired
        others = [one for one in self.models.values() if one.tenant == model.tenant and one is not model]
        if model.status is not JobStatus.QUEUED or any(one.status in ACTIVE for one in others):
            return False
        return not any(one.status is JobStatus.QUEUED and one.number < model.number for one in others)

    def _check_following(self, claim: Claim, following: JobRef | None) -> None:
        queued = [
            (one.number, key)
            for key, one in self.models.items()
            if one.tenant == claim.job.tenant and one.status is JobStatus.QUEUED
        ]
        assert (following and following.id) == (min(queued)[1] if queued else None)


class JobLifeOnSqlite(JobLife):
    """The same on SQLite."""

    def make_store(self) -> Store:
        self._folder = Path(tempfile.mkdtemp(prefix="okapi-install-machine-"))
        url = sqlite_url(self._folder)
        migrate(url)
        return open_store(url)

    def teardown(self) -> None:
        self.store.dispose()
        shutil.rmtree(self._folder)


TestJobLife = JobLife.TestCase
TestJobLife.settings = settings(max_examples=40, stateful_step_count=30)
TestJobLifeOnSqlite = JobLifeOnSqlite.TestCase
TestJobLifeOnSqlite.settings = settings(max_examples=20, stateful_step_count=30)
