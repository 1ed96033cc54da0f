"""Which modules of a failed job run again, by what a client chooses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import Change, InstallOptions, Job, JobKind, JobStatus, Step, StepStatus
from okapi_install.domain.planning.retries import RetryChoice, RetryPlan, choice_words, held_back, retry_plan
from okapi_install.domain.presentation.states import State, step_state

NAMES = "abcdef"


def _job(done: str = "", failed: str = "", edges: str = "ab bc bd") -> Job:
    statuses = dict.fromkeys(done, StepStatus.DONE) | dict.fromkeys(failed, StepStatus.ERROR)
    steps = [Step(pos=pos, change=Change(id=name), status=statuses.get(name)) for pos, name in enumerate(NAMES)]
    return Job(
        id="job-1",
        tenant="diku",
        kind=JobKind.INSTALL,
        status=JobStatus.ERROR,
        options=InstallOptions(),
        request=None,
        steps=tuple(steps),
        edges=tuple((NAMES.index(edge[0]), NAMES.index(edge[1])) for edge in edges.split()),
        created=1.0,
    )


def _names(plan: RetryPlan) -> tuple[str, dict[str, str], str]:
    skipped = {NAMES[pos]: why for pos, why in plan.skipped.items()}
    return "".join(NAMES[pos] for pos in plan.run), skipped, "".join(NAMES[pos] for pos in plan.left)


def _choice(modules: str = "", skip: str = "", **more: Any) -> RetryChoice:
    return RetryChoice(modules=frozenset(modules), skip=frozenset(skip), **more)


def test_without_a_choice_everything_runs_that_is_not_done() -> None:
    assert _names(retry_plan(_job("a", "b"), RetryChoice())) == ("bcdef", {}, "")


def test_a_skipped_module_takes_those_along_that_require_it() -> None:
    plan = retry_plan(_job("a", "b"), _choice(skip="b"))
    assert _names(plan) == ("ef", {"b": "b", "c": "b", "d": "b"}, "")


def test_the_operator_may_run_them_without_what_they_require() -> None:
    plan = retry_plan(_job("a", "b"), _choice(skip="b", anyway=True))
    assert _names(plan) == ("cdef", {"b": "b"}, "")
    assert [(NAMES[later], NAMES[before]) for later, before in plan.unmet] == [("c", "b"), ("d", "b")]


def test_only_some_run_and_the_others_stay() -> None:
    assert _names(retry_plan(_job("a", "b"), _choice("b"))) == ("b", {}, "cdef")
    assert _names(retry_plan(_job("a", "bf"), _choice(failed=True))) == ("bf", {}, "cde")
    assert _names(retry_plan(_job("a", "b"), _choice("be", skip="e"))) == ("b", {"e": "e"}, "cdf")


def test_a_module_is_not_run_against_a_missing_requirement_unless_that_is_wanted() -> None:
    with pytest.raises(UserError, match="c requires b: what is required is not done .* or send anyway=true"):
        retry_plan(_job("a", "b"), _choice("c"))
    assert _names(retry_plan(_job("a", "b"), _choice("c", anyway=True)))[0] == "c"
    assert _names(retry_plan(_job("ab"), _choice("c")))[0] == "c"


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (_choice("a"), "a is done already"),
        (_choice(skip="x"), "x is not a module of job job-1"),
        (_choice(skip="bef"), "No module of job job-1 would run"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_with_what_to_change(choice: RetryChoice, words: str) -> None:
    with pytest.raises(UserError, match=words):
        retry_plan(_job("a", "b"), choice)


def test_a_skipped_step_says_who_wanted_that_and_one_that_stays_keeps_its_error() -> None:
    job = _job("a", "be")
    plan = retry_plan(job, _choice("f", skip="b"))
    skipped, dependent = (held_back(job.steps[pos], plan, "night-shift") for pos in (1, 2))
    assert (skipped.message, skipped.held, skipped.status) == ("Skipped by night-shift", True, StepStatus.ERROR)
    assert dependent.message == "Skipped: requires b, which was skipped"
    assert [step_state(step, job) for step in (skipped, dependent)] == [State.SKIPPED] * 2
    stays = held_back(replace(job.steps[4], message="boom"), plan, None)
    assert (stays.message, stays.held, stays.status) == ("boom", True, StepStatus.ERROR)


def test_the_history_says_what_was_chosen() -> None:
    job = _job("a", "b")
    for choice, words in (
        (RetryChoice(), None),
        (_choice("b"), "only b"),
        (_choice(skip="b"), "without b, c, d"),
        (_choice("ef", skip="b"), "only e, f, without b, c, d"),
    ):
        assert choice_words(job, choice, retry_plan(job, choice)) == words


@given(
    done=st.sets(st.sampled_from(NAMES)),
    modules=st.sets(st.sampled_from(NAMES)),
    skip=st.sets(st.sampled_from(NAMES)),
    failed=st.booleans(),
    anyway=st.booleans(),
)
def test_nothing_runs_against_a_missing_requirement_and_every_module_is_accounted_for(
    done: set[str], modules: set[str], skip: set[str], failed: bool, anyway: bool
) -> None:
    job = _job("".join(done), "b" if "b" not in done else "")
    choice = RetryChoice(modules=frozenset(modules - done), skip=frozenset(skip - done), failed=failed, anyway=anyway)
    try:
        plan = retry_plan(job, choice)
    except UserError:
        return
    run, left = set(plan.run), set(plan.left)
    open_positions = {step.pos for step in job.steps if step.status is not StepStatus.DONE}
    assert run | set(plan.skipped) | left == open_positions
    assert len(run) + len(plan.skipped) + len(left) == len(open_positions)
    missing = {(later, before) for before, later in job.edges if later in run and before in open_positions - run}
    assert missing == set(plan.unmet)
    assert anyway or not missing
