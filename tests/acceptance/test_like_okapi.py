"""The recordings of a real Okapi and the real registry, played against a server of ours as black boxes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.cluster import Embedded

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Embedded]:
    """A fresh server: no tenants but `supertenant`, no modules but its own."""
    embedded = Embedded(tmp_path / "server")
    try:
        yield embedded.start()
    finally:
        embedded.process.end()


OTHERWISE = {"scenarios_5_tokens:record_replace"}
"""Scenarios that are answered in another way than Okapi's: its Location leads nowhere (docs/differences.md)."""


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, when it has ended."""
    command = [sys.executable, str(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


def played(program: Path, *arguments: str) -> str:
    """What the program printed; it must have ended well."""
    done = run(program, *arguments)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


def failed_scenarios(conformance: Path, url: str) -> dict[str, str]:
    """Those of all recordings that the server does not answer as Okapi did, with what differs."""
    files = [*sorted(conformance.glob("scenarios_*.py")), *sorted(conformance.glob("reports/scenarios_*.py"))]
    done = run(conformance / "conform.py", "check", "--server", url, *map(str, files))
    assert " passed, " in done.stdout.splitlines()[-1], done.stdout[-2000:] + done.stderr[-2000:]
    found = re.findall(r"^FAIL (\S+) .*\n((?: .*\n)*)", done.stdout, re.MULTILINE)
    return {name: differences[:2000] for name, differences in found}


def test_every_recorded_scenario_is_answered_as_okapi_does_and_real_releases_install(
    shared: Path, server: Embedded
) -> None:
    failed = failed_scenarios(shared / "conformance", server.url)
    assert failed.keys() == OTHERWISE, failed
    printed = played(shared / "registry" / "release.py", "--server", server.url, "--seconds", "0.05")
    assert printed.splitlines()[-1].endswith("missing: none")


def test_tokens_and_recorded_changes_are_as_okapis_but_for_a_location_that_leads_nowhere(
    shared: Path, server: Embedded
) -> None:
    program, recording = shared / "conformance/conform.py", "reports/scenarios_5_tokens.py"
    command = [sys.executable, str(program), "check", "--server", server.url, recording]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, cwd=program.parent)
    lines = done.stdout.splitlines()
    failed = {line.split()[1] for line in lines if line.startswith("FAIL")}
    differences = [line.strip() for line in lines if line.startswith("  ")]
    assert failed == {"scenarios_5_tokens:record_replace"}, done.stdout
    assert len(differences) == 2
    assert all(": location: " in line for line in differences)


def test_every_plan_over_the_whole_registry_is_okapis_or_better(shared: Path, server: Embedded) -> None:
    printed = played(shared / "resolver" / "check.py", "--server", server.url)
    assert printed.splitlines()[-1] == "300 passed, 0 failed"
