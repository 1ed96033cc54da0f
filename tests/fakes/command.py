"""Runs the command as a person or a script does: as a child process, in a pipe or in a pseudo-terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import pexpect
from click.testing import CliRunner

from okapi_install.cli.main import main

PATIENCE = 60


def environment(url: str = "", **more: str) -> dict[str, str]:
    """Without the caller's settings; UTF-8, and no colours that a test would trip over."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OKAPI", "CELERY"))}
    found = kept | {"PYTHONUTF8": "1", "TERM": "xterm", "COLUMNS": "120", "LINES": "40"} | more
    return found | ({"OKAPI_URL": url} if url else {})


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it printed where."""

    returncode: int
    stdout: str
    stderr: str


def run_command(*arguments: str, url: str = "", given: str = "", env: Mapping[str, str] | None = None) -> Done:
    """Runs it in this process, as in a pipe: quicker than a child."""
    names = {name: None for name in os.environ if name.startswith("OKAPI")}
    settings: dict[str, str | None] = {**names, **({"OKAPI_URL": url} if url else {}), **(env or {})}
    result = CliRunner().invoke(main, arguments, input=given, env=settings, prog_name="okapi-install")
    return Done(result.exit_code, result.stdout, result.stderr)


def run_process(*arguments: str, url: str = "", given: str = "") -> Done:
    """Runs it in a pipe."""
    done = subprocess.run(
        [sys.executable, "-m", "okapi_install", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment(url),
    )
    return Done(done.returncode, done.stdout, done.stderr)


def start_command(*arguments: str, url: str = "") -> subprocess.Popen[str]:
    """Starts it in a pipe; both outputs are to be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "okapi_install", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(url),
    )


def spawn_command(*arguments: str, url: str = "") -> pexpect.spawn:
    """Starts it in a pseudo-terminal of 120 columns and 40 lines."""
    return pexpect.spawn(
        sys.executable,
        ["-m", "okapi_install", *arguments],
        env=environment(url),
        dimensions=(40, 120),
        encoding="utf-8",
        timeout=PATIENCE,
    )


def ended(child: pexpect.spawn) -> int | None:
    """Waits for its end; the exit code."""
    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus) if child.exitstatus is not None else None


def cells(*texts: str) -> str:
    """A regular expression for cells of a table side by side, whatever their colours."""
    return r"(?:\x1b\[[0-9;]*m| )+".join(texts)
