"""What a worker made of a message: the tasks of the broker show it, and so does Flower."""

from __future__ import annotations

import pytest
from celery.exceptions import Ignore, Retry

from okapi_install.adapters.celery.task_states import EventMonitor, JobFailed, JobWaits, report
from okapi_install.service.observer import JobObserver
from okapi_install.service.run_results import RunEnd, RunResult
from okapi_install.service.worker.worker import NOT_ITS_TURN, WORKER_STOPS
from tests.fakes.fake_modules import answer
from tests.unit.service.house import House, enable

LEFT = RunResult(end=RunEnd.LEFT)


class RememberingMonitor:
    """See ports.TaskMonitor."""

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def stopped(self, task_id: str) -> None:
        self.tasks.append(task_id)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def monitor(house: House) -> RememberingMonitor:
    found = RememberingMonitor()
    object.__setattr__(house.context, "observer", JobObserver(house.notifier, house.meters, monitor=found))
    return found


def test_a_job_that_is_done_and_one_that_failed_say_so_with_counts(house: House) -> None:
    done = house.submit(*enable("a-1.0.0"))
    assert house.runner.run(done.id, "t") == RunResult(end=RunEnd.DONE, text="1 of 1 module done")
    house.script("b-1.0.0", lambda _: answer(400, "no disk"))
    failed = house.submit(*enable("b-1.0.0"))
    result = house.runner.run(failed.id, "t")
    assert result.end is RunEnd.FAILED
    assert result.text == "0 of 1 module done, 1 failed: b-1.0.0"


def test_a_job_behind_another_is_postponed_and_a_complete_one_left(house: House) -> None:
    first, second = house.submit(*enable("a-1.0.0")), house.submit(*enable("b-1.0.0"))
    assert house.runner.run(second.id, "t") == NOT_ITS_TURN
    house.runner.run(first.id, "t")
    assert house.runner.run(first.id, "t") == LEFT


def test_a_worker_that_stops_leaves_the_job_to_another(house: House) -> None:
    job = house.submit(*enable("a-1.0.0"))
    house.runner.stop()
    assert house.runner.run(job.id, "t") == WORKER_STOPS


@pytest.mark.parametrize("keep", [True, False])
def test_the_message_of_a_job_that_was_aborted_before_it_started_stops_its_task(
    house: House, monitor: RememberingMonitor, keep: bool
) -> None:
    job = house.submit(*enable("a-1.0.0"))
    before = len(house.queue.published)
    house.installs.abort(job.id, keep=keep)
    (again,) = house.queue.published[before:]
    assert house.runner.run(again.id, again.task_id) == LEFT
    assert monitor.tasks == [again.task_id]


def test_the_states_of_tasks_are_those_of_jobs() -> None:
    assert report(RunResult(end=RunEnd.DONE, text="all")) == "all"
    with pytest.raises(JobFailed, match="^1 failed$"):
        report(RunResult(end=RunEnd.FAILED, text="1 failed"))
    with pytest.raises(Retry) as waits:
        report(NOT_ITS_TURN)
    assert isinstance(waits.value.exc, JobWaits)
    with pytest.raises(Ignore):
        report(LEFT)


def test_an_event_that_cannot_be_sent_disturbs_nobody() -> None:
    monitor = EventMonitor()
    monitor.stopped("t")
    monitor.attach(object())
    monitor.stopped("t")
