"""What the live table shows of a job, and what the words around it say."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from okapi_install.cli.live_table import LiveJob, choose_rows, fraction, hidden_text, note
from okapi_install.cli.wording import duration, outcome, plan_summary, problem_lines, problem_text
from okapi_install.client.progress import JobProgress, ModuleProgress


def module(number: int, status: str | None = None, **fields: Any) -> ModuleProgress:
    return replace(ModuleProgress(id=f"mod-{number:03}-1.0.0", status=status), **fields)


def job(*modules: ModuleProgress, **fields: Any) -> JobProgress:
    plain = JobProgress(
        id="j", tenant="diku", kind="install", status="running", complete=False, modules=modules, detailed=True
    )
    return replace(plain, **fields)


def drawn(shown: JobProgress, *, height: int = 30, width: int = 110) -> list[str]:
    console = Console(file=StringIO(), force_terminal=True, color_system=None, width=width, height=height)
    table = LiveJob(console)
    table.show(shown)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@given(st.lists(st.sampled_from([None, "running", "done", "error"]), max_size=60), st.integers(3, 40))
def test_rows_fit_and_keep_the_order_of_the_plan(statuses: list[str | None], most: int) -> None:
    modules = [module(number, status) for number, status in enumerate(statuses)]
    shown = choose_rows(modules, most)
    assert len(shown) <= most
    assert shown == [m for m in modules if m in shown]
    assert bool(hidden_text(modules, shown)) == (len(shown) < len(modules))


@given(st.lists(st.sampled_from([None, "running", "done", "error"]), min_size=21, max_size=60))
def test_nothing_else_is_shown_while_a_failed_or_running_module_is_hidden(statuses: list[str | None]) -> None:
    modules = [module(number, status) for number, status in enumerate(statuses)]
    shown = choose_rows(modules, 20)
    urgent = [m for m in modules if m.status in ("error", "running")]
    assert all(m in shown for m in urgent) or all(m in urgent for m in shown)


def test_what_is_hidden_is_counted() -> None:
    modules = [module(1, "done"), module(2, "done"), module(3), module(4, "error"), module(5, "running")]
    assert hidden_text(modules, []) == "and 5 modules more: 1 failed, 1 running, 1 not started, 2 done"
    assert hidden_text(modules, modules) == ""


@pytest.mark.parametrize("height", [8, 24, 50])
def test_the_table_never_is_higher_than_the_screen(height: int) -> None:
    modules = [module(number, "done" if number < 70 else None) for number in range(140)]
    assert len(drawn(job(*modules), height=height)) < height


def test_an_estimate_is_told_and_moves_the_bar() -> None:
    running = job(
        module(1, "running", seconds=3.0, expected=4.0), seconds=3.0, remaining=9.0, estimate="about 10 s left"
    )
    assert fraction(running) == 0.25
    assert fraction(replace(running, seconds=1e9)) == 0.99
    lines = drawn(running)
    assert "about 10 s left" in lines[0]
    assert any("of about 4.0 s" in line for line in lines)


def test_the_figure_does_not_count_down_between_two_responses() -> None:
    now = [0.0]
    console = Console(file=StringIO(), force_terminal=True, color_system=None, width=110, get_time=lambda: now[0])
    table = LiveJob(console)
    table.show(job(module(1, "running"), seconds=1.0, remaining=5.0, estimate="about 5 s left"))
    now[0] = 60.0
    console.print(table)
    assert isinstance(console.file, StringIO)
    assert "about 5 s left" in console.file.getvalue()
    assert "nearly done" not in console.file.getvalue()


def test_without_an_estimate_modules_are_counted() -> None:
    assert fraction(job(module(1, "done"), module(2, "error"), module(3), module(4))) == 0.5
    assert fraction(job()) == 0.0
    assert fraction(job(complete=True)) == 1.0


def test_the_bar_never_goes_back() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100)
    table = LiveJob(console)
    for remaining in (1.0, 50.0):
        table.show(job(module(1, "running"), seconds=9.0, remaining=remaining))
        console.print(table)
    assert table._furthest == pytest.approx(0.9, abs=0.05)


def test_a_row_says_what_to_know() -> None:
    assert note(module(1, "error", message="no\n  space")).plain == "no space"
    assert note(module(1, "error", errors=({"message": "e", "code": "7"},))).plain == "e [7]"
    assert note(module(1, "done", warnings=({"message": "w"},))).plain == "1 warning"
    assert note(module(1, "running", expected=2.0, slow=True)).plain == "slow: it took 2.0 s before"
    assert note(module(1)).plain == ""


def test_a_console_without_unicode_gets_plain_marks() -> None:
    class Ascii(StringIO):
        encoding = "ascii"

    console = Console(file=Ascii(), force_terminal=True, color_system=None, width=100, height=30)
    table = LiveJob(console)
    table.show(job(module(1, "done"), module(2, "running"), module(3)))
    console.print(table)
    assert isinstance(console.file, Ascii)
    console.file.getvalue().encode("ascii")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0, "0.0 s"), (12.34, "12.3 s"), (59.96, "1:00"), (185, "3:05"), (3723, "1:02:03"), (-1, "0.0 s")],
)
def test_times_are_short(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_problem_in_one_line_has_parameters_and_code() -> None:
    problem = {"message": "m", "code": "C", "parameters": [{"key": "a", "value": "1"}, "odd"]}
    assert problem_text(problem) == "m (a: 1) [C]"
    assert problem_text({}) == ""


def test_the_outcome_is_one_sentence() -> None:
    ended = job(module(1, "done"), module(2, "error"), status="error", complete=True, seconds=61.0, message="no")
    assert "install of diku failed" in outcome(ended)
    assert "in 1:01: 1 of 2 modules done, 1 failed (job j)" in outcome(ended)
    assert "in 1:01 (2:00 since the first start): 1 of 2" in outcome(replace(ended, total=120.0))
    aborted = job(status="error", complete=True, reason="aborted", message="aborted by ops")
    assert "aborted" in outcome(aborted)
    assert "aborted by ops" in outcome(aborted)


def test_okapis_message_is_not_told_twice() -> None:
    failed = module(1, "error", message="no space", errors=({"message": "no space"},))
    assert sum("no space" in line for line in problem_lines(failed)) == 1


def test_an_empty_plan_has_nothing_to_do() -> None:
    assert plan_summary([], "diku") == "0 modules of tenant diku: nothing to do."
