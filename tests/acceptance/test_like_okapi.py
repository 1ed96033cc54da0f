"""The recordings of a real Okapi and the real registry, played against a server of ours as black boxes."""

from __future__ import annotations

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


def played(program: Path, *arguments: str) -> str:
    """What the program printed; it must have ended well."""
    command = [sys.executable, str(program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


def test_every_recorded_scenario_is_answered_as_okapi_does_and_real_releases_install(
    shared: Path, server: Embedded
) -> None:
    printed = played(shared / "conformance" / "conform.py", "check", "--server", server.url)
    assert printed.splitlines()[-1].endswith(" 0 failed")
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
