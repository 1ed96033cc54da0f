"""Each hook of the observer: what it counts, whom it wakes, and what it logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from okapi_install.domain.jobs import Change, EndReason, Job, JobStatus, Problem, StepStatus
from okapi_install.service.metrics import CallbackOutcome, Meters, PollOutcome
from okapi_install.service.observer import JobObserver
from okapi_install.service.ports import Aborted, Claim, Ending, JobRef
from tests.fakes.quiet import SilentNotifier
from tests.unit.service.house import House, enable

JOB = House().submit(*enable("d-1.0.0"))
REF = JobRef(id=JOB.id, tenant=JOB.tenant, kind=JOB.kind)
CLAIM = Claim(job=JOB, worker="w", epoch=2, now=0.0, enabled=frozenset())
DONE = Ending(status=JobStatus.DONE)
REVOKED = Ending(status=JobStatus.ERROR, reason=EndReason.REVOKED, message="revoked")


class Observed:
    """An observer, and what came of it."""

    def __init__(self, call: Callable[[JobObserver], None]) -> None:
        notifier, meters = SilentNotifier(), Meters()
        with capture_logs() as lines:
            call(JobObserver(notifier, meters))
        self.woken, self.lines = notifier.told, lines
        self.counted = {name.removeprefix("okapi_install_"): dict(labels) for name, labels in meters.take()}


@pytest.mark.parametrize(
    ("call", "counted", "woken", "line"),
    [
        (lambda o: o.job_submitted(JOB), {"jobs_submitted_total": {"kind": "install"}}, True, None),
        (lambda o: o.job_retried(JOB), {}, True, None),
        (
            lambda o: o.abort_requested(Aborted(job=REF, was=JobStatus.QUEUED)),
            {"jobs_ended_total": {"outcome": "aborted"}},
            True,
            "abort",
        ),
        (lambda o: o.abort_requested(Aborted(job=REF, was=JobStatus.RUNNING)), {}, True, "abort"),
        (lambda o: o.job_claimed(CLAIM), {}, False, None),
        (
            lambda o: o.job_claimed(replace(CLAIM, taken_over=True)),
            {"leases_taken_over_total": {}},
            False,
            "job taken over: the lease of its worker had expired",
        ),
        (
            lambda o: o.job_replanned(JOB),
            {},
            False,
            "job planned again: the tenant's enabled modules differ from what the plan expected",
        ),
        (lambda o: o.polled(PollOutcome.HELD), {"polls_total": {"outcome": "held"}}, False, None),
        (lambda o: o.tenant_job_lost(), {"unusual_steps_total": {"kind": "lost"}}, False, None),
        (lambda o: o.job_changed(JOB.id), {}, True, None),
        (lambda o: o.job_ended(JOB, DONE), {"jobs_ended_total": {"outcome": "done"}}, True, "job complete"),
        (lambda o: o.job_ended(JOB, REVOKED), {"jobs_ended_total": {"outcome": "revoked"}}, True, "job revoked"),
        (
            lambda o: o.queued_job_revoked(JOB.id, REVOKED),
            {"jobs_ended_total": {"outcome": "revoked"}},
            True,
            "queued job revoked",
        ),
        (
            lambda o: o.step_is_slow(JOB, JOB.steps[0], Problem(message="longer than ever")),
            {"unusual_steps_total": {"kind": "slow"}},
            False,
            "the step takes unusually long",
        ),
        (lambda o: o.job_aborted(JOB, ["d-1.0.0"]), {"jobs_ended_total": {"outcome": "aborted"}}, True, "job aborted"),
        (
            lambda o: o.job_removed(JOB),
            {"jobs_ended_total": {"outcome": "aborted"}},
            False,
            "job aborted: it was removed with its tenant",
        ),
        (lambda o: o.job_lost(JOB), {}, False, "job is no longer owned by this worker"),
        (lambda o: o.job_given_back(JOB), {}, True, "job released, because the worker is stopping"),
        (
            lambda o: o.job_republished(REF),
            {"jobs_republished_total": {}},
            False,
            "the message about a job is sent again",
        ),
        (
            lambda o: o.callback_attempted(JOB, CallbackOutcome.FAILED, "answered 500"),
            {"callbacks_total": {"outcome": "failed"}},
            False,
            "callback",
        ),
    ],
)
def test_a_hook_counts_wakes_and_logs(
    call: Callable[[JobObserver], None], counted: dict[str, Any], woken: bool, line: str | None
) -> None:
    seen = Observed(call)
    assert seen.counted == counted
    assert seen.woken == ([JOB.id] if woken else [])
    assert [entry["event"] for entry in seen.lines] == ([] if line is None else [line])
    assert all(entry["job"] == JOB.id for entry in seen.lines)


def test_a_job_that_a_worker_carried_to_its_end_is_timed() -> None:
    seen = Observed(lambda o: o.job_ended(JOB, DONE, 2.0))
    assert seen.counted["job_seconds_sum"] == {"kind": "install", "outcome": "done"}
    assert seen.counted["job_seconds_bucket"]["le"] == "2.5"


def ended_step(job: Job, status: StepStatus) -> Observed:
    step = replace(job.steps[0], status=status, started=10.0, ended=10.2)
    return Observed(lambda o: o.step_ended(step))


@pytest.mark.parametrize(("status", "outcome"), [(StepStatus.DONE, "done"), (StepStatus.ERROR, "error")])
def test_a_step_is_counted_by_its_product_and_timed(status: StepStatus, outcome: str) -> None:
    seen = ended_step(JOB, status)
    assert seen.counted["steps_total"] == {"module": "d", "action": "enable", "outcome": outcome}
    assert seen.counted["module_seconds_total"] == {"module": "d", "action": "enable"}
    assert seen.counted["step_seconds_bucket"] == {"action": "enable", "outcome": outcome, "le": "0.25"}
    assert (seen.woken, seen.lines) == ([], [])


def test_modules_beyond_the_number_that_is_counted_one_by_one_are_counted_together() -> None:
    named = replace(JOB.steps[0], change=Change(id="m" * 900 + "-1.0.0"), status=StepStatus.DONE)
    seen = Observed(lambda o: o.step_ended(named))
    assert seen.counted["steps_total"]["module"] == "other"
