"""A store that takes no changes for a while: what becomes of jobs that wait, go on, or have waited too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from okapi_install.domain.errors import StoreNotWritable
from okapi_install.domain.jobs import Job, JobStatus, Stage, StepStatus
from okapi_install.service.ports import Answer, Claim, Progress
from okapi_install.service.worker.job_steps import JobSteps
from okapi_install.service.worker.worker import Rhythm
from tests.fakes.fake_modules import Call, answer
from tests.unit.service.house import House, enable

FULL = "The store takes no changes: No space left on device"
LONG = 600.0
LEASE = Rhythm().lease


def full_for(house: House, seconds: float) -> None:
    """From now on, and for so long by the clock, the store takes no changes to jobs."""
    until = house.clock.time + seconds

    def refusing(write: Callable[..., Any]) -> Callable[..., Any]:
        def refused(*arguments: Any) -> Any:
            if house.clock.time < until:
                raise StoreNotWritable(FULL)
            return write(*arguments)

        return refused

    for name in ("claim", "save", "finish", "beat", "sweep", "end_queued", "standing"):
        setattr(house.store, name, refusing(getattr(house.store, name)))


def full_meanwhile(house: House, module: str, seconds: float) -> None:
    """The store is full from the moment at which that module is called."""

    def play(_: Call) -> Answer:
        full_for(house, seconds)
        return answer()

    house.script(module, play)


def statuses(job: Job) -> dict[str, StepStatus | None]:
    """By module: how far it has come."""
    return {step.change.id: step.status for step in job.steps}


@pytest.mark.parametrize("seconds", [1, 59])
def test_a_job_goes_on_when_the_store_is_full_for_less_than_its_patience(seconds: float) -> None:
    house = House()
    full_meanwhile(house, "a-1.0.0", seconds)
    assert house.carried_out(*enable("b-1.0.0")).status is JobStatus.DONE
    assert house.modules.seen() == ["POST a-1.0.0 /_/tenant", "POST b-1.0.0 /_/tenant"]


def test_a_job_that_waited_too_long_ends_in_a_clear_error_with_what_its_modules_did() -> None:
    house = House()
    full_meanwhile(house, "a-1.0.0", LONG)
    ended = house.carried_out(*enable("b-1.0.0"))
    assert (ended.status, ended.reason, ended.message) == (JobStatus.ERROR, "failed", FULL)
    assert statuses(ended) == {"a-1.0.0": StepStatus.DONE, "b-1.0.0": None}
    assert (ended.steps[1].stage, ended.steps[1].attempts, ended.steps[1].started) == (Stage.PENDING, 0, None)
    assert house.store.enabled("diku") == ["a-1.0.0"]
    house.installs.retry(ended.id, {})
    house.work()
    assert house.store.job(ended.id).status is JobStatus.DONE
    assert house.modules.seen() == ["POST a-1.0.0 /_/tenant", "POST b-1.0.0 /_/tenant"]


def test_a_job_of_which_only_the_end_is_left_waits_for_that_without_end() -> None:
    house = House()
    full_meanwhile(house, "b-1.0.0", LONG)
    assert house.carried_out(*enable("b-1.0.0")).status is JobStatus.DONE
    assert house.store.enabled("diku") == ["a-1.0.0", "b-1.0.0"]


def test_a_queued_job_waits_without_end() -> None:
    house = House()
    job = house.submit(*enable("a-1.0.0"))
    full_for(house, LONG)
    house.work()
    assert house.store.job(job.id).status is JobStatus.DONE


def test_a_revoke_of_a_queued_job_is_not_forgotten() -> None:
    house = House()
    job = house.submit(*enable("a-1.0.0"))
    full_for(house, LONG)
    house.runner.revoked(job.id)
    assert (house.store.job(job.id).status, house.store.job(job.id).reason) == (JobStatus.ERROR, "revoked")


def test_a_step_whose_tenant_job_could_not_be_committed_is_cut_short_and_its_module_told() -> None:
    house = House()

    def play(call: Call) -> Answer:
        if call.method == "POST":
            full_for(house, LONG)
            return answer(201, {"id": "j1"}, Location="/_/tenant/j1")
        return answer(204)

    house.script("d-1.0.0", play)
    ended = house.carried_out(*enable("d-1.0.0"))
    assert (ended.status, ended.message) == (JobStatus.ERROR, FULL)
    [step] = ended.steps
    assert (step.status, step.stage, step.message, step.tenant_job) == (StepStatus.ERROR, Stage.INVOKE, FULL, None)
    assert [problem.code for problem in step.errors] == ["cut_short"]
    assert step.ended is not None
    assert house.modules.seen() == ["POST d-1.0.0 /_/tenant", "DELETE d-1.0.0 /_/tenant/j1"]


def test_a_step_that_returned_beside_one_that_could_not_be_committed_is_done_and_its_module_enabled() -> None:
    house = House()
    save = house.store.save

    def takes_no_tenant_job(claim: Claim, progress: Progress) -> int:
        if any(step.tenant_job is not None for step in progress.steps):
            raise StoreNotWritable(FULL)
        return save(claim, progress)

    house.store.save = takes_no_tenant_job  # type: ignore[method-assign]
    house.script("a-1.0.0", lambda _: answer(201, {"id": "j1"}, Location="/_/tenant/j1"))
    ended = house.carried_out(*enable("a-1.0.0", "d-1.0.0"), parallel=2)
    assert (ended.status, ended.message) == (JobStatus.ERROR, FULL)
    assert statuses(ended) == {"a-1.0.0": StepStatus.ERROR, "d-1.0.0": StepStatus.DONE}
    assert house.store.enabled("diku") == ["d-1.0.0"]


def test_jobs_are_not_taken_over_before_their_workers_could_renew_the_leases() -> None:
    house = House()
    job = house.submit(*enable("a-1.0.0"))
    claim = house.store.claim(job.id, "w1", "t1", LEASE)
    assert claim is not None
    other = house.worker("w2")
    house.queue.published.clear()
    full_for(house, LEASE + 2)
    house.store.pass_time(LEASE + 2)
    for pause in (LEASE, 3):
        other.beat()
        house.clock.time += pause
    other.beat()
    other.sweep()
    assert house.queue.published == []
    house.clock.time += LEASE
    other.sweep()
    assert [message.id for message in house.queue.published] == [job.id]


def test_a_step_whose_start_was_not_committed_is_as_before_when_its_job_is_stopped() -> None:
    house = House()
    job = house.submit(*enable("b-1.0.0", "d-1.0.0"))
    steps = JobSteps(job.steps, lambda: 9.0, {})
    steps.committed([steps.started(0)])
    started = steps.started(1)
    assert started.attempts == 1
    first, second = steps.stopped("the end")
    assert (first.status, first.message, first.ended) == (StepStatus.ERROR, "the end", 9.0)
    assert second == job.steps[1]
    assert list(steps) == [first, second, job.steps[2]]
