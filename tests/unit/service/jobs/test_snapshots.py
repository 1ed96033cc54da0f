"""A job at one moment: states, counts, times, what is slow; one value for API and page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from okapi_install.domain.jobs import (
    Change,
    EndReason,
    InstallOptions,
    Job,
    JobKind,
    JobStatus,
    Problem,
    Step,
    StepStatus,
)
from okapi_install.domain.presentation.states import ModuleCounts, State
from okapi_install.service.jobs.estimates import Estimate, EstimateKind
from okapi_install.service.jobs.snapshots import SnapshotService, snapshot_of, summary_of
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.ports import Durations
from okapi_install.web.job_views import job_view
from okapi_install.web.page.views import JobPageView
from okapi_install.web.standing import estimate_text
from tests.contract.builders import submit
from tests.fakes.fake_clock import FakeClock
from tests.fakes.memory_store import MemoryStore

NOW = 1_000_000.0
USUAL = Durations(count=3, mean=10.0, longest=20.0)


def job(*statuses: StepStatus | None, status: JobStatus = JobStatus.RUNNING, reason: EndReason | None = None) -> Job:
    """A job that started a minute ago, with a step in each of these statuses."""
    return Job(
        id="job",
        tenant="diku",
        kind=JobKind.INSTALL,
        status=status,
        options=InstallOptions(),
        request=(),
        steps=tuple(Step(pos=pos, change=Change(id=f"mod-{pos}-1.0.0"), status=it) for pos, it in enumerate(statuses)),
        created=NOW - 90,
        started=NOW - 60,
        ended=NOW - 10 if status in (JobStatus.DONE, JobStatus.ERROR) else None,
        reason=reason,
    )


def states(found: Job) -> tuple[State, ...]:
    return summary_of(found, NOW).step_states


@pytest.mark.parametrize(
    ("status", "reason", "state"),
    [
        (JobStatus.QUEUED, None, State.WAITING),
        (JobStatus.RUNNING, None, State.RUNNING),
        (JobStatus.ABORTING, None, State.ABORTING),
        (JobStatus.DONE, None, State.DONE),
        (JobStatus.ERROR, EndReason.FAILED, State.FAILED),
        (JobStatus.ERROR, EndReason.UNPLANNABLE, State.FAILED),
        (JobStatus.ERROR, EndReason.ABORTED, State.STOPPED),
        (JobStatus.ERROR, EndReason.REVOKED, State.STOPPED),
    ],
)
def test_a_job_that_was_stopped_has_not_failed(status: JobStatus, reason: EndReason | None, state: State) -> None:
    assert summary_of(job(status=status, reason=reason), NOW).state is state


def test_a_module_whose_turn_did_not_come_is_not_run_once_the_job_has_ended() -> None:
    assert states(job(StepStatus.RUNNING, None)) == (State.RUNNING, State.NOT_STARTED)
    ended = job(StepStatus.DONE, StepStatus.ERROR, None, status=JobStatus.ERROR, reason=EndReason.FAILED)
    assert states(ended) == (State.DONE, State.FAILED, State.NOT_RUN)


@pytest.mark.parametrize(
    ("code", "reason", "state"),
    [
        ("aborted", EndReason.ABORTED, State.STOPPED),
        ("cut_short", EndReason.REVOKED, State.STOPPED),
        ("aborted", EndReason.FAILED, State.FAILED),  # the module's own code
        ("boom", EndReason.ABORTED, State.FAILED),  # it had failed before the abort
    ],
)
def test_a_module_is_stopped_if_the_end_of_the_job_cut_it_short(code: str, reason: EndReason, state: State) -> None:
    found = job(StepStatus.ERROR, status=JobStatus.ERROR, reason=reason)
    cut = replace(found.steps[0], errors=(Problem(message="first"), Problem(message="last", code=code)))
    assert states(replace(found, steps=(cut,))) == (state,)


def test_modules_are_counted_by_state_and_by_status() -> None:
    found = job(StepStatus.DONE, StepStatus.DONE, StepStatus.RUNNING, StepStatus.ERROR, None)
    counts = ModuleCounts.of_job(found)
    assert counts.count(State.DONE, State.NOT_STARTED) == 3
    assert counts.count(State.NOT_RUN) == 0
    assert counts.by_status == {"total": 5, "running": 1, "done": 2, "error": 1}


def test_a_stopped_module_has_the_status_error_but_is_not_counted_as_failed() -> None:
    found = job(StepStatus.ERROR, status=JobStatus.ERROR, reason=EndReason.ABORTED)
    cut = replace(found.steps[0], errors=(Problem(message="aborted", code="aborted"),))
    counts = ModuleCounts.of_job(replace(found, steps=(cut,)))
    assert (counts.count(State.FAILED), counts.by_status["error"]) == (0, 1)


def test_a_module_that_needs_a_failed_one_is_skipped_and_not_failed() -> None:
    found = job(StepStatus.ERROR, StepStatus.ERROR, StepStatus.ERROR)
    needs = (Problem(message="requires mod-0", code="needs_failed_module"),)
    skipped, own = replace(found.steps[1], errors=needs), replace(found.steps[2], errors=needs, started=NOW)
    found = replace(found, steps=(found.steps[0], skipped, own))
    assert states(found) == (State.FAILED, State.SKIPPED, State.FAILED)
    assert (ModuleCounts.of_job(found).count(State.FAILED), ModuleCounts.of_job(found).by_status["error"]) == (2, 3)


def test_after_a_retry_the_time_since_the_first_start_is_known_too() -> None:
    again = summary_of(replace(job(), first_started=NOW - 600, retries=1), NOW)
    assert (again.elapsed, again.total_elapsed) == (60.0, 600.0)


def test_warnings_are_counted_with_the_modules() -> None:
    found = job(StepStatus.DONE, StepStatus.DONE)
    warned = replace(found.steps[0], warnings=(Problem(message="one"), Problem(message="two")))
    assert ModuleCounts.of_job(replace(found, steps=(warned, found.steps[1]))).warnings == 2


def test_time_goes_on_until_the_end_and_is_never_negative() -> None:
    running, ended = summary_of(job(), NOW), summary_of(job(status=JobStatus.DONE), NOW)
    assert (running.elapsed, running.ticking) == (60.0, True)
    assert (ended.elapsed, ended.ticking) == (50.0, False)
    waiting = summary_of(replace(job(), started=None), NOW)
    assert (waiting.elapsed, waiting.ticking) == (None, False)
    assert summary_of(replace(job(), started=NOW + 5), NOW).elapsed == 0.0


@pytest.mark.parametrize(
    ("status", "running_for", "slow"),
    [
        (StepStatus.RUNNING, 23.0, False),
        (StepStatus.RUNNING, 23.1, True),  # longer than the longest, by a tenth and a second
        (StepStatus.DONE, 23.1, False),
    ],
)
def test_a_module_is_slow_while_it_runs_longer_than_its_product_ever_did(
    status: StepStatus, running_for: float, slow: bool
) -> None:
    found = job(status)
    started = replace(found.steps[0], started=NOW - running_for)
    one = snapshot_of(replace(found, steps=(started,)), {0: USUAL}, NOW).steps[0]
    assert (one.slow, one.expected) == (slow, 10.0)


def test_a_module_that_was_never_seen_is_never_slow() -> None:
    found = job(StepStatus.RUNNING)
    one = snapshot_of(replace(found, steps=(replace(found.steps[0], started=0.0),)), {}, NOW).steps[0]
    assert (one.slow, one.expected) == (False, None)


def test_each_module_knows_what_it_waits_for() -> None:
    found = replace(job(None, None, None, None), edges=((1, 3), (0, 3), (0, 1)))
    assert [it.after for it in snapshot_of(found, {}, NOW).steps] == [(), (0,), (), (0, 1)]


@pytest.mark.parametrize(
    ("found", "abort", "retry"),
    [
        (job(None, status=JobStatus.QUEUED), True, False),
        (job(None), True, False),
        (job(None, status=JobStatus.ABORTING), False, False),
        (job(StepStatus.DONE, status=JobStatus.DONE), False, False),
        (job(StepStatus.DONE, None, status=JobStatus.ERROR), False, True),
        (job(StepStatus.DONE, status=JobStatus.ERROR), False, False),
        (job(status=JobStatus.ERROR, reason=EndReason.UNPLANNABLE), False, True),
    ],
)
def test_what_can_be_done_about_a_job(found: Job, abort: bool, retry: bool) -> None:
    summary = summary_of(found, NOW)
    assert (summary.can_abort, summary.can_retry) == (abort, retry)


def test_page_and_api_say_the_same_of_one_snapshot() -> None:
    found = job(StepStatus.DONE, StepStatus.RUNNING, None)
    started = replace(found.steps[1], started=NOW - 60)
    snapshot = snapshot_of(replace(found, steps=(found.steps[0], started, found.steps[2])), {1: USUAL, 2: USUAL}, NOW)
    document, page = job_view(snapshot), JobPageView.of(snapshot)
    words = "overdue: mod-1-1.0.0 runs longer than ever"
    told = {"kind": "overdue", "seconds": None, "overdue": ["mod-1-1.0.0"], "text": words}
    assert (document["remainingSeconds"], document["estimate"], page.line.estimate) == (None, told, words)
    assert document["expectedSeconds"] == 20.0
    rows = sorted(page.rows, key=lambda row: row.pos)
    modules = document["modules"]
    assert isinstance(modules, list)
    assert [module["slow"] for module in modules] == [row.slow for row in rows] == [False, True, False]
    assert [module["expectedSeconds"] for module in modules] == [row.expected for row in rows] == [None, 10, 10]
    assert [module["seconds"] for module in modules] == [row.seconds for row in rows] == [None, 60, None]


def test_only_what_has_changed_since_a_revision_is_told_if_one_is_given() -> None:
    found = job(None, None)
    changed = replace(found, steps=(replace(found.steps[0], revision=4), replace(found.steps[1], revision=5)))
    modules = job_view(snapshot_of(changed, {}, NOW), since=4)["modules"]
    assert isinstance(modules, list)
    assert [module["pos"] for module in modules] == [1]


def test_the_service_reads_the_durations_of_the_jobs_modules() -> None:
    store = MemoryStore()
    store._durations["mod-a", "enable"] = [4.0]
    found = submit(store, "diku", "mod-a-1.0.0", "mod-b-1.0.0")
    snapshot = SnapshotService(TimingsService(store, FakeClock()), lambda: NOW).of(found)
    assert [it.expected for it in snapshot.steps] == [4.0, None]
    assert (snapshot.expected, snapshot.summary.at) == (4.0, NOW)


def test_a_list_reads_the_durations_of_all_its_jobs_at_once_and_none_for_those_that_are_complete() -> None:
    store = MemoryStore()
    reads: list[set[str]] = []

    def durations(products: Collection[str]) -> dict[tuple[str, str], Durations]:
        reads.append(set(products))
        return {(product, "enable"): Durations(count=999, mean=10.0, longest=10.0) for product in products}

    store.durations = durations  # type: ignore[method-assign]
    jobs = [submit(store, tenant, f"mod-{tenant}-1.0.0") for tenant in ("one", "two", "three")]
    jobs[2] = replace(jobs[2], status=JobStatus.DONE)
    found = SnapshotService(TimingsService(store, FakeClock()), lambda: NOW).summaries(jobs)
    assert reads == [{"mod-one", "mod-two"}]
    assert [summary.remaining is not None for summary in found] == [True, True, False]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Estimate(kind=EstimateKind.FIGURE, seconds=180.0), "about 3 min left"),
        (Estimate(kind=EstimateKind.UNKNOWN, unknown=2), "no estimate: 2 modules without earlier runs"),
        (Estimate(kind=EstimateKind.UNCERTAIN), "no estimate: earlier runs differ too much"),
        (
            Estimate(kind=EstimateKind.OVERDUE, overdue=(1, 0)),
            "overdue: mod-1-1.0.0 and 1 other run longer than ever",
        ),
    ],
)
def test_an_estimate_in_words_says_why_there_is_no_figure(told: Estimate, words: str) -> None:
    found = replace(summary_of(job(StepStatus.RUNNING, StepStatus.RUNNING), NOW), estimate=told)
    assert estimate_text(found) == words


def test_the_figure_of_a_job_that_waits_is_that_from_its_start() -> None:
    found = summary_of(job(None, status=JobStatus.QUEUED), NOW, {0: Durations(count=999, mean=90.0, longest=90.0)})
    assert estimate_text(found) == "takes about 2 min once it starts"
