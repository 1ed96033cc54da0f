"""What a job's next worker finds when the one before was lost at a bad moment."""

from __future__ import annotations

from collections.abc import Callable

from okapi_install.domain.errors import ErrorType
from okapi_install.domain.jobs import EndReason, Job, JobStatus, Step, StepStatus
from okapi_install.service.ports import Answer, Claim, ConnectionRefused, ModuleUnreachable, Progress
from okapi_install.service.worker.worker import Rhythm
from tests.fakes.fake_modules import Call, answer
from tests.unit.service.house import House, enable

LEASE = 15.0


class Killed(BaseException):
    """Ends a worker as SIGKILL does."""


class DyingTasks:
    """What a worker would still do after its end does not happen."""

    def __init__(self, house: House) -> None:
        self._house = house

    def background(self, work: Callable[[], None]) -> None:
        """Nothing."""


def killed_worker(house: House, job: Job) -> None:
    """A worker that does not come back from a call of a module; its lease has run out."""
    house.tasks.background = DyingTasks(house).background  # type: ignore[method-assign]
    try:
        house.work()
    except Killed:
        house.store.pass_time(LEASE + 1)
    finally:
        del house.tasks.background
    assert house.store.job(job.id).status in (JobStatus.RUNNING, JobStatus.ABORTING)


def forgetful(die_at: str, **result: object) -> Callable[[Call], Answer]:
    """A module whose tenant job is complete at once, and unknown once it was deleted. One call kills the worker."""
    known: list[str] = []
    died: list[str] = []

    def play(call: Call) -> Answer:
        found = call.path.partition("?")[0] == "/_/tenant" or bool(known)
        if call.method == "POST":
            known.append("j1")
        if call.method == "DELETE":
            known.clear()
        if call.method == die_at and not died:
            died.append(call.path)
            raise Killed
        if not found:
            return answer(404, "Job not found j1")
        if call.method == "POST":
            return answer(201, {"id": "j1"}, Location="/_/tenant/j1")
        return answer(204) if call.method == "DELETE" else answer(200, {"id": "j1", "complete": True, **result})

    return play


def test_a_tenant_job_that_was_deleted_before_its_end_was_committed_is_not_asked_for_again() -> None:
    house = House()
    house.script("d-1.0.0", forgetful("DELETE", warnings=[{"message": "slow disk"}]))
    job = house.submit(*enable("d-1.0.0"))
    killed_worker(house, job)
    house.worker("w2").sweep()
    house.work()
    ended = house.store.job(job.id)
    assert ended.status is JobStatus.DONE
    assert [w.message for w in ended.steps[0].warnings] == ["slow disk"]
    assert [seen.split()[0] for seen in house.modules.seen()] == ["POST", "GET", "DELETE", "DELETE"]


def test_a_known_tenant_job_is_asked_for_by_the_next_worker_and_not_begun_again() -> None:
    house = House()
    house.script("d-1.0.0", forgetful("GET"))
    job = house.submit(*enable("d-1.0.0"))
    killed_worker(house, job)
    house.worker("w2").sweep()
    house.work()
    assert house.store.job(job.id).status is JobStatus.DONE
    assert [seen.split()[0] for seen in house.modules.seen()] == ["POST", "GET", "GET", "DELETE"]


def resumed(die_at: str) -> tuple[Step, Step]:
    """The step of a job whose worker was killed in that call, before and after another worker resumed it."""
    house = House()
    house.script("d-1.0.0", forgetful(die_at))
    job = house.submit(*enable("d-1.0.0"))
    killed_worker(house, job)
    before = house.store.job(job.id).steps[0]
    house.store.pass_time(60)
    house.worker("w2").sweep()
    house.work()
    return before, house.store.job(job.id).steps[0]


def test_a_module_whose_call_was_cut_off_is_called_again_which_is_counted_and_told() -> None:
    before, after = resumed("POST")
    assert (before.attempts, after.attempts) == (1, 2)
    assert [warning.code for warning in after.warnings] == ["called_again"]
    assert before.started is not None
    assert after.started is not None
    assert after.started - before.started >= 60


def test_a_step_that_is_resumed_at_its_tenant_job_is_no_other_attempt_and_keeps_its_start() -> None:
    before, after = resumed("GET")
    assert (before.attempts, after.attempts) == (1, 1)
    assert after.warnings == ()
    assert after.started == before.started


def test_each_loss_in_the_call_of_a_module_counts_as_one_attempt_more() -> None:
    house, calls = House(), list[str]()

    def play(call: Call) -> Answer:
        calls.append(call.method)
        if len(calls) < 3:
            raise Killed
        return answer()

    house.script("d-1.0.0", play)
    job = house.submit(*enable("d-1.0.0"))
    for _ in range(2):
        killed_worker(house, job)
        house.worker("w2").sweep()
    house.work()
    step = house.store.job(job.id).steps[0]
    assert (step.attempts, [warning.code for warning in step.warnings]) == (3, ["called_again"])


def test_a_revoke_of_a_job_whose_worker_is_lost_ends_it_and_cancels_its_tenant_job() -> None:
    house = House()
    house.script("d-1.0.0", forgetful("GET"))
    job = house.submit(*enable("d-1.0.0"))
    killed_worker(house, job)
    house.worker("w2").revoked(job.id)
    ended = house.store.job(job.id)
    assert (ended.status, ended.reason) == (JobStatus.ERROR, "revoked")
    assert house.modules.seen()[-1] == "DELETE d-1.0.0 /_/tenant/j1"


def test_a_revoked_message_about_an_aborted_job_of_a_lost_worker_frees_the_tenant() -> None:
    house = House()
    house.script("d-1.0.0", forgetful("GET"))
    job = house.submit(*enable("d-1.0.0"))
    killed_worker(house, job)
    house.installs.abort(job.id, keep=True)
    house.worker("w2").revoked(job.id)
    ended = house.store.job(job.id)
    assert (ended.status, ended.reason) == (JobStatus.ERROR, "aborted")


def test_a_revoke_of_a_job_that_another_worker_carries_out_changes_nothing_here() -> None:
    house = House()
    job = house.submit(*enable("d-1.0.0"))
    claim = house.store.claim(job.id, "w1", "t1", LEASE)
    assert claim is not None
    house.worker("w2").revoked(job.id)
    assert house.store.job(job.id).status is JobStatus.RUNNING
    house.store.save(claim, Progress())


def frozen(house: House, meanwhile: Callable[[], object]) -> None:
    """The worker does nothing until its lease has run out, while others do something."""
    house.clock.time += LEASE + 1
    house.store.pass_time(LEASE + 1)
    meanwhile()


def test_a_worker_that_was_frozen_before_it_tried_again_calls_no_module_any_more() -> None:
    house = House()
    job = house.submit(*enable("d-1.0.0"))
    other = house.worker("w2")
    calls: list[str] = []

    def play(call: Call) -> Answer | ModuleUnreachable:
        calls.append(call.method)
        if len(calls) > 1:
            return answer()
        frozen(house, lambda: other.run(job.id, "t2"))
        return ConnectionRefused("Connection refused")

    house.script("d-1.0.0", play)
    house.work()
    assert house.store.job(job.id).status is JobStatus.DONE
    assert calls == ["POST", "POST"]


def test_a_worker_that_was_silent_for_long_but_has_lost_nothing_goes_on() -> None:
    house = House()
    house.script("a-1.0.0", lambda _: slept(house))
    assert house.carried_out(*enable("b-1.0.0")).status is JobStatus.DONE


def test_a_worker_whose_lease_holds_calls_modules_without_asking_the_store_first() -> None:
    house, asked = House(), list[Claim]()

    def standing(claim: Claim) -> JobStatus:
        asked.append(claim)
        return JobStatus.RUNNING

    house.store.standing = standing  # type: ignore[method-assign]
    house.carried_out(*enable("b-1.0.0"))
    assert (len(house.modules.calls), asked) == (2, [])


def slept(house: House) -> Answer:
    """An answer that came after the worker's lease had run out."""
    house.clock.time += LEASE + 1
    return answer()


def deadly(_call: Call) -> Answer:
    """A module whose answer ends the worker."""
    raise Killed


def outlived(house: House, job: Job, workers: int) -> None:
    """So many workers take the job, and die of it."""
    for _ in range(workers):
        killed_worker(house, job)
        house.runner = house.worker("another")
        house.runner.sweep()


def test_a_job_that_kills_worker_after_worker_ends_as_an_error_that_says_so() -> None:
    house = House()
    house.script("d-1.0.0", deadly)
    job = house.submit(*enable("d"))
    outlived(house, job, 1 + Rhythm().most_takeovers)
    house.work()
    ended = house.store.job(job.id)
    assert (ended.status, ended.error_type, ended.reason) == (
        *(JobStatus.ERROR, ErrorType.INTERNAL),
        EndReason.FAILED,
    )
    assert ended.message is not None
    assert ended.message.startswith("The job was taken over 5 times without any step having ended")
    assert [step.status for step in ended.steps if step.change.id == "d-1.0.0"] == [StepStatus.ERROR]
    calls = len(house.modules.calls)
    house.store.pass_time(LEASE + 1)
    house.runner.sweep()
    house.work()
    assert len(house.modules.calls) == calls


def test_an_abort_whose_clean_up_kills_workers_comes_to_its_end() -> None:
    house = House()
    house.script("d-1.0.0", deadly)
    job = house.submit(*enable("d"))
    outlived(house, job, Rhythm().most_takeovers)
    house.installs.abort(job.id, keep=True)
    outlived_abort = house.store.claim(job.id, "lost", None, -1.0)
    assert outlived_abort is not None
    house.runner.sweep()
    house.work()
    assert house.store.job(job.id).reason == "aborted"


def swept(house: House, silence: float) -> list[str]:
    """What a worker sends again that has done nothing for so long, while the lease of another worker's job ran out."""
    job = house.submit(*enable("d-1.0.0"))
    house.store.claim(job.id, "w1", "t1", LEASE)
    other = house.worker("w2")
    house.queue.published.clear()
    house.store.pass_time(LEASE + 1)
    house.clock.time += silence
    other.sweep()
    return [message.id for message in house.queue.published]


def test_a_worker_that_was_frozen_takes_nothing_over_before_others_could_renew_their_leases() -> None:
    assert swept(House(), LEASE + 0.1) == []


def test_a_worker_that_was_silent_for_no_longer_than_a_lease_takes_over() -> None:
    assert len(swept(House(), LEASE)) == 1


def test_a_frozen_worker_takes_over_after_its_next_heartbeat() -> None:
    house = House()
    job = house.submit(*enable("d-1.0.0"))
    house.store.claim(job.id, "w1", "t1", LEASE)
    other = house.worker("w2")
    house.queue.published.clear()
    house.store.pass_time(LEASE + 1)
    house.clock.time += LEASE + 1
    other.beat()
    other.sweep()
    assert [message.id for message in house.queue.published] == [job.id]
