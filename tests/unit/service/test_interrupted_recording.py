"""Workers that are lost, aborted or stopped while another platform has to be told of what their jobs did."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.jobs import EndReason, Job, JobStatus, Stage, StepStatus
from okapi_install.service.jobs.gateway_warnings import all_warnings
from okapi_install.service.jobs.snapshots import snapshot_of
from okapi_install.service.ports import Answer, JobRef, PlatformUnavailable
from okapi_install.service.worker.call_policy import CallPolicy
from okapi_install.web.job_views import okapi_step_view, step_view
from tests.fakes.fake_modules import Call, answer
from tests.fakes.fake_platform import nothing, unavailable
from tests.unit.service.house import House, descriptor, disable, enable
from tests.unit.service.test_lost_workers import Killed, killed_worker
from tests.unit.service.test_recording import AGAIN, OTHERS, beside, changes, codes, loses, posts

# A worker that is lost


def resumed(house: House, job: Job) -> Job:
    """The job once another worker has resumed it."""
    house.worker("w2").sweep()
    house.work()
    return house.store.job(job.id)


def killed() -> None:
    raise Killed


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_module_is_not_initialised_again_by_the_next_worker(where: str) -> None:
    house = beside()
    job = house.submit(*enable("c-1.0.0"))
    (house.okapi.before if where == "before" else house.okapi.after).extend([nothing, killed])
    killed_worker(house, job)
    ended = resumed(house, job)
    assert ended.status is JobStatus.DONE
    assert posts(house) == ["a-1.0.0", "b-1.0.0", "c-1.0.0"]
    assert {step.attempts for step in ended.steps} == {1}
    assert house.okapi.shown["diku"] == {"a-1.0.0", "b-1.0.0", "c-1.0.0"}


def test_what_the_platform_has_lost_while_no_worker_ran_is_recorded_again() -> None:
    house = beside()
    job = house.submit(*enable("c-1.0.0"))
    house.okapi.before.extend([nothing, killed])
    killed_worker(house, job)
    loses(house, "a-1.0.0")()
    ended = resumed(house, job)
    assert ended.status is JobStatus.DONE
    assert [codes(step) for step in ended.steps] == [[AGAIN], [], []]
    assert house.okapi.told == [">a-1.0.0", ">a-1.0.0", ">b-1.0.0", ">c-1.0.0"]


def test_a_done_module_that_others_have_upgraded_while_no_worker_ran_is_left_alone() -> None:
    house = beside(*(descriptor(ident) for ident in ("a-1.0.0", "a-1.1.0", "d-1.0.0")))
    job = house.submit(*enable("a-1.0.0", "d-1.0.0"))
    house.okapi.before.extend([nothing, killed])
    killed_worker(house, job)
    changes(house, enabled="a-1.1.0", disabled="a-1.0.0")()
    ended = resumed(house, job)
    assert (ended.status, codes(ended)) == (JobStatus.DONE, [OTHERS])
    assert house.okapi.told == [">a-1.0.0", ">d-1.0.0"]
    assert house.okapi.shown["diku"] == {"a-1.1.0", "d-1.0.0"}


def test_a_retry_does_not_bring_back_what_a_later_job_has_disabled() -> None:
    house = beside()
    house.script("d-1.0.0", lambda _: answer(500, "no"))
    job = house.carried_out(*enable("a-1.0.0", "d-1.0.0"))
    assert job.status is JobStatus.ERROR
    house.store.pass_time(60)
    house.carried_out(*disable("a-1.0.0"))
    house.script("d-1.0.0", lambda _: answer())
    house.store.pass_time(60)
    house.installs.retry(job.id, {})
    house.work()
    assert house.store.job(job.id).status is JobStatus.DONE
    assert house.okapi.shown["diku"] == {"d-1.0.0"}


# Aborts, revokes and stops


def interrupted(house: House, trouble: Callable[[Job], object], *, at: str = "before", after: int = 0) -> Job:
    """A job whose task is interrupted at a recording, in which this happened first."""
    job = house.submit(*enable("c-1.0.0"))

    def interrupt() -> None:
        trouble(job)
        raise Killed

    (house.okapi.before if at == "before" else house.okapi.after).extend([*[nothing] * after, interrupt])
    with pytest.raises(Killed):
        house.work()
    return job


@pytest.mark.parametrize("at", ["before", "after"])
def test_an_aborted_job_records_what_it_has_initialised(at: str) -> None:
    house = beside()
    job = interrupted(house, lambda job: house.installs.abort(job.id, keep=True), at=at)
    ended = house.store.job(job.id)
    assert (ended.status, ended.reason) == (JobStatus.ERROR, EndReason.ABORTED)
    assert [step.status for step in ended.steps] == [StepStatus.DONE, None, None]
    assert house.okapi.shown["diku"] == {"a-1.0.0"}
    assert house.store.enabled("diku") == ["a-1.0.0"]
    assert posts(house) == ["a-1.0.0"]


def test_an_aborted_job_says_truthfully_that_it_could_not_record() -> None:
    house = beside(policy=CallPolicy(stop_record_seconds=20.0))

    def abort(job: Job) -> None:
        house.okapi.before.extend([unavailable] * 1000)
        house.installs.abort(job.id, keep=True)

    job = interrupted(house, abort)
    step = house.store.job(job.id).steps[0]
    assert (step.status, step.stage) == (StepStatus.ERROR, Stage.INITIALISED)
    assert "Okapi could not be told before the job was stopped: connection refused" in (step.message or "")
    assert codes(step) == []
    assert 20.0 <= sum(house.clock.slept) <= 30.0
    house.okapi.before.clear()
    house.installs.retry(job.id, {})
    house.work()
    assert house.store.job(job.id).status is JobStatus.DONE
    assert posts(house) == ["a-1.0.0", "b-1.0.0", "c-1.0.0"]


def test_the_job_after_one_that_was_aborted_and_removed_says_that_it_could_not_record() -> None:
    house = beside()

    def abort(job: Job) -> None:
        house.okapi.before.extend([unavailable] * 1000)
        house.installs.abort(job.id, keep=False)

    job = interrupted(house, abort)
    with pytest.raises(NotFound):
        house.store.job(job.id)
    house.okapi.before.clear()
    later = house.carried_out(*enable("a-1.0.0"))
    assert "could not tell Okapi" in later.steps[0].warnings[0].message


def test_a_revoked_job_records_what_it_has_initialised() -> None:
    house = beside()
    job = interrupted(house, lambda _: None)
    ended = house.store.job(job.id)
    assert (ended.status, ended.reason) == (JobStatus.ERROR, EndReason.REVOKED)
    assert [step.status for step in ended.steps] == [StepStatus.DONE, None, None]
    assert house.okapi.shown["diku"] == {"a-1.0.0"}


def test_a_worker_that_stops_leaves_the_recording_to_the_next_one() -> None:
    house = beside()
    job = interrupted(house, lambda _: house.runner.stop())
    waiting = house.store.job(job.id)
    assert (waiting.status, waiting.steps[0].stage) == (JobStatus.QUEUED, Stage.INITIALISED)
    house.runner = house.worker("w2")
    house.queue.published = [_ref(waiting)]
    house.work()
    assert house.store.job(job.id).status is JobStatus.DONE
    assert posts(house) == ["a-1.0.0", "b-1.0.0", "c-1.0.0"]


def test_a_module_counts_as_initialised_even_if_that_commit_was_interrupted() -> None:
    house = beside()
    job = house.submit(*enable("d-1.0.0"))
    saved = house.store.save

    def interrupted_commit(claim: object, progress: object) -> int:
        steps = getattr(progress, "steps", ())
        if any(step.stage is Stage.INITIALISED for step in steps):
            house.store.save = saved  # type: ignore[method-assign]
            house.runner.stop()
            raise Killed
        return saved(claim, progress)  # type: ignore[arg-type]

    house.store.save = interrupted_commit  # type: ignore[method-assign]
    with pytest.raises(Killed):
        house.work()
    assert house.store.job(job.id).steps[0].stage is Stage.INITIALISED
    house.runner = house.worker("w2")
    house.queue.published.append(_ref(job))
    house.work()
    assert (house.store.job(job.id).status, posts(house)) == (JobStatus.DONE, ["d-1.0.0"])


def _ref(job: Job) -> JobRef:
    return JobRef(id=job.id, tenant=job.tenant, kind=job.kind)


def test_a_store_that_stands_alone_is_not_asked_to_record_anything() -> None:
    house = House()
    revisions: list[int] = []

    def look(_: Call) -> Answer:
        revisions.append(house.store.job(job.id).revision)
        return answer()

    for module in ("a-1.0.0", "b-1.0.0", "c-1.0.0"):
        house.script(module, look)
    job = house.submit(*enable("c-1.0.0"))
    house.work()
    assert [later - earlier for earlier, later in pairwise(revisions)] == [1, 1]
    assert house.okapi.told == []


def test_an_unavailable_platform_at_the_start_is_waited_for() -> None:
    house = beside()
    job = house.submit(*enable("d-1.0.0"))
    told: list[str] = []

    def down() -> None:
        told.extend(warning.message for warning in house.store.job(job.id).warnings)
        raise PlatformUnavailable("no route to host")

    house.okapi.questions.extend([down] * 3)
    house.work()
    assert set(told) == {"Waits for Okapi: no route to host"}
    assert (house.store.job(job.id).status, house.store.job(job.id).warnings) == (JobStatus.DONE, ())


# What clients see


def test_a_request_is_refused_while_the_platform_runs_a_job_of_its_own_if_the_settings_say_so() -> None:
    house = House(beside=True, refuse=True)
    house.okapi.jobs.extend(["job-9", None])
    with pytest.raises(UserError, match="Okapi itself runs install job job-9 for tenant diku"):
        house.submit(*enable("d-1.0.0"))
    assert house.carried_out(*enable("d-1.0.0")).status is JobStatus.DONE


def test_okapis_paths_show_a_stage_of_okapi_and_ours_what_the_module_waits_for() -> None:
    house = beside()
    job = house.submit(*enable("d-1.0.0"))
    seen: list[Job] = []

    def look() -> None:
        seen.append(house.store.job(job.id))
        unavailable()

    house.okapi.before.extend([look, look])
    house.work()
    waiting = seen[-1]
    assert okapi_step_view(waiting.steps[0])["stage"] == "invoke"
    module = step_view(snapshot_of(waiting, {}, 0.0).steps[0])
    assert (module["stage"], module["status"]) == ("initialised", "running")
    assert module["waitingFor"] == "Initialised; waits for Okapi: connection refused"
    ended = snapshot_of(house.store.job(job.id), {}, 0.0)
    assert step_view(ended.steps[0])["waitingFor"] is None


def test_what_a_job_waited_for_last_is_not_shown_when_it_is_complete() -> None:
    house = beside()
    job = house.submit(*enable("d-1.0.0"))

    def aborted() -> None:
        house.installs.abort(job.id, keep=True)
        raise Killed

    house.okapi.jobs.extend(["job-1"] * 3)
    house.okapi.questions.extend([nothing, aborted])
    with pytest.raises(Killed):
        house.work()
    ended = house.store.job(job.id)
    assert (ended.complete, ended.waiting_for, all_warnings(ended)) == (True, None, ())


def test_on_the_own_platform_a_step_whose_end_is_not_committed_is_cut_short_by_an_abort() -> None:
    house = House()
    job = house.submit(*enable("d-1.0.0"))
    finish = house.store.finish

    def aborted(*_: object) -> None:
        house.store.finish = finish  # type: ignore[method-assign]
        house.installs.abort(job.id, keep=True)
        raise Killed

    house.store.finish = aborted  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        house.work()
    assert house.store.job(job.id).steps[0].status is StepStatus.ERROR
    assert house.store.enabled("diku") == []
