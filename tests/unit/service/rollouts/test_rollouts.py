"""Rollouts from a client's request to the last tenant's job: the store and modules are fakes, the rest is real."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from okapi_install.domain.errors import InternalError, KeyReused, NotFound, StoreUnavailable, UserError
from okapi_install.domain.jobs import Change, InstallOptions, JobKind, JobStatus
from okapi_install.domain.rollouts.failures import grouped
from okapi_install.domain.rollouts.rollout import PauseReason, PauseRule, RolloutStatus, TenantStatus
from okapi_install.service.jobs.callbacks import CallbackSender
from okapi_install.service.jobs.planning import Planned, Planner, SharedPlans
from okapi_install.service.ports import Advanced, JobRef, TenantState
from okapi_install.service.registry import RegistryService
from okapi_install.service.rollouts.callbacks import RolloutCallbacks
from tests.unit.service.rollouts.campus import Campus

DONE, WAITING, ERROR = TenantStatus.DONE, TenantStatus.WAITING, TenantStatus.ERROR


def test_each_tenant_gets_one_job_and_the_next_wave_starts_when_one_is_over() -> None:
    campus = Campus(5)
    rollout = campus.submit(waves=(1, "40%"), max_concurrent=2)
    assert [ref.tenant for ref in campus.house.queue.published] == ["t0"]
    campus.house.work()
    assert set(campus.statuses(rollout).values()) == {DONE}
    ended = campus.rollouts.view(rollout.id)
    assert (ended.rollout.status, ended.rollout.wave_count) == (RolloutStatus.DONE, 3)
    calls = [call.headers["X-Okapi-Tenant"] for call in campus.house.modules.calls if call.method == "POST"]
    assert calls == ["t0", "t1", "t2", "t3", "t4"]
    assert all(campus.store.enabled(name) == ["d-1.0.0"] for name in campus.names)


def test_its_jobs_are_ordinary_jobs_that_know_their_rollout() -> None:
    campus = Campus(1)
    rollout = campus.submit(max_per_module=3, requested_by="admin", options=InstallOptions(tenant_parameters="x=y"))
    (ref,) = campus.house.queue.published
    job = campus.house.installs.job(ref.id)
    assert (job.options.rollout, job.options.max_per_module, job.requested_by) == (rollout.id, 3, "admin")
    assert job.options.tenant_parameters == "x=y"
    assert (job.options.asynchronous, job.status) == (True, JobStatus.QUEUED)
    claim = campus.store.claim(job.id, "w", None, 15.0)
    assert claim is not None
    assert claim.headers == {"X-Okapi-User-Id": "u1"}


def test_failures_beyond_the_budget_pause_it_and_a_retry_of_their_group_gets_all_done() -> None:
    campus = Campus(6)
    campus.fail("d-1.0.0", ["t0", "t2"])
    rollout = campus.submit(max_concurrent=1, max_failures=1)
    campus.house.work()
    paused = campus.rollouts.view(rollout.id).rollout
    assert (paused.status, paused.pause_reason) == (RolloutStatus.PAUSED, PauseReason.FAILURES)
    assert list(campus.statuses(rollout).values()) == [ERROR, DONE, ERROR, WAITING, WAITING, WAITING]
    (group,) = grouped(campus.rollouts.tenants(rollout.id))
    assert (group.module, group.tenants) == ("d-1.0.0", ("t0", "t2"))
    assert "no space for <tenant>: <n> bytes" in group.line
    campus.fail("d-1.0.0", [])
    campus.rollouts.retry(rollout.id, group=group.key)
    campus.house.work()
    assert campus.rollouts.view(rollout.id).rollout.status is RolloutStatus.PAUSED
    campus.rollouts.resume(rollout.id)
    campus.house.work()
    assert set(campus.statuses(rollout).values()) == {DONE}
    assert campus.rollouts.view(rollout.id).rollout.status is RolloutStatus.DONE
    assert [len(campus.store.jobs_of(name)) for name in campus.names] == [1] * 6
    assert campus.store.jobs_of("t0")[0].retries == 1


def test_a_tenant_that_has_all_of_it_has_no_job_and_one_without_a_plan_has_failed() -> None:
    campus = Campus(3)
    first = campus.submit(tenants=("t1",))
    campus.house.work()
    assert campus.statuses(first) == {"t1": DONE}
    campus.store.remove_tenant("t2")
    campus.store.put_tenant(campus.store.tenant("t0"))
    rollout = campus.submit("d-1.0.0", tenants=("t0", "t1"), max_failures=3)
    campus.house.work()
    assert campus.statuses(rollout) == {"t0": DONE, "t1": TenantStatus.UPTODATE}
    assert len(campus.store.jobs_of("t1")) == 1


def test_a_request_that_no_tenant_can_have_is_refused_in_the_words_of_an_install() -> None:
    campus = Campus(2)
    with pytest.raises(UserError, match="not found"):
        campus.submit("mod-none-1.0.0")
    assert campus.rollouts.find(9, 0).total == 0


def test_tenants_are_all_but_some_and_each_must_exist() -> None:
    campus = Campus(3)
    rollout = campus.submit(excepted=("t1",))
    assert list(campus.statuses(rollout)) == ["t0", "t2"]
    for wrong, said in (
        ({"tenants": ("t0", "t9")}, "no tenant t9"),
        ({"tenants": ("t7", "t9")}, "do not exist: t7, t9"),
        ({"tenants": ("t0", "t0")}, "t0 is named twice"),
        ({"tenants": ()}, "no tenants"),
        ({"excepted": tuple(campus.names)}, "no tenants"),
        ({"excepted": ("t9",)}, "no tenant t9"),
        ({"waves": (("t9",),)}, "no tenant t9"),
    ):
        with pytest.raises(UserError, match=said):
            campus.submit(**wrong)


def test_a_repeated_request_is_the_same_rollout() -> None:
    campus = Campus(2)
    first = campus.rollouts.submit(campus.order(idempotency_key="k"))
    again = campus.rollouts.submit(campus.order(idempotency_key="k", requested_by="somebody else"))
    assert (again.rollout.id, first.replayed, again.replayed) == (first.rollout.id, False, True)
    with pytest.raises(KeyReused):
        campus.submit(idempotency_key="k", max_concurrent=3)


def test_paused_by_a_client_it_starts_nothing_and_goes_on_later() -> None:
    campus = Campus(3)
    rollout = campus.submit(max_concurrent=1)
    campus.rollouts.pause(rollout.id)
    campus.house.work()
    campus.house.advancer.sweep()
    assert list(campus.statuses(rollout).values()) == [DONE, WAITING, WAITING]
    campus.rollouts.resume(rollout.id)
    campus.house.work()
    assert set(campus.statuses(rollout).values()) == {DONE}


def test_an_abort_lets_running_jobs_end_or_aborts_them_too() -> None:
    campus = Campus(3)
    gentle, hard = campus.submit(max_concurrent=1), campus.submit("a-1.0.0", max_concurrent=1)
    assert campus.rollouts.abort(gentle.id, jobs=False).status is RolloutStatus.ABORTING
    assert campus.rollouts.abort(hard.id, jobs=True).status is RolloutStatus.ABORTING
    campus.house.work()
    campus.house.advancer.sweep()
    assert list(campus.statuses(gentle).values()) == [DONE, TenantStatus.SKIPPED, TenantStatus.SKIPPED]
    assert list(campus.statuses(hard).values()) == [ERROR, TenantStatus.SKIPPED, TenantStatus.SKIPPED]
    for rollout in (gentle, hard):
        assert campus.rollouts.view(rollout.id).rollout.status is RolloutStatus.ABORTED


def test_a_simulation_says_what_happens_to_whom_and_writes_nothing() -> None:
    campus = Campus(4)
    campus.house.store.remove_tenant("t3")
    campus.submit("b-1.0.0", tenants=("t0",))
    campus.house.work()
    found = campus.rollouts.simulate(campus.order("b-1.0.0", waves=(1,), max_concurrent=1))
    assert found.waves == (("t0",), ("t1", "t2"))
    plans = {one.tenants: [change.id for change in one.changes] for one in found.proposals}
    assert plans == {("t0",): ["b-1.0.0"], ("t1", "t2"): ["a-1.0.0", "b-1.0.0"]}
    assert [one.startable for one in found.proposals] == [False, True]
    assert found.seconds is not None
    assert found.end is not None
    refused = campus.rollouts.simulate(campus.order("mod-none-1.0.0"))
    assert all(one.refusal is not None for one in refused.proposals)
    assert (refused.seconds, refused.end) == (None, None)
    assert campus.rollouts.find(9, 0).total == 1


def test_an_upgrade_takes_each_tenant_to_the_newest_versions() -> None:
    campus = Campus(2)
    rollout = campus.submit(kind=JobKind.UPGRADE, request=None)
    campus.house.advancer.sweep()
    assert set(campus.statuses(rollout).values()) == {TenantStatus.UPTODATE}
    assert campus.rollouts.view(rollout.id).rollout.status is RolloutStatus.DONE


class _Failing:
    """A store whose next operations of that name fail."""

    def __init__(self, campus: Campus, name: str, times: int) -> None:
        self.left, self._original = times, getattr(campus.store, name)
        setattr(campus.store, name, self)

    def __call__(self, *given: object, **named: object) -> object:
        if self.left > 0:
            self.left -= 1
            raise StoreUnavailable("away")
        return self._original(*given, **named)


@pytest.mark.parametrize("operation", ["advance_rollout", "start_in_rollout", "tenant_states", "open_rollouts"])
def test_what_fails_while_the_store_is_unavailable_is_done_by_a_later_sweep(operation: str) -> None:
    campus = Campus(2)
    rollout = campus.submit(windows=(), max_concurrent=1)
    _Failing(campus, operation, 3)
    for _ in range(8):
        campus.house.work()
        campus.house.advancer.sweep()
    assert set(campus.statuses(rollout).values()) == {DONE}


def test_a_message_that_is_not_sent_leaves_the_job_to_the_sweep_of_jobs() -> None:
    campus = Campus(1)

    def refuse(job: JobRef) -> None:
        raise InternalError(f"no broker for {job.id}")

    campus.house.queue.publish = refuse  # type: ignore[method-assign]
    rollout = campus.submit()
    assert campus.statuses(rollout) == {"t0": TenantStatus.RUNNING}
    campus.store.pass_time(11.0)
    (ref,) = campus.store.sweep(15.0, 10.0)
    campus.house.runner.run(ref.id, ref.task_id)
    assert campus.statuses(rollout) == {"t0": DONE}


def test_a_look_that_is_wanted_during_a_look_is_not_lost() -> None:
    campus = Campus(2)
    rollout = campus.submit(max_concurrent=1)
    advance, looks = campus.store.advance_rollout, []

    def slow(rollout_id: str, most: int) -> Advanced:
        looks.append(rollout_id)
        if len(looks) == 1:
            campus.house.advancer.soon(rollout_id)
        return advance(rollout_id, most)

    campus.store.advance_rollout = slow  # type: ignore[method-assign]
    campus.house.advancer.soon(rollout.id)
    assert len(looks) == 2
    campus.house.advancer.soon(rollout.id)
    assert len(looks) == 3


def test_when_all_that_may_start_have_started_nobody_looks_again() -> None:
    campus, looks = Campus(3), []
    advance = campus.store.advance_rollout

    def counted(rollout_id: str, most: int) -> Advanced:
        looks.append(rollout_id)
        return advance(rollout_id, most)

    campus.store.advance_rollout = counted  # type: ignore[method-assign]
    rollout = campus.submit(waves=(1,), max_concurrent=2)
    campus.house.work()
    assert set(campus.statuses(rollout).values()) == {DONE}
    assert len(looks) == 1 + 3  # the request, and the end of each job


def test_after_a_look_there_is_a_pause_that_is_longer_the_longer_it_took() -> None:
    campus, took = Campus(4), [0.01, 9.0]
    rollout = campus.submit(max_concurrent=1)
    advance = campus.store.advance_rollout

    def slow(rollout_id: str, most: int) -> Advanced:
        campus.house.clock.time += took.pop(0)
        return advance(rollout_id, most)

    campus.store.advance_rollout = slow  # type: ignore[method-assign]
    for _ in range(2):
        campus.house.advancer.soon(rollout.id)
    assert campus.house.clock.slept == pytest.approx([0.02, 0.25])


def test_tenants_that_start_together_are_read_together_and_one_that_is_gone_has_failed() -> None:
    campus, read = Campus(3), []
    states = campus.store.tenant_states

    def noted(tenants: Collection[str]) -> dict[str, TenantState]:
        read.append(list(tenants))
        return states(tenants)

    rollout = campus.submit(max_concurrent=1, max_failures=1)
    campus.store.tenant_states = noted  # type: ignore[method-assign]
    campus.store.remove_tenant("t1")
    campus.house.work()
    assert campus.statuses(rollout) == {"t0": DONE, "t1": ERROR, "t2": DONE}
    assert read == [["t1"], ["t2"]]
    campus.submit("a-1.0.0", tenants=("t0", "t2"))
    assert read[2:] == [["t0", "t2"]]


def test_tenants_with_equal_modules_share_a_plan() -> None:
    made: list[TenantState] = []
    shared, planner = SharedPlans(), Planner(RegistryService(Campus(0).store))

    def planned(*enabled: str, seq: int = 1) -> Planned:
        state = TenantState(enabled=frozenset(enabled), ahead=(), registry_seq=seq)

        def make() -> Planned:
            made.append(state)
            return planner.plan(JobKind.INSTALL, enabled, (Change(id="b-1.0.0"),), InstallOptions())

        return shared.plan(state, make)

    assert planned() is planned()
    assert [change.id for change in planned("a-1.0.0").changes] == ["b-1.0.0"]
    assert planned(seq=2) == planned()
    assert [(sorted(state.enabled), state.registry_seq) for state in made] == [([], 1), (["a-1.0.0"], 1), ([], 2)]


def test_what_is_unknown_is_not_found() -> None:
    campus = Campus(1)
    for operation in (campus.rollouts.view, campus.rollouts.tenants, campus.rollouts.pause, campus.rollouts.retry):
        with pytest.raises(NotFound):
            operation("none")
    rollout = campus.submit()
    with pytest.raises(UserError, match="No tenant has failed as 'x'"):
        campus.rollouts.retry(rollout.id, group="x")


def test_states_are_counted_once_each() -> None:
    campus = Campus(2)
    campus.fail("d-1.0.0", ["t0"])
    rollout = campus.submit(max_concurrent=1)
    campus.house.work()
    campus.house.advancer.sweep()
    campus.rollouts.resume(rollout.id)
    campus.house.work()
    campus.house.advancer.sweep()
    counted = {key: value for key, value in campus.house.meters.take().items() if "rollouts" in key[0]}
    assert counted == {
        ("okapi_install_rollouts_submitted_total", (("kind", "install"),)): 1.0,
        ("okapi_install_rollouts_paused_total", (("reason", "failures"),)): 1.0,
        ("okapi_install_rollouts_ended_total", (("outcome", "error"),)): 1.0,
    }


class _Hook:
    """Remembers what is sent, and answers with these statuses."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.sent = list(statuses), []  # type: ignore[var-annotated]

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.sent.append((url, body, headers))
        return self.statuses.pop(0)


def test_a_pause_after_a_wave_is_called_back_until_it_is_received() -> None:
    campus, hook = Campus(2), _Hook(503, 200)
    rollout = campus.submit(waves=(1,), pause_after_wave=PauseRule(), callback_url="http://c.example/hook")
    campus.house.work()
    sender = CallbackSender(hook, campus.store.now, "secret")
    callbacks = RolloutCallbacks(campus.store, sender, campus.house.rollout_observer, public_url="http://here")
    callbacks.deliver_due()
    callbacks.deliver_due()
    assert len(hook.sent) == 1
    campus.store.pass_time(11.0)
    callbacks.deliver_due()
    campus.store.pass_time(100.0)
    callbacks.deliver_due()
    assert len(hook.sent) == 2
    url, body, headers = hook.sent[1]
    assert url == "http://c.example/hook"
    assert b'"status": "paused", "pauseReason": "wave"' in body
    assert f'"link": "http://here/rollouts/{rollout.id}"'.encode() in body
    assert headers["X-Okapi-Install-Signature"].startswith("t=")
