"""Jobs carried out by a worker, over a store and modules that are fakes."""

from __future__ import annotations

from okapi_install.domain.errors import ErrorType
from okapi_install.domain.jobs import JobKind, JobStatus, Stage, StepStatus
from okapi_install.domain.planning.schedule import digest
from okapi_install.service.ports import Answer, ConnectionRefused, ModuleUnreachable, Tenant
from okapi_install.service.worker.call_policy import CallPolicy
from tests.contract.rollout_builders import rolled_out
from tests.fakes.fake_modules import Call, Script, answer
from tests.unit.service.house import House, descriptor, disable, enable


def test_modules_are_called_in_the_order_of_their_dependencies_and_then_enabled() -> None:
    house = House()
    job = house.carried_out(*enable("c-1.0.0"))
    assert job.status is JobStatus.DONE
    assert house.modules.seen() == ["POST a-1.0.0 /_/tenant", "POST b-1.0.0 /_/tenant", "POST c-1.0.0 /_/tenant"]
    assert house.store.enabled("diku") == ["a-1.0.0", "b-1.0.0", "c-1.0.0"]
    assert {(s.stage, s.status) for s in job.steps} == {(Stage.DONE, StepStatus.DONE)}


def test_a_job_whose_module_is_at_work_keeps_no_other_from_beginning() -> None:
    house, tenants = House(), [f"t{number}" for number in range(20)]
    for name in tenants:
        house.store.add_tenant(Tenant(id=name))

    def call_while_another_begins(call: Call) -> Answer:
        if tenants:
            house.submit(*enable("d-1.0.0"), tenant=tenants.pop())
            house.work()
        return answer()

    house.script("d-1.0.0", call_while_another_begins)
    assert house.carried_out(*enable("d-1.0.0")).status is JobStatus.DONE
    assert len(house.store.users_of("d-1.0.0")) == 21


def test_modules_get_the_tenant_and_their_own_address_and_no_token() -> None:
    house = House()
    house.carried_out(*enable("d-1.0.0"))
    headers = house.modules.calls[0].headers
    assert headers["X-Okapi-Tenant"] == "diku"
    assert headers["X-Okapi-Url"] == "http://okapi"
    assert headers["X-Okapi-Url-to"] == "http://modules/d-1.0.0"
    assert "X-Okapi-Token" not in headers
    assert headers["Content-Type"] == "application/json; charset=UTF-8"


def test_a_failure_stops_the_chain_and_says_why_in_okapis_words() -> None:
    house = House()
    house.script("b-1.0.0", lambda _: answer(500, "no room"))
    job = house.carried_out(*enable("c-1.0.0"))
    assert job.status is JobStatus.ERROR
    assert job.message == "POST request for b-1.0.0 /_/tenant failed with 500: no room"
    assert job.error_type is ErrorType.USER
    assert [(s.stage, s.status) for s in job.steps] == [
        (Stage.DONE, StepStatus.DONE),
        (Stage.INVOKE, StepStatus.ERROR),
        (Stage.PENDING, None),
    ]
    assert house.store.enabled("diku") == ["a-1.0.0"]


def test_ignored_errors_skip_what_needs_the_failed_module_and_the_job_ends() -> None:
    house = House()
    house.script("a-1.0.0", lambda _: answer(500, "broken"))
    job = house.carried_out(*enable("b-1.0.0", "d-1.0.0"), ignore_errors=True)
    assert job.complete
    assert job.error_type is None
    messages = {s.change.id: s.message for s in job.steps}
    assert messages["b-1.0.0"] == "Skipped: requires a-1.0.0, which failed"
    assert messages["d-1.0.0"] is None
    assert house.store.enabled("diku") == ["d-1.0.0"]


def tenant_job(polls: int, **result: object) -> Script:
    """A module whose tenant job is complete at that poll."""
    asked = iter(range(1, 100))

    def play(call: Call) -> Answer:
        if call.method == "POST":
            return answer(201, {"id": "j1"}, Location="/_/tenant/j1")
        if call.method == "DELETE":
            return answer(204)
        return answer(200, {"id": "j1", "complete": True, **result} if next(asked) >= polls else {"complete": False})

    return play


def test_a_tenant_job_is_asked_for_until_it_is_complete_and_then_deleted() -> None:
    house = House()
    house.script("d-1.0.0", tenant_job(3, warnings=[{"message": "slow disk"}]))
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.status is JobStatus.DONE
    assert house.modules.seen() == [
        "POST d-1.0.0 /_/tenant",
        *["GET d-1.0.0 /_/tenant/j1"] * 3,
        "DELETE d-1.0.0 /_/tenant/j1",
    ]
    assert [w.message for w in job.steps[0].warnings] == ["slow disk"]
    assert house.modules.calls[1].path == "/_/tenant/j1?wait=10000"


def test_a_failed_tenant_job_tells_its_error_and_its_messages() -> None:
    house = House()
    house.script("d-1.0.0", tenant_job(1, error="migration failed", messages=["table x"]))
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.message == "Tenant operation failed for module d-1.0.0: migration failed\ntable x"
    assert job.error_type is ErrorType.INTERNAL
    assert [e.message for e in job.steps[0].errors] == ["migration failed", "table x"]


def test_a_module_that_refuses_connections_is_called_again_until_a_slow_one_has_started() -> None:
    house = House()
    house.script("d-1.0.0", lambda _: ConnectionRefused("Connection refused: modules"))
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.message == (
        "POST request for d-1.0.0 /_/tenant failed with Connection refused: modules; tried 23 times in 90 s. "
        "If the module takes longer to start, raise connect_retry_seconds"
    )
    assert round(sum(house.clock.slept)) == 90


def test_a_poll_that_fails_for_a_while_is_asked_again() -> None:
    house = House()
    trouble: list[Answer | ModuleUnreachable] = [
        answer(503, "later"),
        answer(404, "Connection refused"),
        ModuleUnreachable("Connection reset by peer"),
    ]
    whole = tenant_job(1)

    def play(call: Call) -> Answer | ModuleUnreachable:
        return trouble.pop(0) if call.method == "GET" and trouble else whole(call)

    house.script("d-1.0.0", play)
    assert house.carried_out(*enable("d-1.0.0")).status is JobStatus.DONE


def test_a_forgotten_tenant_job_is_the_end() -> None:
    house = House()

    def gone(call: Call) -> Answer | ModuleUnreachable:
        return answer(404, "job not found") if call.method == "GET" else tenant_job(1)(call)

    house.script("d-1.0.0", gone)
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.message == "GET request for d-1.0.0 /_/tenant/j1 failed with 404: job not found"


def test_a_tenant_job_that_never_ends_is_given_up_after_the_time_that_is_set() -> None:
    house = House(policy=CallPolicy(step_timeout=100))
    house.script("d-1.0.0", tenant_job(10**6))
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.message == "Tenant operation failed for module d-1.0.0: the tenant job did not end within 100 s"
    assert house.modules.seen()[-1] == "DELETE d-1.0.0 /_/tenant/j1"


def test_an_answer_that_is_no_json_with_a_location_is_the_modules_fault() -> None:
    house = House()
    house.script("d-1.0.0", lambda _: answer(201, "garbage", Location="/x"))
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.status is JobStatus.ERROR
    assert job.error_type is ErrorType.USER


def test_a_later_job_is_planned_again_when_the_earlier_one_failed() -> None:
    house = House()
    house.script("a-1.0.0", lambda _: answer(500, "broken"))
    first, second = house.submit(*enable("a-1.0.0")), house.submit(*enable("b-1.0.0"))
    assert [s.change.id for s in second.steps] == ["b-1.0.0"]
    house.runner.run(first.id, "t1")
    house.script("a-1.0.0", lambda _: answer())
    house.work()
    done = house.store.job(second.id)
    assert [s.change.id for s in done.steps] == ["a-1.0.0", "b-1.0.0"]
    assert done.status is JobStatus.DONE
    assert (second.assumed, done.assumed) == (digest(["a-1.0.0"]), digest([]))


def test_a_step_is_timed_by_the_clock_of_the_store() -> None:
    house = House()

    def take_seven_seconds(call: Call) -> Answer:
        house.clock.sleep(7.0)
        return answer()

    house.script("d-1.0.0", take_seven_seconds)
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.started is not None
    assert (job.steps[0].started, job.steps[0].ended) == (job.started, job.started + 7.0)


def test_readers_are_notified_of_the_job_that_changed() -> None:
    house = House()
    job = house.submit(*enable("d-1.0.0"))
    house.notifier.told.clear()
    house.work()
    assert set(house.notifier.told) == {job.id}


def test_a_job_that_cannot_be_planned_any_more_ends_as_an_error() -> None:
    house = House()
    house.submit(*enable("d-1.0.0"))
    second = house.submit(*disable("d-1.0.0"))
    house.script("d-1.0.0", lambda _: answer(500, "broken"))
    house.work()
    ended = house.store.job(second.id)
    assert ended.reason == "unplannable"
    assert ended.message == "Module d-1.0.0 not found"


def test_a_retry_runs_what_is_not_done_in_the_same_job() -> None:
    house = House()
    house.script("b-1.0.0", lambda _: answer(500, "broken"))
    job = house.carried_out(*enable("c-1.0.0"))
    house.script("b-1.0.0", lambda _: answer())
    house.modules.calls.clear()
    house.installs.retry(job.id, {"X-Okapi-Token": "secret", "X-Okapi-User-Id": "u2"})
    house.work()
    again = house.store.job(job.id)
    assert again.status is JobStatus.DONE
    assert again.retries == 1
    assert house.modules.seen() == ["POST b-1.0.0 /_/tenant", "POST c-1.0.0 /_/tenant"]
    assert {call.headers["X-Okapi-User-Id"] for call in house.modules.calls} == {"u2"}
    assert not any("X-Okapi-Token" in call.headers for call in house.modules.calls)


def test_a_revoked_job_that_has_not_begun_keeps_its_info_as_an_error() -> None:
    house = House()
    job = house.submit(*enable("d-1.0.0"))
    house.runner.revoked(job.id)
    house.work()
    ended = house.store.job(job.id)
    assert (ended.status, ended.reason) == (JobStatus.ERROR, "revoked")
    assert house.modules.calls == []


def test_what_a_purge_reports_that_goes_before_an_enable_is_ignored() -> None:
    house = House()
    reported = {"complete": True, "error": "no such schema", "warnings": [{"message": "empty"}]}
    responses = [answer(201, {"id": "j1", **reported}, Location="/_/tenant/j1"), answer(204), answer(204)]
    house.script("d-1.0.0", lambda _: responses.pop(0))
    [step] = house.carried_out(*enable("d-1.0.0"), purge=True).steps
    assert house.modules.seen() == [
        "POST d-1.0.0 /_/tenant",
        "DELETE d-1.0.0 /_/tenant/j1",
        "POST d-1.0.0 /_/tenant",
    ]
    assert (step.status, step.errors, step.warnings, step.tenant_job) == (StepStatus.DONE, (), (), None)


def test_an_upgrade_sends_both_versions() -> None:
    newer = descriptor("d-1.1.0", ["id 1.1"])
    house = House(descriptor("d-1.0.0", ["id 1.0"]), newer)
    house.carried_out(*enable("d-1.0.0"))
    job = house.carried_out(kind=JobKind.UPGRADE)
    assert job.status is JobStatus.DONE
    assert house.modules.calls[-1].body == {"module_to": "d-1.1.0", "module_from": "d-1.0.0", "purge": False}
    assert house.store.enabled("diku") == ["d-1.1.0"]


def test_complete_jobs_are_kept_only_as_long_as_is_set() -> None:
    house = House()
    job = house.carried_out(*enable("d-1.0.0"))
    house.runner.forget_complete(60)
    assert house.store.job(job.id).complete
    house.store.pass_time(61)
    house.runner.forget_complete(60)
    assert house.store.jobs_of("diku") == []


def test_complete_rollouts_are_kept_only_as_long_as_is_set() -> None:
    house = House()
    rollout = rolled_out(house.store, ["diku"])
    house.store.abort_rollout(rollout)
    assert house.store.advance_rollout(rollout, 1).rollout.complete
    house.runner.forget_complete(60)
    assert house.store.rollout_revision(rollout) is not None
    house.store.pass_time(61)
    house.runner.forget_complete(60)
    assert house.store.rollout_revision(rollout) is None


def test_a_retry_of_what_could_not_be_planned_is_planned_again() -> None:
    house = House()
    house.submit(*enable("d-1.0.0"))
    second = house.submit(*disable("d-1.0.0"))
    house.script("d-1.0.0", lambda _: answer(500, "broken"))
    house.work()
    house.script("d-1.0.0", lambda _: answer())
    house.carried_out(*enable("d-1.0.0"))
    house.installs.retry(second.id, {})
    house.work()
    assert house.store.job(second.id).status is JobStatus.DONE
    assert house.store.enabled("diku") == []
