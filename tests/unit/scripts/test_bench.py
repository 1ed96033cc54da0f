"""The tables of `make bench`."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil

from scripts.bench import ROWS, table
from scripts.processor_time import Spent, seconds_of


def test_targets_follow_the_yardstick_of_the_machine() -> None:
    """A machine that is half as fast may take twice the time, and do half as much."""
    slow = {row.workload: row.target(1.0) for row in ROWS if row.machine}
    fast = {row.workload: row.target(0.5) for row in ROWS if row.machine}

    assert fast["overhead"] == slow["overhead"] / 2
    assert fast["fleet"] == slow["fleet"] * 2


def test_the_table_says_what_is_reached() -> None:
    """More is better for modules per second, less for everything else. Workloads that were not run have no line."""
    lines = table(
        {
            "machine": {"median ms": 0.5},
            "fleet": {"modules per second": 900.0},
            "status": {"median ms": 1.1},
        }
    ).splitlines()[2:]

    assert lines == [
        "| fleet, modules per s | at least 833 | 900 | reached |",
        "| status, median ms | at most 1 | 1.1 | NOT reached |",
    ]


def test_the_api_is_measured_by_the_job_and_the_rest_by_the_module() -> None:
    """As a job costs the API once, however many modules it has."""
    spent = Spent(parts={"workers": 12.0, "API": 3.0}, jobs=600, modules=10, seconds=10.0)

    assert (spent.milliseconds("workers"), spent.milliseconds("API")) == (2.0, 5.0)
    assert "| API, a job | at most 3 | 5.00 |" in spent.table()


def test_the_time_of_children_that_have_ended_is_counted() -> None:
    """PostgreSQL's processes end with their connections."""
    before = seconds_of([os.getpid()])
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    used = psutil.Process().cpu_times()

    assert seconds_of([os.getpid()]) - before > 0
    assert seconds_of([os.getpid()]) >= used.children_user
