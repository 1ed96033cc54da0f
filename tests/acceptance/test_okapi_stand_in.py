"""The stand-in for an Okapi, held to the recordings of a real one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.okapi_stand_in import OkapiStandIn


@pytest.mark.parametrize(
    ("scenarios", "apart"),
    [("record_", {"scenarios_5_tokens:record_announces_nothing"}), ("registry_", set())],
)
def test_the_stand_in_records_changes_and_lists_modules_as_okapi_does(
    shared: Path, stand_in: OkapiStandIn, scenarios: str, apart: set[str]
) -> None:
    """It calls no modules: the one scenario apart has calls in its preparation."""
    program = shared / "conformance/conform.py"
    command = [sys.executable, str(program), "check", "--server", stand_in.url, "--only", scenarios]
    recording = "reports/scenarios_5_tokens.py"
    done = subprocess.run(
        [*command, recording], capture_output=True, text=True, timeout=100, check=False, cwd=program.parent
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {words[1] for words in lines if words[0] == "FAIL"} == apart, done.stdout
    assert any(words[0] == "ok" for words in lines), done.stdout + done.stderr
