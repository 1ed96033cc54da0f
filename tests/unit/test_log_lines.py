"""A line of the log is one line, and no terminal obeys it, whatever words of others are in it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.fixtures.parts import ROOT

PROGRAM = """
import logging, sys, structlog
from okapi_install.logs import set_up_logging
set_up_logging("info", sys.argv[1])
words = "\\x1b[2Jred\\u202e\\r\\n2026-01-01T00:00:00Z [info     ] forged\\n"
log = structlog.get_logger()
log.warning("failed: " + words, cause=words, size=3)
logging.getLogger("other").warning("failed: %s", words)
log.info("large", body="E" * 1_000_000)
try:
    raise ValueError(words)
except ValueError:
    log.exception("unexpected")
    logging.getLogger("other").exception("unexpected")
"""


@pytest.fixture(params=["console", "json"])
def lines(request: pytest.FixtureRequest) -> list[str]:
    command = [sys.executable, "-X", "utf8", "-c", PROGRAM, request.param]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found = done.stderr.splitlines()
    assert len(found) > 4
    if request.param == "json":
        assert all(isinstance(json.loads(line), dict) for line in found)
    return found


def test_no_line_is_forged_and_no_sequence_is_obeyed(lines: list[str]) -> None:
    assert not any(line.startswith("2026-01-01T00:00:00Z") for line in lines)
    assert not set("".join(lines)) & set("\x1b\u202e\r")


def test_no_line_is_long(lines: list[str]) -> None:
    assert max(map(len, lines)) < 10_000
