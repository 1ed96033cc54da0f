"""What clients can do with jobs, over a store that is a fake."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import NotFound, TooManyJobs, UserError
from okapi_install.domain.jobs import InstallOptions, JobKind, JobStatus
from okapi_install.service.jobs.installs import Order, StillRunning
from tests.fakes.fake_modules import answer
from tests.unit.service.house import House, disable, enable


def test_a_simulation_writes_and_sends_nothing() -> None:
    house = House()
    order = Order(kind=JobKind.INSTALL, tenant="diku", request=enable("c"), options=InstallOptions(simulate=True))
    planned = house.installs.submit(order)
    assert [c.id for c in planned.changes] == ["a-1.0.0", "b-1.0.0", "c-1.0.0"]
    assert planned.job is None
    assert house.store.jobs_of("diku") == []
    assert house.queue.published == []


def test_an_unknown_tenant_is_told_before_anything_is_planned() -> None:
    house = House()
    order = Order(kind=JobKind.INSTALL, tenant="nobody", request=enable("x"), options=InstallOptions())
    with pytest.raises(NotFound, match="^nobody$"):
        house.installs.submit(order)


def test_parallel_needs_dependencies_to_be_checked() -> None:
    with pytest.raises(UserError, match="parallel can not be greater than 1"):
        House().submit(*enable("a-1.0.0"), parallel=2, dep_check=False)


def test_a_tenant_may_have_so_many_jobs_waiting_and_no_more() -> None:
    house = House()
    for _ in range(5):
        house.submit(*enable("d-1.0.0"))
    with pytest.raises(TooManyJobs):
        house.submit(*enable("d-1.0.0"))


def test_a_job_is_published_after_it_is_written() -> None:
    house = House()
    job = house.submit(*enable("d-1.0.0"))
    assert [(m.id, m.kind, m.task_id) for m in house.queue.published] == [(job.id, JobKind.INSTALL, job.task_id)]


def test_an_abort_of_a_running_job_revokes_its_task_and_hides_it() -> None:
    house = House()
    job = house.submit(*enable("d-1.0.0"))
    house.store.claim(job.id, "w1", "t1", 15)
    aborted = house.installs.abort(job.id, keep=False, tenant="diku")
    assert aborted.was is JobStatus.RUNNING
    assert house.queue.revoked == ["t1"]
    with pytest.raises(NotFound):
        house.installs.job(job.id)


def test_an_abort_of_all_ends_what_waits_before_what_runs() -> None:
    house = House()
    first, second = house.submit(*enable("a-1.0.0")), house.submit(*enable("d-1.0.0"))
    house.store.claim(first.id, "w1", "t1", 15)
    house.installs.abort_all("diku")
    assert house.store.jobs_of("diku") == []
    house.runner.run(second.id, "t2")
    assert house.modules.calls == []


def test_a_synchronous_client_waits_only_as_long_as_it_may() -> None:
    house = House()
    job = house.submit(*enable("d-1.0.0"))
    object.__setattr__(house.installs._limits, "sync_timeout", -1.0)
    with pytest.raises(StillRunning) as waited:
        house.installs.wait_complete(job)
    assert job.id in waited.value.message


def test_a_synchronous_client_is_told_that_its_job_was_aborted() -> None:
    house = House()
    job = house.submit(*enable("d-1.0.0"))
    house.installs.abort(job.id, keep=False)
    with pytest.raises(UserError, match="was aborted"):
        house.installs.wait_complete(job)


def test_only_a_job_that_failed_can_be_retried() -> None:
    house = House()
    job = house.carried_out(*enable("d-1.0.0"))
    with pytest.raises(UserError, match="can be retried"):
        house.installs.retry(job.id, {})


def test_a_refusal_is_explained_and_a_plan_is_shown() -> None:
    house = House()
    wrong = Order(kind=JobKind.INSTALL, tenant="diku", request=enable("nosuch-1.0.0"), options=InstallOptions())
    found = house.installs.explain(wrong)
    assert found.refusal is not None
    assert found.refusal.message == "Module nosuch-1.0.0 not found"
    assert found.lines
    right = Order(kind=JobKind.INSTALL, tenant="diku", request=enable("b-1.0.0"), options=InstallOptions())
    assert [c.id for c in house.installs.explain(right).changes] == ["a-1.0.0", "b-1.0.0"]


def test_the_older_way_disables_a_module_after_a_look_at_what_needs_it() -> None:
    house = House()
    house.carried_out(*enable("b-1.0.0"))
    with pytest.raises(UserError, match="interface ia required by module b-1.0.0 not found"):
        house.submit(*disable("a-1.0.0"), kind=JobKind.MODULE)
    house.carried_out(*disable("b-1.0.0"), kind=JobKind.MODULE)
    assert house.store.enabled("diku") == ["a-1.0.0"]


def test_a_retried_upgrade_replaces_what_the_tenant_has_by_then() -> None:
    house = House()
    house.script("d-1.0.0", lambda _: answer(500, "broken"))
    job = house.carried_out(*enable("d-1.0.0"))
    house.script("d-1.0.0", lambda _: answer())
    house.installs.retry(job.id, {})
    house.work()
    assert house.store.job(job.id).steps[0].change.from_id is None
    assert house.store.enabled("diku") == ["d-1.0.0"]
