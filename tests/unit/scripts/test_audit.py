"""`make audit`: what pip-audit reports, and that silence is not taken for a good report."""

from __future__ import annotations

import json

import pytest

from scripts.audit import verdict

FLAW = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
SKIPPED = {"name": "inner", "skip_reason": "Dependency not found on PyPI and could not be audited: inner (1.0)"}


def report(*dependencies: object) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


def test_a_known_vulnerability_fails_with_its_package_and_the_remedy() -> None:
    given = verdict(report({"name": "flask", "version": "1.0", "vulns": [FLAW, {"id": "X", "fix_versions": []}]}), "")
    assert given.failed
    assert given.lines == ["flask 1.0: PYSEC-1, fixed in 2.0", "flask 1.0: X, not fixed yet"]


def test_no_vulnerability_is_told_with_what_was_not_audited() -> None:
    given = verdict(report({"name": "flask", "version": "3.0", "vulns": []}, SKIPPED), "")
    assert not given.failed
    assert given.lines == [
        "No known vulnerabilities in 1 packages.",
        "Not audited, since the source does not know them: inner",
    ]


@pytest.mark.parametrize("said", ["", "{", "[]", "{}", report(), report(SKIPPED, SKIPPED)])
def test_a_source_that_cannot_be_reached_is_said_to_be_and_fails_nothing(said: str) -> None:
    given = verdict(said, "WARNING: x\nERROR: Could not connect to the vulnerability feed\n" if not said else "")
    assert not given.failed
    (line,) = given.lines
    assert line.startswith("The source of vulnerabilities cannot be reached from here, so nothing was audited: ")
    assert ("Could not connect" in line) is (not said)
