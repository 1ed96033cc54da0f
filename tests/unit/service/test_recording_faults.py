"""A job beside an Okapi is interrupted at every commit and at every call of that Okapi.

Whatever happens, each module is initialised once, and that Okapi has what the job calls done, and nothing else.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from okapi_install.domain.jobs import Job, JobStatus, Stage, StepStatus
from okapi_install.service.jobs.gateway_warnings import all_warnings
from okapi_install.service.ports import Answer, JobRef
from tests.fakes.fake_modules import Call, answer
from tests.fakes.fake_platform import Trouble, nothing, unavailable
from tests.unit.service.house import House, descriptor, enable
from tests.unit.service.test_lost_workers import DyingTasks, Killed
from tests.unit.service.test_recording import beside, loses, posts

_STORE = ("save", "warn", "finish")
_PLATFORM = ("_record", "enabled_now", "running_job", "differences")
_MOST_POINTS = 40


class Interrupter:
    """Interrupts the worker at the call with that number, before or after it is made."""

    def __init__(self, house: House, number: int, *, after: bool, then: Callable[[], object]) -> None:
        self.reached = False
        self.lost_a_post = False
        self._left = number
        self._after = after
        self._then = then
        for owner, names in ((house.store, _STORE), (house.okapi, _PLATFORM)):
            for name in names:
                setattr(owner, name, self._wrapped(getattr(owner, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left != 0:
                return real(*args, **kwargs)
            self.reached = True
            self.lost_a_post = not self._after and _marks_initialised(args)
            if self._after:
                real(*args, **kwargs)
            self._then()
            raise Killed

        return call


def _marks_initialised(args: tuple[Any, ...]) -> bool:
    steps = [step for arg in args for step in getattr(arg, "steps", ())]
    return any(step.stage is Stage.INITIALISED and step.status is StepStatus.RUNNING for step in steps)


def _run(house: House) -> None:
    """Works until no message is left, with a new worker after each interruption."""
    for number in range(2, 20):
        try:
            house.work()
        except Killed:
            house.store.pass_time(16)
            house.runner = house.worker(f"w{number}")
            house.runner.sweep()
        else:
            return
    raise AssertionError("the job does not end")


def _check(house: House, job: Job, *, again: int = 0) -> None:
    ended = house.store.job(job.id)
    assert ended.complete
    assert all_warnings(ended) == ()
    done = {step.change.id for step in ended.steps if step.status is StepStatus.DONE}
    assert house.okapi.shown["diku"] == done
    assert set(house.store.enabled("diku")) == done
    assert sum(Counter(posts(house)).values()) <= len(set(posts(house))) + again
    assert {step.status for step in ended.steps} <= {StepStatus.DONE, StepStatus.ERROR, None}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("parallel", [1, 4])
def test_a_worker_that_is_killed_anywhere(parallel: int, after: bool) -> None:
    for number in range(1, _MOST_POINTS):
        house = beside()
        dead = DyingTasks(house).background
        house.tasks.background = dead  # type: ignore[method-assign]
        interrupter = Interrupter(house, number, after=after, then=lambda: None)
        job = house.submit(*enable("c-1.0.0", "d-1.0.0"), parallel=parallel)
        _run(house)
        _check(house, job, again=interrupter.lost_a_post)
        assert house.store.job(job.id).status is JobStatus.DONE
        if not interrupter.reached:
            return
    raise AssertionError("more points than expected")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("parallel", [1, 4])
def test_a_job_that_is_aborted_anywhere(parallel: int, after: bool) -> None:
    for number in range(1, _MOST_POINTS):
        house = beside()
        jobs: list[Job] = []
        abort = lambda: house.installs.abort(jobs[0].id, keep=True)  # noqa: B023, E731 - called within the round
        interrupter = Interrupter(house, number, after=after, then=abort)
        jobs.append(house.submit(*enable("c-1.0.0", "d-1.0.0"), parallel=parallel))
        _run(house)
        _check(house, jobs[0])
        if not interrupter.reached:
            return
        aborted = house.store.job(jobs[0].id)
        if any(step.status is not StepStatus.DONE for step in aborted.steps):
            house.installs.retry(aborted.id, {})
            _run(house)
        _check(house, jobs[0])
    raise AssertionError("more points than expected")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("parallel", [1, 4])
def test_a_worker_that_stops_anywhere(parallel: int, after: bool) -> None:
    for number in range(1, _MOST_POINTS):
        house = beside()
        interrupter = Interrupter(house, number, after=after, then=house.runner.stop)
        job = house.submit(*enable("c-1.0.0", "d-1.0.0"), parallel=parallel)
        _run(house)
        if not house.store.job(job.id).complete:
            house.queue.published.append(JobRef(id=job.id, tenant=job.tenant, kind=job.kind))
            _run(house)
        _check(house, job)
        assert house.store.job(job.id).status is JobStatus.DONE
        if not interrupter.reached:
            return
    raise AssertionError("more points than expected")


def killed() -> None:
    raise Killed


_MODULES = ("a-1.0.0", "b-1.0.0", "c-1.0.0", "d-1.0.0")
_TROUBLES = st.lists(st.sampled_from(["well", "down", "killed", *_MODULES]), max_size=12)
_MOST_TAKEOVERS = 4
"""More often, the job ends as one that may itself be what kills its workers."""


def _troubles(house: House, kinds: list[str]) -> list[Trouble]:
    known: dict[str, Trouble] = {"well": nothing, "down": unavailable, "killed": killed}
    return [known.get(kind) or loses(house, kind) for kind in kinds]


@settings(max_examples=150, deadline=None)
@given(
    before=_TROUBLES,
    after=_TROUBLES,
    questions=_TROUBLES,
    jobs=st.lists(st.sampled_from([None, "job-1"]), max_size=6),
    parallel=st.sampled_from([1, 4]),
)
def test_an_okapi_that_fails_in_any_way(
    before: list[str], after: list[str], questions: list[str], jobs: list[str | None], parallel: int
) -> None:
    assume([*before, *after, *questions].count("killed") <= _MOST_TAKEOVERS)
    house = beside()
    house.tasks.background = DyingTasks(house).background  # type: ignore[method-assign]
    for module in _MODULES:
        house.script(module, lambda _: answer())
    job = house.submit(*enable("c-1.0.0", "d-1.0.0"), parallel=parallel)
    house.okapi.before = _troubles(house, before)
    house.okapi.after = _troubles(house, after)
    house.okapi.questions = _troubles(house, questions)
    house.okapi.jobs = list(jobs)
    _run(house)
    assert all(count == 1 for count in Counter(posts(house)).values())
    ended = house.store.job(job.id)
    done = {step.change.id for step in ended.steps if step.status is StepStatus.DONE}
    assert house.okapi.shown["diku"] == done
    assert ended.complete


class ThreadCrew:
    """A crew whose steps run in threads, side by side."""

    def __init__(self) -> None:
        self._ended: queue.Queue[tuple[int, BaseException | None]] = queue.Queue()

    def start(self, pos: int, work: Callable[[], None]) -> None:
        def run() -> None:
            work()
            self._ended.put((pos, None))

        threading.Thread(target=run, daemon=True).start()

    def finished(self, timeout: float | None = None) -> list[tuple[int, BaseException | None]]:
        return [self._ended.get(timeout=30)]

    def kill(self) -> None: ...


@pytest.mark.parametrize("parallel", [2, 8])
def test_steps_that_run_side_by_side_are_recorded_one_after_another(parallel: int) -> None:
    house = beside(*(descriptor(f"mod-{letter}-1.0.0") for letter in "abcdefgh"))
    house.tasks.crew = ThreadCrew  # type: ignore[method-assign, assignment]
    ready: list[str] = []

    def slowly() -> None:
        time.sleep(0.001)

    def side_by_side(call: Call) -> Answer:
        ready.append(call.module)
        time.sleep(0.001)
        return answer()

    for letter in "abcdefgh":
        house.script(f"mod-{letter}-1.0.0", side_by_side)
    house.okapi.before = [slowly] * 30
    house.okapi.after = [slowly, unavailable, slowly, loses(house, "mod-a-1.0.0"), unavailable] + [slowly] * 30
    job = house.submit(*enable(*(f"mod-{letter}-1.0.0" for letter in "abcdefgh")), parallel=parallel)
    _run(house)
    _check(house, job)
    assert house.store.job(job.id).status is JobStatus.DONE
    assert len(ready) == 8
