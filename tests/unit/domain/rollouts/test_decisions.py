"""What a rollout does next, and when it will have ended."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import Change, InstallOptions, JobKind, JobStatus, Problem, ProblemCode, Step, StepStatus
from okapi_install.domain.rollouts import requests
from okapi_install.domain.rollouts.decisions import decide
from okapi_install.domain.rollouts.estimate import Pace, forecast
from okapi_install.domain.rollouts.outcomes import JobState, after_job
from okapi_install.domain.rollouts.rollout import (
    OPEN,
    ROLLOUT_TRANSITIONS,
    PauseReason,
    PauseRule,
    Rollout,
    RolloutStatus,
    RolloutTenant,
    Tally,
    TenantStatus,
)
from okapi_install.domain.rollouts.windows import Window

W, R, D, E = TenantStatus.WAITING, TenantStatus.RUNNING, TenantStatus.DONE, TenantStatus.ERROR


def _rollout(**rest: Any) -> Rollout:
    known: dict[str, Any] = {
        "id": "r1",
        "name": "night",
        "kind": JobKind.UPGRADE,
        "status": RolloutStatus.RUNNING,
        "options": InstallOptions(),
        "request": None,
        "wave_count": 3,
        "max_concurrent": 5,
        "max_failures": 1,
        "created": 0.0,
    }
    return Rollout(**{**known, **rest})


def _tally(*waves: dict[TenantStatus, int], failures: int | None = None) -> Tally:
    found = Tally(waves=dict(enumerate(waves)))
    return replace(found, failures=found.count(E) if failures is None else failures)


def test_as_many_start_as_are_free_and_none_of_the_next_wave() -> None:
    assert decide(_rollout(), _tally({W: 20}), 0.0).room == 5
    assert decide(_rollout(), _tally({W: 20, R: 3}), 0.0).room == 2
    assert decide(_rollout(), _tally({R: 1}, {W: 20}), 0.0).room == 0
    assert decide(_rollout(), _tally({D: 1}, {W: 20}), 0.0).room == 5
    assert decide(_rollout(), _tally({W: 20, R: 9}), 0.0).room == 0


def test_beyond_the_failures_allowed_it_pauses_but_not_where_nothing_is_left_to_start() -> None:
    paused = decide(_rollout(), _tally({E: 2, W: 1}), 0.0)
    assert (paused.rollout.status, paused.rollout.pause_reason, paused.room) == (
        RolloutStatus.PAUSED, PauseReason.FAILURES, 0
    )  # fmt: skip
    assert decide(_rollout(), _tally({E: 1, W: 1}), 0.0).room == 1
    assert decide(_rollout(), _tally({E: 2, W: 1}, failures=1), 0.0).room == 1
    assert decide(_rollout(), _tally({E: 2, R: 1}), 0.0).rollout.status is RolloutStatus.RUNNING


def test_after_a_wave_it_waits_for_a_client_once_or_for_so_many_seconds() -> None:
    tally = _tally({D: 1}, {W: 2}, {W: 2})
    by_hand = decide(_rollout(pause_after_wave=PauseRule()), tally, 0.0).rollout
    assert (by_hand.status, by_hand.pause_reason, by_hand.wave) == (RolloutStatus.PAUSED, PauseReason.WAVE, 1)
    assert decide(requests.resume(by_hand), tally, 0.0).room == 2
    held = decide(_rollout(pause_after_wave=PauseRule(seconds=60.0)), tally, 100.0)
    assert (held.rollout.status, held.rollout.hold_until, held.room) == (RolloutStatus.RUNNING, 160.0, 0)
    assert decide(held.rollout, tally, 159.0).room == 0
    assert decide(held.rollout, tally, 160.0).room == 2
    assert decide(requests.resume(held.rollout), tally, 101.0).room == 2


def test_a_wave_whose_tenants_are_retried_goes_first_and_is_not_paused_after_again() -> None:
    later = _rollout(pause_after_wave=PauseRule(), wave=2)
    assert decide(later, _tally({W: 1}, {D: 1}, {W: 5, R: 1}), 0.0).room == 1
    assert decide(later, _tally({R: 1}, {D: 1}, {W: 5, R: 1}), 0.0).room == 0
    assert decide(later, _tally({D: 1}, {D: 1}, {W: 5, R: 1}), 0.0).room == 4


def test_outside_its_windows_nothing_starts() -> None:
    monday = _rollout(windows=(Window.of(["mon"], "00:00", "24:00", "UTC"),))
    assert decide(monday, _tally({W: 1}), 4 * 86400.0).room == 1  # 5 January 1970 was a Monday
    assert decide(monday, _tally({W: 1}), 3 * 86400.0).room == 0


@pytest.mark.parametrize(("failed", "status"), [(0, RolloutStatus.DONE), (1, RolloutStatus.ERROR)])
def test_it_ends_when_all_tenants_are_over_also_while_it_is_paused(failed: int, status: RolloutStatus) -> None:
    for before in (RolloutStatus.RUNNING, RolloutStatus.PAUSED):
        ended = decide(_rollout(status=before), _tally({D: 1, E: failed}), 7.0).rollout
        assert (ended.status, ended.ended, ended.pause_reason) == (status, 7.0, None)


def test_an_aborted_one_ends_when_its_running_jobs_have_ended() -> None:
    aborting = requests.abort(_rollout())
    assert decide(aborting, _tally({TenantStatus.SKIPPED: 3, R: 1}), 0.0).rollout.status is RolloutStatus.ABORTING
    assert decide(aborting, _tally({TenantStatus.SKIPPED: 3, E: 1}), 0.0).rollout.status is RolloutStatus.ABORTED


def test_a_job_that_is_retried_by_hand_reopens_its_rollout() -> None:
    over = _rollout(status=RolloutStatus.ERROR, ended=1.0)
    assert decide(over, _tally({E: 1, D: 1}), 2.0).rollout == over
    assert decide(over, _tally({R: 1, D: 1}), 2.0).rollout.status is RolloutStatus.RUNNING
    assert decide(over, _tally({D: 2}), 2.0).rollout.status is RolloutStatus.DONE


def test_requests_fit_the_table_of_transitions_or_are_refused() -> None:
    for status in RolloutStatus:
        for request in (requests.pause, requests.resume, requests.abort, requests.retry):
            with suppress(UserError):
                after = request(_rollout(status=status))
                assert after.status is status or after.status in ROLLOUT_TRANSITIONS[status]
    assert {status for status in RolloutStatus if status not in ROLLOUT_TRANSITIONS} == {
        RolloutStatus.DONE,
        RolloutStatus.ABORTED,
    }
    assert all(status in ROLLOUT_TRANSITIONS for status in OPEN)


def test_the_first_step_that_failed_by_itself_is_the_cause() -> None:
    def step(pos: int, ended: float, message: str, code: ProblemCode | None = None) -> Step:
        errors = (Problem(message=message, code=code),) if code else ()
        change = Change(id=f"mod-{pos}-1.0.0")
        return Step(pos=pos, change=change, status=StepStatus.ERROR, message=message, errors=errors, ended=ended)

    skipped = step(0, 1.0, "skipped", ProblemCode.NEEDS_FAILED_MODULE)
    steps = (skipped, step(1, 3.0, "late"), step(2, 2.0, "first"))
    running = RolloutTenant(pos=0, tenant="t", wave=0, status=R, job_id="j")
    job = JobState(status=JobStatus.ERROR, started=1.0, ended=4.0, message="job failed", steps=steps)
    failed = after_job(running, job, 9.0)
    assert (failed.status, failed.module, failed.message, failed.ended) == (E, "mod-2-1.0.0", "first", 4.0)
    assert after_job(running, replace(job, steps=(skipped,)), 9.0).message == "job failed"
    assert after_job(running, None, 9.0).ended == 9.0
    assert after_job(running, replace(job, status=JobStatus.ABORTING), 9.0) == running


def test_the_end_is_expected_from_the_plan_and_then_from_what_was_measured() -> None:
    rollout, tally = _rollout(max_concurrent=2), _tally({W: 4}, {W: 1})
    first = forecast(rollout, tally, Pace(planned=10.0), 100.0)
    assert first is not None
    assert (first.seconds, first.end) == (30.0, 130.0)
    corrected = forecast(rollout, tally, Pace(planned=10.0, measured=90.0, count=3), 100.0)
    assert corrected is not None
    assert corrected.seconds == 75.0
    assert forecast(rollout, tally, Pace(), 100.0) is None
    by_hand = forecast(replace(rollout, pause_after_wave=PauseRule()), tally, Pace(planned=10.0), 100.0)
    assert by_hand is not None
    assert by_hand.end is None
    held = forecast(replace(rollout, pause_after_wave=PauseRule(seconds=60.0)), tally, Pace(planned=10.0), 100.0)
    assert held is not None
    assert held.end == 190.0
