"""The alert rules, run by Prometheus' own test tool: when each fires, with which labels and words, and when not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.fixtures.parts import ROOT, missing

RULES, TESTS = ROOT / "config/prometheus-alerts.yml", ROOT / "tests/fixtures/alerts.yml"


def promtool(*arguments: str | Path) -> str:
    """Its output; the test fails if it does."""
    program = shutil.which("promtool")
    if program is None:
        missing("there is no promtool (Debian: prometheus)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tests beside the rules, as promtool wants them."""
    shutil.copy(RULES, tmp_path / "alerts-under-test.yml")
    shutil.copy(TESTS, tmp_path / TESTS.name)
    return tmp_path


def test_the_rules_are_rules_of_prometheus() -> None:
    assert "SUCCESS" in promtool("check", "rules", RULES)


def test_each_alert_fires_when_it_should_and_only_then(folder: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", folder / TESTS.name)


def test_every_alert_is_tested_to_fire_and_to_stay_silent() -> None:
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]}
    checks = [check for test in yaml.safe_load(TESTS.read_text("utf-8"))["tests"] for check in test["alert_rule_test"]]
    for fires in (True, False):
        assert {check["alertname"] for check in checks if bool(check["exp_alerts"]) is fires} == alerts
