"""Where a module runs is stored in the commits that are made anyway, and lasts after the end."""

from __future__ import annotations

from okapi_install.domain.jobs import Job, Step
from tests.fakes.fake_modules import Call, answer
from tests.fakes.inline_tasks import InlineCrew
from tests.unit.service.house import House, enable
from tests.unit.service.test_lost_workers import forgetful

HERE = "http://modules/d-1.0.0"


def _place(house: House, job: Job) -> tuple[str | None, str | None]:
    step: Step = house.store.job(job.id).steps[0]
    return step.instance_url, step.tenant_job_id


def test_the_instance_and_the_tenant_job_are_known_while_it_runs_and_afterwards() -> None:
    house, seen = House(), list[tuple[str | None, str | None]]()
    play = forgetful("never")

    def looking(call: Call) -> object:
        seen.append(_place(house, job))
        return play(call)

    house.script("d-1.0.0", looking)  # type: ignore[arg-type]
    job = house.submit(*enable("d-1.0.0"))
    house.work()
    assert seen == [(None, None), (HERE, "j1"), (HERE, "j1")]
    assert _place(house, job) == (HERE, "j1")
    assert house.store.job(job.id).steps[0].tenant_job is None


def test_a_module_without_a_tenant_job_tells_its_instance_at_the_end_also_of_a_failure() -> None:
    house = House()
    house.script("d-1.0.0", lambda _call: answer(500, "boom"))
    job = house.carried_out(*enable("d-1.0.0"))
    assert _place(house, job) == (HERE, None)
    house.modules.scripts.clear()
    house.installs.retry(job.id, {})
    assert _place(house, job) == (None, None)
    house.work()
    assert _place(house, job) == (HERE, None)


def test_a_call_takes_no_commit_for_the_instance_alone() -> None:
    house, saves = House(), list[str]()
    play = house.store.save

    def save(*args: object, **kwargs: object) -> int:
        saves.append("save")
        return play(*args, **kwargs)  # type: ignore[arg-type]

    house.store.save = save  # type: ignore[method-assign]
    house.carried_out(*enable("d-1.0.0"))
    assert len(saves) == 1


def test_the_instance_of_a_module_that_takes_long_to_respond_is_committed_by_the_task_of_the_job() -> None:
    house, seen = House(), list[tuple[str | None, str | None]]()

    class LateCrew(InlineCrew):
        """Tells of what has ended only when it is asked for the second time."""

        def finished(self, timeout: float | None = None) -> list[tuple[int, BaseException | None]]:
            house.clock.time += 60
            seen.append(_place(house, job))
            return [] if len(seen) == 1 else super().finished(timeout)

    house.tasks.crew = LateCrew  # type: ignore[method-assign]
    job = house.submit(*enable("d-1.0.0"))
    house.work()
    assert seen[:2] == [(None, None), (HERE, None)]
