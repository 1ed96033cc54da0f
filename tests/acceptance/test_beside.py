"""A service beside another server, which is its Okapi: the recordings of a real Okapi, played against the service."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fixtures.cluster import Embedded

pytestmark = pytest.mark.timeout(600)

PLAYED = ("scenarios_2_install.py", "scenarios_3_tenantapi.py", "reports/scenarios_5_tokens.py")
ONE_WORKER = {"OKAPI_INSTALL_WORKERS": "1"}


@pytest.fixture
def okapi_and_service(tmp_path: Path) -> Iterator[tuple[Embedded, Embedded]]:
    """A server in its own mode, and a service beside it."""
    with ExitStack() as stack:
        okapi = Embedded(tmp_path / "okapi", ONE_WORKER)
        stack.callback(okapi.process.end)
        okapi.start()
        service = Embedded(tmp_path / "service", {**ONE_WORKER, "OKAPI_INSTALL_OKAPI": okapi.url})
        stack.callback(service.process.end)
        yield okapi, service.start()


def test_installs_beside_an_okapi_are_as_okapis_but_for_the_address_that_modules_get(
    shared: Path, okapi_and_service: tuple[Embedded, Embedded]
) -> None:
    """That address is Okapi's, and Okapi is here one of our servers, whose Location leads nowhere: differences.md."""
    okapi, service = okapi_and_service
    program = shared / "conformance/conform.py"
    command = [sys.executable, str(program), "check", "--server", service.url, *PLAYED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, cwd=program.parent)
    lines = done.stdout.splitlines()
    apart = re.compile(
        rf".*\.x-okapi-url: want '<server>', got '{re.escape(okapi.url)}'"
        r"|.*/modules/~a-1\.0\.0\?invoke=false&depCheck=false( # again)?: location: .*"
    )
    differences = [line.strip() for line in lines if line.startswith("  ")]
    assert [line for line in differences if not apart.fullmatch(line)] == []
    assert sum(line.startswith("ok") for line in lines) > 30, done.stdout[-3000:] + done.stderr[-2000:]
