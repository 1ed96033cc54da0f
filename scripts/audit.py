"""`make audit`: lists known vulnerabilities of the installed packages with pip-audit, and the packages not audited.

pip-audit alone would report no vulnerabilities if its source knows none of the packages, for instance behind a mirror.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SECONDS = 600
_SHOWN = 10
_UNREACHABLE = "The source of vulnerabilities cannot be reached from here, so nothing was audited"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result of an audit: lines for a person, and whether it failed."""

    lines: list[str] = field(default_factory=list)
    failed: bool = False


def verdict(report: str, complaint: str) -> Verdict:
    """The verdict for pip-audit's JSON report ("" if there is none) and its standard error."""
    dependencies = _dependencies(report)
    audited = [d for d in dependencies if "skip_reason" not in d]
    if not audited:
        errors = [line for line in complaint.splitlines() if line.startswith(("ERROR", "no answer"))]
        return Verdict(lines=[f"{_UNREACHABLE}: {errors[-1] if errors else 'it knows none of the packages'}"])
    found = [f"{d['name']} {d['version']}: {_told(one)}" for d in audited for one in d["vulns"]]
    skipped = [d["name"] for d in dependencies if "skip_reason" in d]
    lines = found or [f"No known vulnerabilities in {len(audited)} packages."]
    if skipped:
        more = f" and {len(skipped) - _SHOWN} more" if len(skipped) > _SHOWN else ""
        lines.append(f"Not audited, since the source does not know them: {', '.join(skipped[:_SHOWN])}{more}")
    return Verdict(lines=lines, failed=bool(found))


def _dependencies(report: str) -> Sequence[dict[str, Any]]:
    try:
        found = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return []
    return [d for d in found if isinstance(d, dict)] if isinstance(found, list) else []


def _told(vulnerability: dict[str, Any]) -> str:
    fixed = ", ".join(vulnerability.get("fix_versions") or ())
    return f"{vulnerability['id']}, {f'fixed in {fixed}' if fixed else 'not fixed yet'}"


def main() -> int:
    """Audits the environment of this Python. The exit code is 1 if vulnerabilities were found."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = [
            "--local",
            "--skip-editable",
            "--progress-spinner",
            "off",
            "--format",
            "json",
            "--output",
            str(report),
        ]
        command = [sys.executable, "-m", "pip_audit", *options]
        try:
            done = subprocess.run(  # noqa: S603 - no argument comes from outside
                command, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
            complaint = done.stderr
        except subprocess.TimeoutExpired:
            complaint = f"no response within {_SECONDS} s"
        given = verdict(report.read_text(encoding="utf-8") if report.exists() else "", complaint)
    print("\n".join(given.lines))
    return 1 if given.failed else 0


if __name__ == "__main__":
    sys.exit(main())
