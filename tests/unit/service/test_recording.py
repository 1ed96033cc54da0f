"""What a job does when another platform decides what its tenant has enabled, and something goes wrong with that."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import ErrorType
from okapi_install.domain.jobs import EndReason, Job, JobStatus, ProblemCode, Stage, Step, StepStatus
from okapi_install.service.ports import Answer, PlatformForbids
from okapi_install.service.worker.call_policy import CallPolicy
from tests.fakes.fake_modules import Call, answer
from tests.fakes.fake_platform import Trouble, nothing, unavailable
from tests.unit.service.house import House, descriptor, disable, enable

WAITS, AGAIN, OTHERS = ProblemCode.WAITS_FOR_PLATFORM, ProblemCode.RECORDED_AGAIN, ProblemCode.CHANGED_BY_OTHERS
NOT_RECORDED = ProblemCode.NOT_RECORDED


def beside(*documents: dict[str, object], policy: CallPolicy | None = None) -> House:
    return House(*documents, policy=policy, beside=True)


def posts(house: House) -> list[str]:
    """The modules that were initialised, in that order."""
    return [call.module for call in house.modules.calls if call.method == "POST"]


def codes(step: Step | Job) -> list[str | None]:
    return [warning.code for warning in step.warnings]


def loses(house: House, *modules: str, tenant: str = "diku") -> Trouble:
    """Somebody overwrites what the tenant has: those modules are gone."""
    return lambda: house.okapi.shown[tenant].difference_update(modules)


def changes(house: House, *, enabled: str = "", disabled: str = "") -> Trouble:
    """Somebody else changes what the tenant has."""

    def change() -> None:
        house.okapi.shown["diku"].discard(disabled)
        house.okapi.shown["diku"].update([enabled] if enabled else [])

    return change


def test_each_module_is_recorded_before_what_depends_on_it_starts() -> None:
    house = beside()
    told_at: list[list[str]] = []

    def look(_: Call) -> Answer:
        told_at.append(list(house.okapi.told))
        return answer()

    for module in ("a-1.0.0", "b-1.0.0", "c-1.0.0"):
        house.script(module, look)
    job = house.carried_out(*enable("c-1.0.0"))
    assert job.status is JobStatus.DONE
    assert told_at == [[], [">a-1.0.0"], [">a-1.0.0", ">b-1.0.0"]]
    assert house.okapi.shown["diku"] == {"a-1.0.0", "b-1.0.0", "c-1.0.0"}
    assert house.store.enabled("diku") == ["a-1.0.0", "b-1.0.0", "c-1.0.0"]
    assert {(step.stage, step.warnings) for step in job.steps} == {(Stage.DONE, ())}


def test_an_upgrade_and_a_disable_are_one_change_each() -> None:
    house = beside(descriptor("a-1.0.0"), descriptor("a-1.1.0"))
    house.carried_out(*enable("a-1.0.0"))
    house.carried_out(*enable("a-1.1.0"))
    house.carried_out(*disable("a-1.1.0"))
    assert house.okapi.told == [">a-1.0.0", "a-1.0.0>a-1.1.0", "a-1.1.0>"]
    assert house.okapi.shown["diku"] == set()


def test_a_module_counts_as_initialised_before_the_platform_is_told() -> None:
    house = beside()
    seen: list[tuple[Stage, StepStatus | None]] = []
    job = house.submit(*enable("d-1.0.0"))
    house.okapi.before.append(lambda: seen.extend((s.stage, s.status) for s in house.store.job(job.id).steps))
    house.work()
    assert seen == [(Stage.INITIALISED, StepStatus.RUNNING)]


def test_a_job_waits_as_long_as_the_platform_is_unavailable_and_says_so() -> None:
    house = beside()
    job = house.submit(*enable("d-1.0.0"))
    told: list[str] = []

    def unavailable_and_looked_at() -> None:
        told.extend(warning.message for warning in house.store.job(job.id).steps[0].warnings)
        unavailable()

    house.okapi.before.extend([unavailable_and_looked_at] * 40)
    house.work()
    ended = house.store.job(job.id)
    assert ended.status is JobStatus.DONE
    assert set(told) == {"Initialised; waits for Okapi: connection refused"}
    assert codes(ended.steps[0]) == []
    assert posts(house) == ["d-1.0.0"]
    assert max(house.clock.slept) <= 5.0


def test_waiting_does_not_commit_the_same_words_again() -> None:
    house = beside()
    job = house.submit(*enable("d-1.0.0"))
    house.okapi.before.extend([unavailable] * 40)
    house.work()
    assert house.store.job(job.id).revision < 10


def test_a_missing_permission_is_named_while_the_job_waits_for_it() -> None:
    house = beside()
    job = house.submit(*enable("d-1.0.0"))

    def forbids() -> None:
        raise PlatformForbids("Okapi refuses: okapi.proxy.tenants.modules.enabled.post is missing")

    told: list[str] = []
    house.okapi.before.extend([unavailable, forbids, forbids])
    house.okapi.before.append(lambda: told.extend(w.message for w in house.store.job(job.id).steps[0].warnings))
    house.work()
    assert told == ["Initialised; waits for Okapi: Okapi refuses: okapi.proxy.tenants.modules.enabled.post is missing"]
    assert house.store.job(job.id).status is JobStatus.DONE


@pytest.mark.parametrize("after", [unavailable, "lost"])
def test_a_change_whose_answer_or_effect_is_lost_is_made_again(after: Trouble | str) -> None:
    house = beside()
    house.okapi.after.append(loses(house, "d-1.0.0") if isinstance(after, str) else after)
    job = house.carried_out(*enable("d-1.0.0"))
    assert (job.status, posts(house)) == (JobStatus.DONE, ["d-1.0.0"])
    assert house.okapi.told == [">d-1.0.0"] * 2
    assert house.okapi.shown["diku"] == {"d-1.0.0"}


def test_a_change_that_is_lost_while_another_is_made_is_made_again_at_once() -> None:
    house = beside()
    house.okapi.after.extend([nothing, loses(house, "a-1.0.0")])
    job = house.carried_out(*enable("c-1.0.0"))
    assert job.status is JobStatus.DONE
    assert house.okapi.told == [">a-1.0.0", ">b-1.0.0", ">a-1.0.0", ">c-1.0.0"]
    assert [codes(step) for step in job.steps] == [[AGAIN], [], []]
    assert job.warnings == ()


def test_a_change_that_a_job_of_the_platforms_own_overwrites_is_made_again_after_its_end() -> None:
    house = beside(descriptor("a-1.0.0"), descriptor("a-1.1.0"))
    house.carried_out(*enable("a-1.0.0"))
    job = house.submit(*enable("a-1.1.0"))
    waiting: list[str] = []

    def begins() -> None:
        house.okapi.jobs.extend(["job-1", "job-1", None])
        house.okapi.questions.extend([nothing, nothing, overwrites])

    def overwrites() -> None:
        waiting.extend(warning.message for warning in house.store.job(job.id).warnings)
        changes(house, enabled="a-1.0.0", disabled="a-1.1.0")()

    house.okapi.after.append(begins)
    house.work()
    ended = house.store.job(job.id)
    assert waiting == ["Waits for the end of install job job-1, which Okapi itself runs for this tenant"]
    assert ended.status is JobStatus.DONE
    assert codes(ended.steps[0]) == [AGAIN]
    assert codes(ended) == []
    assert house.okapi.shown["diku"] == {"a-1.1.0"}
    assert posts(house) == ["a-1.0.0", "a-1.1.0"]


def test_a_change_that_is_taken_back_again_and_again_ends_the_module_as_an_error() -> None:
    house = beside()

    def taken_back() -> None:
        loses(house, "d-1.0.0")()
        house.okapi.questions.extend([nothing, taken_back])

    house.okapi.after.append(lambda: house.okapi.questions.extend([nothing, taken_back]))
    job = house.carried_out(*enable("d-1.0.0"))
    assert (job.status, job.reason) == (JobStatus.ERROR, EndReason.FAILED)
    assert (job.steps[0].status, job.steps[0].stage) == (StepStatus.ERROR, Stage.INITIALISED)
    assert "Okapi lost this change 5 times" in (job.message or "")
    assert house.store.enabled("diku") == []


def test_a_descriptor_that_is_gone_is_an_error_of_that_module_and_a_retry_only_records_it() -> None:
    house = beside()
    house.okapi.without_descriptor.add("a-1.0.0")
    job = house.carried_out(*enable("a-1.0.0", "d-1.0.0"), ignore_errors=True)
    failed, other = job.steps
    assert (failed.status, failed.stage, other.status) == (StepStatus.ERROR, Stage.INITIALISED, StepStatus.DONE)
    assert "Post the descriptor again and retry the job" in (failed.message or "")
    assert [error.code for error in failed.errors] == [NOT_RECORDED]
    house.okapi.without_descriptor.clear()
    house.installs.retry(job.id, {})
    house.work()
    assert house.store.job(job.id).status is JobStatus.DONE
    assert sorted(posts(house)) == ["a-1.0.0", "d-1.0.0"]
    assert house.okapi.shown["diku"] == {"a-1.0.0", "d-1.0.0"}


def test_a_retry_of_a_single_module_that_is_not_recorded_does_not_plan_it_again() -> None:
    house = beside()
    house.okapi.without_descriptor.add("d-1.0.0")
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.status is JobStatus.ERROR
    house.okapi.without_descriptor.clear()
    house.okapi.shown["diku"].add("a-1.0.0")
    house.installs.retry(job.id, {})
    house.work()
    assert (house.store.job(job.id).status, posts(house)) == (JobStatus.DONE, ["d-1.0.0"])


def test_a_tenant_that_is_gone_ends_the_job_even_if_errors_are_ignored() -> None:
    house = beside()
    house.okapi.before.append(lambda: house.okapi.shown.clear())
    job = house.carried_out(*enable("a-1.0.0", "d-1.0.0"), ignore_errors=True)
    assert (job.status, job.message) == (JobStatus.ERROR, "Okapi has no tenant diku any more")
    assert [step.status for step in job.steps] == [StepStatus.ERROR, None]
    assert len(posts(house)) == 1


def test_a_tenant_that_is_gone_before_the_job_starts_ends_it() -> None:
    house = beside()
    job = house.submit(*enable("a-1.0.0"))
    house.okapi.shown.clear()
    house.work()
    ended = house.store.job(job.id)
    assert (ended.status, ended.error_type) == (JobStatus.ERROR, ErrorType.NOT_FOUND)
    assert ended.message == "Okapi has no tenant diku any more"
    assert posts(house) == []


def test_a_tenant_that_is_gone_at_the_end_is_an_error_of_the_job() -> None:
    house = beside()
    house.okapi.after.append(lambda: house.okapi.questions.append(house.okapi.shown.clear))
    job = house.carried_out(*enable("d-1.0.0"))
    assert (job.status, job.message) == (JobStatus.ERROR, "Okapi has no tenant diku any more")


def test_a_job_of_the_platforms_own_is_waited_for_before_the_plan_is_made() -> None:
    house = beside()
    job = house.submit(*enable("b-1.0.0"))
    house.okapi.jobs.extend(["job-7", "job-7", None])
    waiting: list[str] = []

    def ends() -> None:
        waiting.extend(warning.message for warning in house.store.job(job.id).warnings)
        assert posts(house) == []
        changes(house, enabled="a-1.0.0")()

    house.okapi.questions.extend([nothing, nothing, ends])
    house.work()
    ended = house.store.job(job.id)
    assert waiting == ["Waits for the end of install job job-7, which Okapi itself runs for this tenant"]
    assert (ended.status, ended.warnings) == (JobStatus.DONE, ())
    assert [step.change.id for step in ended.steps] == ["b-1.0.0"]
    assert posts(house) == ["b-1.0.0"]


def test_a_job_that_waits_for_the_platform_lets_others_start() -> None:
    house = beside()
    house.submit(*enable("d-1.0.0"))
    started: list[int] = []

    def waits() -> None:
        started.append(house.runner._starting._free)
        unavailable()

    house.okapi.questions.extend([waits, waits])
    house.work()
    assert started == [7, 8]


def test_what_others_change_is_a_warning_that_names_it() -> None:
    house = beside()
    house.okapi.after.append(changes(house, enabled="other-1.0.0"))
    job = house.carried_out(*enable("c-1.0.0"))
    assert (job.status, codes(job)) == (JobStatus.DONE, [OTHERS])
    assert "enabled other-1.0.0" in job.warnings[0].message
    assert [parameter.value for parameter in job.warnings[0].parameters] == ["other-1.0.0"]
    assert house.store.enabled("diku") == ["a-1.0.0", "b-1.0.0", "c-1.0.0", "other-1.0.0"]


def test_what_others_change_after_the_last_module_is_a_warning_too() -> None:
    house = beside()
    house.carried_out(*enable("d-1.0.0"))
    house.okapi.after.append(lambda: house.okapi.questions.append(changes(house, disabled="d-1.0.0")))
    job = house.carried_out(*enable("a-1.0.0"))
    assert (job.status, codes(job)) == (JobStatus.DONE, [OTHERS])
    assert "disabled d-1.0.0" in job.warnings[0].message
    assert house.store.enabled("diku") == ["a-1.0.0"]


def test_a_plan_that_others_have_made_impossible_is_not_continued() -> None:
    house = beside()
    house.carried_out(*enable("a-1.0.0"))
    house.okapi.after.append(changes(house, disabled="a-1.0.0"))
    job = house.carried_out(*enable("d-1.0.0", "b-1.0.0"))
    assert [step.change.id for step in job.steps] == ["d-1.0.0", "b-1.0.0"]
    assert (job.status, job.error_type) == (JobStatus.ERROR, ErrorType.USER)
    assert "b-1.0.0 requires ia 1.0" in (job.message or "")
    assert posts(house) == ["a-1.0.0", "d-1.0.0"]


def test_another_version_that_others_have_enabled_is_replaced_by_the_rest_of_the_plan() -> None:
    house = beside(*(descriptor(ident) for ident in ("a-1.0.0", "a-1.1.0", "a-1.2.0", "d-1.0.0")))
    house.carried_out(*enable("a-1.0.0"))

    def upgraded() -> None:
        changes(house, enabled="a-1.1.0", disabled="a-1.0.0")()

    house.okapi.after.append(upgraded)
    job = house.carried_out(*enable("d-1.0.0", "a-1.2.0"))
    assert (job.status, codes(job)) == (JobStatus.DONE, [OTHERS])
    assert house.okapi.told[-1] == "a-1.1.0>a-1.2.0"
    assert house.okapi.shown["diku"] == {"a-1.2.0", "d-1.0.0"}


def test_a_newer_version_that_others_have_enabled_after_ours_is_left_alone() -> None:
    house = beside(*(descriptor(ident) for ident in ("a-1.0.0", "a-1.1.0", "d-1.0.0")))
    house.okapi.after.extend([nothing, changes(house, enabled="a-1.1.0", disabled="a-1.0.0")])
    job = house.carried_out(*enable("a-1.0.0", "d-1.0.0"))
    assert (job.status, codes(job)) == (JobStatus.DONE, [OTHERS])
    assert house.okapi.shown["diku"] == {"a-1.1.0", "d-1.0.0"}


def test_repairs_that_fail_do_not_count_as_losses() -> None:
    house = beside()
    lost = loses(house, "a-1.0.0")
    house.okapi.after.extend([nothing, lost, *[lost] * 8])
    job = house.carried_out(*enable("b-1.0.0"))
    assert (job.status, [codes(step) for step in job.steps]) == (JobStatus.DONE, [[AGAIN], []])
    assert house.okapi.shown["diku"] == {"a-1.0.0", "b-1.0.0"}
