"""An interruption at the moment at which a module returns its tenant job: the job is cancelled, if its name came."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event

from okapi_install.adapters.greenlets import GreenletTasks
from okapi_install.domain.jobs import Job, JobStatus, StepStatus
from okapi_install.service.ports import Answer, Claim, Progress
from okapi_install.service.worker.worker import Rhythm, Worker
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_modules import Call, answer
from tests.unit.service.house import House, descriptor, enable

CANCELLED = ["POST d-1.0.0 /_/tenant", "DELETE d-1.0.0 /_/tenant/j1"]
PATIENCE = 30


class YieldingClock(FakeClock):
    """Time passes for who waits, and meanwhile others run. `on_sleep` is called first."""

    def __init__(self) -> None:
        super().__init__()
        self.on_sleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.on_sleep()
        super().sleep(seconds)
        gevent.sleep(0)


class Interrupted:
    """A worker whose module is in its POST, in greenlets; `respond` lets it return what `response` says."""

    def __init__(self, response: Answer, *documents: dict[str, object]) -> None:
        self.clock = YieldingClock()
        self.house = House(*documents, clock=self.clock)
        self.tasks = GreenletTasks()
        self.called, self.respond, self.polled = Event(), Event(), Event()
        self.house.script("d-1.0.0", self._play)
        self._response = response
        self.worker = Worker(self.house.context, self.tasks, self.house.queue, identity="w9", rhythm=Rhythm())
        self.job: Job = self.house.submit(*enable("d-1.0.0"))
        self._task = gevent.spawn(self.worker.run, self.job.id, "t1")

    def _play(self, call: Call) -> Answer:
        if call.method == "GET":
            self.polled.set()
            Event().wait()
        if call.method != "POST":
            return answer(204)
        self.called.set()
        self.respond.wait()
        return self._response

    def interrupt(self) -> None:
        """What Celery does to a task that is revoked."""
        self._task.kill()

    def respond_while_waited_for(self) -> None:
        """The response comes when the clean-up waits for it, and not before."""
        self.clock.on_sleep = self.respond.set

    def wait(self) -> None:
        """Until the task has ended and the clean-up is over."""
        self._task.join(PATIENCE)
        self.tasks.join(PATIENCE)


STARTED = answer(201, {"id": "j1"}, Location="/_/tenant/j1")


def test_a_tenant_job_that_is_returned_just_after_an_abort_is_cancelled() -> None:
    running = Interrupted(STARTED)
    running.respond_while_waited_for()
    assert running.called.wait(PATIENCE)
    running.house.installs.abort(running.job.id, keep=False)
    running.interrupt()
    running.wait()
    assert running.house.modules.seen() == CANCELLED
    assert running.house.store.revision(running.job.id) is None


def test_a_tenant_job_that_is_returned_just_after_a_stop_is_waited_for_by_the_next_worker() -> None:
    running = Interrupted(STARTED)
    running.respond_while_waited_for()
    assert running.called.wait(PATIENCE)
    running.worker.stop()
    running.wait()
    given_back = running.house.store.job(running.job.id).steps[0]
    assert given_back.tenant_job is not None
    assert (given_back.tenant_job.id, given_back.attempts) == ("j1", 1)
    assert "DELETE d-1.0.0 /_/tenant/j1" not in running.house.modules.seen()


def test_another_worker_can_run_the_jobs_of_a_worker_that_stops_before_their_leases_expire() -> None:
    running = Interrupted(STARTED)
    running.respond_while_waited_for()
    assert running.called.wait(PATIENCE)
    running.house.queue.published.clear()
    running.worker.stop()
    running.wait()
    assert running.house.store.job(running.job.id).status is JobStatus.QUEUED
    assert [message.id for message in running.house.queue.published] == [running.job.id]
    claim = running.house.store.claim(running.job.id, "w10", None, Rhythm().lease)
    assert claim is not None
    assert claim.worker == "w10"


def test_a_module_that_does_not_respond_holds_up_a_clean_up_for_a_moment_only() -> None:
    running = Interrupted(STARTED)
    assert running.called.wait(PATIENCE)
    running.house.installs.abort(running.job.id, keep=False)
    before = running.clock.time
    running.interrupt()
    running.wait()
    assert running.house.store.revision(running.job.id) is None
    assert running.clock.time - before == pytest.approx(running.house.context.policy.interrupt_grace, abs=0.1)
    assert running.house.modules.seen() == CANCELLED[:1]


def test_an_abort_of_a_step_that_waits_for_its_tenant_job_is_cleaned_up_at_once() -> None:
    running = Interrupted(STARTED)
    running.respond.set()
    assert running.polled.wait(PATIENCE)
    before = running.clock.time
    running.house.installs.abort(running.job.id, keep=False)
    running.interrupt()
    running.wait()
    assert running.clock.time == before
    assert [seen for seen in running.house.modules.seen() if not seen.startswith("GET")] == CANCELLED


def test_an_interrupted_job_calls_no_other_module_while_it_waits_for_a_response() -> None:
    permissions = {
        "id": "_tenantPermissions",
        "version": "1.1",
        "interfaceType": "system",
        "handlers": [{"methods": ["POST"], "path": "/_/tenantPermissions"}],
    }
    keeper = descriptor("d-1.0.0")
    keeper["provides"] = [*keeper["provides"], permissions]  # type: ignore[misc]
    keeper["permissionSets"] = [{"permissionName": "all"}]
    running = Interrupted(answer(204), keeper)
    running.respond_while_waited_for()
    assert running.called.wait(PATIENCE)
    running.house.installs.abort(running.job.id, keep=False)
    running.interrupt()
    running.wait()
    assert running.house.modules.seen() == CANCELLED[:1]


def test_a_tenant_job_that_could_not_be_committed_before_an_abort_is_cancelled() -> None:
    running, reached = Interrupted(STARTED), Event()
    save = running.house.store.save

    def never_takes_a_tenant_job(claim: Claim, progress: Progress) -> int:
        if any(step.tenant_job is not None for step in progress.steps):
            reached.set()
            Event().wait()
        return save(claim, progress)

    running.house.store.save = never_takes_a_tenant_job  # type: ignore[method-assign]
    running.respond.set()
    assert reached.wait(PATIENCE)
    running.house.installs.abort(running.job.id, keep=True)
    running.interrupt()
    running.wait()
    assert running.house.modules.seen() == CANCELLED
    assert running.house.store.job(running.job.id).steps[0].status is StepStatus.ERROR
