"""Calls of modules while the platform, which knows the modules' instances, is unavailable."""

from __future__ import annotations

import pytest

from okapi_install.domain.history import words
from okapi_install.domain.jobs import Job, JobStatus, StepStatus
from okapi_install.service.ports import Answer, HistoryFilter
from tests.fakes.fake_modules import Call, answer
from tests.fakes.fake_platform import unavailable
from tests.unit.service.house import House, enable
from tests.unit.service.test_lost_workers import Killed
from tests.unit.service.test_recording import beside, codes, posts


def test_a_call_waits_for_the_instances_of_its_module_and_says_so() -> None:
    house = beside()
    job = house.submit(*enable("d-1.0.0"))
    seen: list[Job] = []

    def look() -> None:
        seen.append(house.store.job(job.id))
        unavailable()

    house.okapi.discovery.extend([look] * 20)
    house.work()
    ended = house.store.job(job.id)
    assert (ended.status, posts(house)) == (JobStatus.DONE, ["d-1.0.0"])
    assert seen[-1].steps[0].waiting_for == "Waits for Okapi: connection refused"
    assert codes(ended.steps[0]) == []
    lines = [words(event) for event in house.store.history(job.id, HistoryFilter()).events]
    assert lines.count("d-1.0.0: Waits for Okapi: connection refused") == 1


def test_a_step_does_not_say_that_it_waits_while_its_module_runs() -> None:
    house = beside()
    job = house.submit(*enable("d-1.0.0"))
    waiting: list[str | None] = []

    def look(_: Call) -> Answer:
        waiting.append(house.store.job(job.id).steps[0].waiting_for)
        return answer()

    house.script("d-1.0.0", look)
    house.okapi.discovery.extend([unavailable] * 3)
    house.work()
    assert waiting == [None]


def test_an_instance_that_was_known_a_moment_ago_is_called_meanwhile() -> None:
    house = beside()
    house.carried_out(*enable("d-1.0.0"))
    house.clock.time += 60
    job = house.submit(*enable("d-1.0.0"), reinstall=True)
    house.okapi.discovery.append(unavailable)
    slept = len(house.clock.slept)
    house.work()
    assert (house.store.job(job.id).status, len(house.clock.slept)) == (JobStatus.DONE, slept)
    assert posts(house) == ["d-1.0.0", "d-1.0.0"]


def test_a_job_can_be_aborted_while_it_waits_for_instances() -> None:
    house = beside()
    job = house.submit(*enable("d-1.0.0"))

    def aborted() -> None:
        house.installs.abort(job.id, keep=True)
        house.okapi.discovery.extend([unavailable] * 5)
        raise Killed

    house.okapi.discovery.extend([unavailable, aborted])
    with pytest.raises(Killed):
        house.work()
    ended = house.store.job(job.id)
    assert (ended.complete, ended.steps[0].status, posts(house)) == (True, StepStatus.ERROR, [])


def test_the_store_alone_is_never_waited_for_in_this_way() -> None:
    house = House()
    assert house.carried_out(*enable("d-1.0.0")).status is JobStatus.DONE
    assert house.clock.slept == []
