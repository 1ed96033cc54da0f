"""`make bench`: the workloads beside the checkout, against PostgreSQL, Redis and two workers; the tables of figures.

Many targets are multiples of the machine's yardstick (the workload `machine`), so that figures of different days and
machines can be compared. Ours are the workloads `cpu` (processor time by part), `growth` and `rollouts`. The last two
run alone; see scripts/growth.py and scripts/rollouts.py. The others are in ../shared/bench; without them there is
nothing to run. Timings belong here and never into tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.growth import grow
from scripts.processor_time import spent_by_a_fleet
from scripts.rollouts import roll_out
from scripts.servers import PLAIN, running_site

SHARED = Path(__file__).resolve().parents[2] / "shared"

CPU, GROWTH, ROLLOUTS = "cpu", "growth", "rollouts"

Result = Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A line of the table. The target is `goal`, in units of the yardstick if `machine` is set."""

    label: str
    workload: str
    field: str
    goal: float
    machine: bool = False
    more: bool = False

    def target(self, machine: float) -> float:
        """The target on a machine whose yardstick is `machine` ms."""
        if not self.machine:
            return self.goal
        return 1000 / (self.goal * machine) if self.more else self.goal * machine


ROWS: tuple[Row, ...] = (
    Row(label="overhead, ms per module", workload="overhead", field="ms per module", goal=3.5, machine=True),
    Row(label="overshoot of tenant jobs, sum in s", workload="overshoot", field="sum", goal=0.15),
    Row(label="the same, polled", workload="overshoot", field="polled sum", goal=0.25),
    Row(label="platform, time / critical path", workload="platform", field="ratio", goal=1.17),
    Row(label="fleet, modules per s", workload="fleet", field="modules per second", goal=2.4, machine=True, more=True),
    Row(label="waiting, time / 5 s", workload="waiting", field="ratio to 5 s", goal=1.25),
    Row(label="accept, median ms", workload="accept", field="median ms", goal=80, machine=True),
    Row(label="resolve the platform, median ms", workload="resolve", field="median ms", goal=15, machine=True),
    Row(label="status, median ms", workload="status", field="median ms", goal=2, machine=True),
)
"""What to reach. A goal of modules per second is given as milliseconds per module, in units of the yardstick."""


def table(results: Mapping[str, Result]) -> str:
    """The figures as a Markdown table."""
    machine = results["machine"]["median ms"]
    lines = [f"| workload (machine: {machine:g} ms) | to reach | measured | |", "|---|---|---|---|"]
    for row in ROWS:
        value = results.get(row.workload, {}).get(row.field)
        if value is None:
            continue
        goal = row.target(machine)
        reached = value >= goal if row.more else value <= goal
        wanted = "at least" if row.more else "at most"
        lines.append(f"| {row.label} | {wanted} {goal:.3g} | {value:g} | {'reached' if reached else 'NOT reached'} |")
    return "\n".join(lines)


def measure(url: str, workloads: list[str]) -> dict[str, Result]:
    """The results of the workloads, run against a server."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.json"
        command = [sys.executable, str(SHARED / "bench" / "bench.py"), "--server", url, "--json", str(out)]
        command += ["machine", *workloads] if workloads else []
        subprocess.run(command, check=False, timeout=1200)  # noqa: S603 - the bench, as its user calls it
        found: dict[str, Result] = json.loads(out.read_text())
        return found


def main(arguments: list[str], show: Callable[[str], None]) -> int:
    """Runs the bench and shows the table. The exit code is 0 unless the workloads are missing."""
    if arguments[:1] == [ROLLOUTS]:
        roll_out(arguments[1:], show)
        return 0
    if not (SHARED / "bench" / "bench.py").is_file():
        show("there is no ../shared/bench beside the checkout: nothing to run")
        return 0
    if arguments[:1] == [GROWTH]:
        grow(arguments[1:], show)
        return 0
    workloads = [name for name in arguments if name != CPU]
    with running_site(PLAIN, workers=2) as site:
        if workloads or not arguments:
            show(table(measure(site.cluster.url(), workloads)))
        if CPU in arguments or not arguments:
            show(spent_by_a_fleet(site).table())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], print))
