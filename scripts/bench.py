"""`make bench`: the workloads beside the checkout, against PostgreSQL, Redis and two workers; the table of figures.

The workloads are in ../shared/bench; without them there is nothing to run. Timings belong here and never into tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.servers import running_cluster

SHARED = Path(__file__).resolve().parents[2] / "shared"
PLAIN = {"OKAPI_INSTALL_LEASE_SECONDS": "15", "OKAPI_INSTALL_BEAT_SECONDS": "3", "OKAPI_INSTALL_SWEEP_SECONDS": "2"}

Result = Mapping[str, float]
ROWS: tuple[tuple[str, str, str, float, bool], ...] = (
    ("overhead, ms per module", "overhead", "ms per module", 3.5, False),
    ("overshoot of tenant jobs, sum in s", "overshoot", "sum", 0.2, False),
    ("the same, polled", "overshoot", "polled sum", 0.5, False),
    ("platform, time / critical path", "platform", "ratio", 1.25, False),
    ("fleet, modules per s", "fleet", "modules per second", 600, True),
    ("waiting, time / 5 s", "waiting", "ratio to 5 s", 1.3, False),
    ("accept, median ms", "accept", "median ms", 40, False),
    ("resolve the platform, median ms", "resolve", "median ms", 15, False),
    ("status, median ms", "status", "median ms", 1.5, False),
)
"""Label, workload, field, target, and whether more is better."""


def table(results: Mapping[str, Result]) -> str:
    """The figures as a Markdown table."""
    lines = ["| workload | to reach | measured | |", "|---|---|---|---|"]
    for label, workload, field, goal, more in ROWS:
        value = results.get(workload, {}).get(field)
        if value is None:
            continue
        reached = value >= goal if more else value <= goal
        wanted = "at least" if more else "at most"
        lines.append(f"| {label} | {wanted} {goal:g} | {value:g} | {'reached' if reached else 'NOT reached'} |")
    return "\n".join(lines)


def measure(url: str, workloads: list[str]) -> dict[str, Result]:
    """The results of the workloads, run against a server."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.json"
        command = [sys.executable, str(SHARED / "bench" / "bench.py"), "--server", url, "--json", str(out), *workloads]
        subprocess.run(command, check=False, timeout=1200)  # noqa: S603 - the bench, as its user calls it
        found: dict[str, Result] = json.loads(out.read_text())
        return found


def main(arguments: list[str], show: Callable[[str], None]) -> int:
    """Runs the bench and shows the table. The exit code is 0 unless the workloads are missing."""
    if not (SHARED / "bench" / "bench.py").is_file():
        show("there is no ../shared/bench beside the checkout: nothing to run")
        return 0
    with running_cluster(PLAIN, workers=2) as cluster:
        show(table(measure(cluster.url(), arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], print))
