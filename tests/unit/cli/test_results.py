"""The last lines about a job that failed: what failed and why, how to run the rest, and where its page is."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from okapi_install.cli.program import program
from okapi_install.cli.wording import result_lines
from okapi_install.client.progress import detailed_job
from tests.fakes.command import run_command
from tests.fakes.okapi_server import FakeOkapi

TRACE = "java.lang.Error: no disk\n\tat org.folio.A\n\tat org.folio.B"


def job_of(modules: list[dict[str, Any]], **more: Any) -> list[str]:
    document = {"id": "J", "tenant": "diku", "kind": "install", "status": "error", "complete": True}
    return [click.unstyle(line) for line in result_lines(detailed_job({**document, "modules": modules, **more}))]


def failed(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "status": "error", "state": "failed", "stage": "invoke", **more}


def test_a_failed_job_ends_with_what_failed_how_to_retry_and_the_page(server: FakeOkapi) -> None:
    server.fails = {"mod-b-1.1.0": f"POST request for mod-b-1.1.0 /_/tenant failed with 500: {TRACE}"}
    done = run_command("install", "--tenant", "diku", "mod-b", url=server.url)
    (job_id,) = server.jobs
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("  mod-b-1.1.0: POST request for mod-b-1.1.0 /_/tenant failed")
    assert (done.stdout + done.stderr).count("org.folio.B") == 1
    retry, page = done.stderr.splitlines()[-2:]
    assert retry.endswith(f"okapi-install retry {job_id}")
    assert page.endswith(f"{server.url}/jobs/{job_id}")


def test_a_printed_command_names_the_server_where_the_environment_does_not(server: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "--no-follow", "mod-b", "--url", server.url)
    assert done.stderr.splitlines()[-1].endswith(f"--follow --url {server.url}")


def test_a_trace_that_is_in_both_the_message_and_the_errors_is_printed_once() -> None:
    module = failed("mod-a-1.0.0", message=f"POST failed with 500: {TRACE}", errors=[{"message": TRACE}])
    text = "\n".join(job_of([module]))
    assert text.count("org.folio.A") == 1
    assert text.endswith("\n  mod-a-1.0.0: java.lang.Error: no disk")


def test_a_json_response_that_the_errors_have_in_full_is_not_printed_as_part_of_the_message() -> None:
    body = '{"errors": [{"message": "java.lang.Error: no disk\\n\\tat org.folio.A"}]}'
    module = failed("mod-a-1.0.0", message=f"POST request failed with 422: {body}", errors=[{"message": TRACE}])
    lines = job_of([module])
    assert "         error: POST request failed with 422" in lines
    assert "\n".join(lines).count("org.folio.A") == 1


def test_modules_that_only_need_a_failed_one_are_not_listed_as_failed() -> None:
    skipped = failed("mod-b-1.0.0", state="skipped", errors=[{"message": "Skipped", "code": "needs_failed_module"}])
    lines = job_of([failed("mod-a-1.0.0", message="no"), skipped])
    assert lines[-1] == "  mod-a-1.0.0: no"


def test_many_failures_and_many_modules_that_were_not_run_fit_a_screen() -> None:
    modules = [failed(f"mod-f{n}-1.0.0", message="no") for n in range(12)]
    lines = job_of(modules + [{"id": f"mod-p{n}-1.0.0", "stage": "pending", "state": "not_run"} for n in range(120)])
    assert lines[-1] == "  and 2 more failed"
    assert [line.split() for line in lines if line.startswith("not run")] == [["not", "run", "120", "modules"]]


def test_an_aborted_job_has_no_failures() -> None:
    lines = job_of([failed("mod-a-1.0.0", state="stopped", message="aborted")], state="stopped", reason="aborted")
    assert "install of diku stopped: 0 of 1 module done, 1 stopped" in lines[-1]


@pytest.mark.parametrize("found", [True, False])
def test_the_program_is_named_as_a_shell_finds_it(monkeypatch: pytest.MonkeyPatch, found: bool) -> None:
    folder = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(folder) if found else "/usr/bin:/bin")
    expected = "okapi-install" if found else shlex.quote(str(folder / "okapi-install"))
    assert program() == expected
