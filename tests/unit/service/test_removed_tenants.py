"""A tenant that is removed while a job of it runs: the module is told to stop, unless another worker has the job."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from okapi_install.domain.errors import StoreUnavailable
from okapi_install.domain.jobs import Job, JobKind
from okapi_install.service.metrics import JOBS_ENDED
from okapi_install.service.ports import Answer, Beat, Tenant, WorkerAbout
from okapi_install.service.registry import RegistryService
from okapi_install.service.tenants import TenantService
from tests.fakes.fake_modules import Call, answer
from tests.unit.service.house import House, enable

LEASE = 15.0
CANCELLED = ["POST d-1.0.0 /_/tenant", "DELETE d-1.0.0 /_/tenant/j1"]


def remove(house: House) -> None:
    """What DELETE of the tenant does."""
    TenantService(house.store, RegistryService(house.store), house.platform, house.installs.stop_all).remove("diku")


def job_during_which(house: House, happens: Callable[[], object]) -> Job:
    """A job of a module that answers with a tenant job; meanwhile something happens."""

    def play(call: Call) -> Answer:
        if call.method == "POST":
            happens()
            return answer(201, {"id": "j1"}, Location="/_/tenant/j1")
        return answer(204)

    house.script("d-1.0.0", play)
    return house.submit(*enable("d-1.0.0"))


def silence(house: House) -> None:
    """The worker is silent until its lease has run out."""
    house.clock.time += LEASE + 1
    house.store.pass_time(LEASE + 1)


def test_a_module_is_told_to_stop_when_the_tenant_is_removed() -> None:
    house = House()
    job_during_which(house, lambda: remove(house))
    house.work()
    assert house.modules.seen() == CANCELLED
    assert house.queue.revoked != []
    assert house.meters.take()[JOBS_ENDED.key("_total", {"outcome": "aborted"})] == 1


def test_it_is_told_although_the_tenant_is_there_again() -> None:
    house = House()

    def replace() -> None:
        remove(house)
        house.store.add_tenant(Tenant(id="diku"))

    job_during_which(house, replace)
    house.work()
    assert house.modules.seen() == CANCELLED
    assert house.store.enabled("diku") == []


def test_it_is_told_by_a_worker_that_was_silent_for_long() -> None:
    house = House()

    def go_on_without() -> None:
        silence(house)
        remove(house)

    job_during_which(house, go_on_without)
    house.work()
    assert house.modules.seen() == CANCELLED


def test_a_heartbeat_that_finds_the_job_gone_interrupts_it() -> None:
    house = House()

    def vanish() -> None:
        house.store.remove_tenant("diku")
        house.runner.beat()

    job_during_which(house, vanish)
    house.work()
    assert house.tasks.interrupted == 1
    assert house.modules.seen() == CANCELLED


def test_a_job_that_another_worker_carried_out_meanwhile_is_left_alone() -> None:
    house = House()
    other = house.worker("w2")

    def overtake() -> None:
        silence(house)
        house.script("d-1.0.0", lambda _: answer())
        other.run(job.id, "t2")

    job = job_during_which(house, overtake)
    house.work()
    assert house.modules.seen() == ["POST d-1.0.0 /_/tenant"] * 2
    assert house.store.enabled("diku") == ["d-1.0.0"]


def test_a_job_that_another_worker_cleaned_up_meanwhile_is_left_alone() -> None:
    house = House()
    other = house.worker("w2")

    def overtake() -> None:
        silence(house)
        house.installs.abort(job.id, keep=False)
        other.run(job.id, "t2")
        house.runner.beat()

    job = job_during_which(house, overtake)
    house.work()
    assert house.store.revision(job.id) is None
    assert house.modules.seen() == ["POST d-1.0.0 /_/tenant"]


def test_heartbeats_keep_a_worker_sure_that_nobody_else_had_its_job() -> None:
    house = House()

    def work_for_long() -> None:
        for _ in range(3):
            house.clock.time += LEASE - 1
            house.runner.beat()
        remove(house)
        house.store.add_tenant(Tenant(id="diku"))

    job_during_which(house, work_for_long)
    house.work()
    assert house.modules.seen() == CANCELLED


@pytest.mark.parametrize(("silence", "told"), [(LEASE, True), (LEASE + 0.1, False)])
def test_a_worker_is_sure_that_nobody_else_had_its_job_until_its_lease_has_run_out(silence: float, told: bool) -> None:
    house = House()

    def replace() -> None:
        house.clock.time += silence
        remove(house)
        house.store.add_tenant(Tenant(id="diku"))

    job_during_which(house, replace)
    house.work()
    assert house.modules.seen() == (CANCELLED if told else CANCELLED[:1])


def test_a_heartbeat_without_an_answer_makes_a_worker_no_surer() -> None:
    house = House()

    def fall_silent() -> None:
        house.store.beat = unanswered  # type: ignore[method-assign]
        house.clock.time += LEASE + 1
        house.runner.beat()
        remove(house)
        house.store.add_tenant(Tenant(id="diku"))

    job_during_which(house, fall_silent)
    house.work()
    assert house.modules.seen() == ["POST d-1.0.0 /_/tenant"]


def unanswered(worker: str, lease: float, about: WorkerAbout | None = None) -> list[Beat]:
    """A store that is away."""
    raise StoreUnavailable("the store is away")


def test_a_job_that_enables_one_module_is_revoked_too() -> None:
    house = House()
    house.store.claim(house.submit(*enable("d-1.0.0"), kind=JobKind.MODULE).id, "w1", "t1", LEASE)
    remove(house)
    assert house.queue.revoked == ["t1"]


def test_jobs_that_wait_are_gone_with_their_tenant() -> None:
    house = House()
    first, second = house.submit(*enable("d-1.0.0")), house.submit(*enable("a-1.0.0"))
    remove(house)
    house.work()
    assert house.modules.calls == []
    assert [house.store.revision(job.id) for job in (first, second)] == [None, None]
