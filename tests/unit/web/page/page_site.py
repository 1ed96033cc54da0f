"""The page over a memory store, with jobs in whatever state a test wants to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from flask import Flask
from flask.testing import FlaskClient

from okapi_install.config import Settings
from okapi_install.domain.errors import ErrorType
from okapi_install.domain.jobs import Change, EndReason, Job, JobStatus, Problem, Stage, Step, StepStatus
from okapi_install.service.jobs.installs import InstallService, Limits
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.jobs.waiting import WaitingService
from okapi_install.service.own_platform import OwnPlatform
from okapi_install.service.ports import Claim, Ending, Progress, Tenant
from okapi_install.service.registry import RegistryService
from okapi_install.service.tenants import TenantService
from okapi_install.web.access.login import PageLogin
from okapi_install.web.app import create_app
from okapi_install.web.page import routes, workers
from okapi_install.web.page.rendering import Rendering
from okapi_install.web.page.tenants import routes as tenant_routes
from tests.contract.builders import claimed, new_job
from tests.fakes.fake_clock import FakeClock
from tests.fakes.memory_store import MemoryStore
from tests.fakes.quiet import RememberingQueue, SilentNotifier

HERE = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Site:
    """A page and what is behind it. `key` is the API key, if there is one."""

    key: str | None = None
    store: MemoryStore = field(default_factory=MemoryStore)
    queue: RememberingQueue = field(default_factory=RememberingQueue)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        registry, platform = RegistryService(self.store), OwnPlatform(self.store)
        others = self.queue, SilentNotifier(), self.clock, Limits()
        self.installs = InstallService(self.store, registry, *others, platform=platform)
        self.snapshots = SnapshotService(TimingsService(self.store, self.clock))
        self.tenants = TenantService(self.store, registry, platform, self.installs.stop_all)
        self.app = self._app()
        self.client: FlaskClient = self.app.test_client()

    def _app(self) -> Flask:
        sign_in = PageLogin.of(Settings(api_key=self.key), self.store)
        rendering = Rendering(self.snapshots.now)
        pages = routes.blueprint(self.installs, self.snapshots, self.tenants, sign_in, rendering)
        lists = tenant_routes.blueprint(self.tenants, RegistryService(self.store), sign_in, rendering)
        waiting = WaitingService(self.store, TimingsService(self.store, self.clock), self.clock, alive_within=15.0)
        alive = workers.blueprint(waiting, sign_in, rendering, self.snapshots.now)
        return create_app(Settings(api_key=self.key), [pages, lists, alive], self.tenants, sign_in)

    def job(
        self, *modules: str, tenant: str = "diku", edges: Sequence[tuple[int, int]] = (), by: str | None = "ada"
    ) -> Job:
        """A job that waits for its turn."""
        if tenant not in [known.id for known in self.store.tenants()]:
            self.store.add_tenant(Tenant(id=tenant, name="Datalogisk Institut"))
        new = new_job(tenant, *modules, edges=tuple(edges), requested_by=by)
        return self.store.add_job(new, most_waiting=100)

    def begin(self, job: Job) -> Claim:
        """Has a worker claim it."""
        return claimed(self.store, job)

    def step(self, claim: Claim, pos: int, **changes: object) -> None:
        """Changes one of its steps."""
        step = replace(self.store.job(claim.job.id).steps[pos], **changes)  # type: ignore[arg-type]
        self.store.save(claim, Progress(steps=(step,)))

    def finish(self, claim: Claim, ending: Ending) -> None:
        """Ends it."""
        self.store.finish(claim, ending, Progress())

    def failed_job(self, words: str = "it broke") -> Job:
        """A job of three modules: one done with a warning, one failed, one not run."""
        job = self.job("mod-a-1.0.0", "mod-b-1.0.0", "mod-c-1.0.0", edges=[(0, 1), (1, 2)])
        claim = self.begin(job)
        done = {"stage": Stage.DONE, "status": StepStatus.DONE, "started": claim.now, "ended": claim.now + 2}
        self.step(claim, 0, **done, warnings=(Problem(message="Reindex, please", code="reindex"),))
        error = Problem(message=words, type="error", code="boom")
        failed = {"stage": Stage.INVOKE, "status": StepStatus.ERROR, "started": claim.now + 2, "ended": claim.now + 3}
        self.step(claim, 1, **failed, message=words, errors=(error,))
        self.finish(
            claim, Ending(status=JobStatus.ERROR, message=words, error_type=ErrorType.USER, reason=EndReason.FAILED)
        )
        return self.store.job(job.id)

    def text(self, path: str, status: int = 200) -> str:
        """A page as a browser of this site gets it."""
        answer = self.client.get(path, headers={**HERE, "Accept": "text/html"})
        assert answer.status_code == status, answer.text
        return answer.text


def big_plan(count: int) -> tuple[Step, ...]:
    """Steps that enable so many modules."""
    return tuple(Step(pos=pos, change=Change(id=f"mod-number-{pos}-1.{pos}.0")) for pos in range(count))
