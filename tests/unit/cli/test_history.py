"""`job --history`: what happened to a job."""

from __future__ import annotations

import json

from tests.fakes.command import run_command
from tests.fakes.okapi_server import FakeOkapi, fake_okapi

_PROBLEM = {"message": "disk\x1b[2J full", "code": "507"}


def _event(text: str, kind: str = "step_done", **fields: object) -> dict[str, object]:
    return {"date": "2026-03-01T20:00:00.000Z", "kind": kind, "text": text, "errors": [], "warnings": []} | fields


def test_the_history_is_printed_with_the_errors_of_each_attempt(server: FakeOkapi) -> None:
    job = server.add_job()
    server.events = [
        _event("Requested by diku_admin", "requested"),
        _event("mod-a-1.0.0: failed: no", "step_failed", errors=[_PROBLEM], warnings=[{"message": "slow"}]),
    ]
    done = run_command("job", str(job["id"]), "--history", url=server.url)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].endswith("  Requested by diku_admin")
    assert lines[0].startswith("2026-03-0")
    assert [line.strip() for line in lines[2:]] == [r"error: disk\u001b[2J full [507]", "warning: slow"]


def test_a_long_history_is_read_in_pages(server: FakeOkapi) -> None:
    job = server.add_job()
    server.events = [_event(f"mod-{number}-1.0.0: done") for number in range(1500)]
    done = run_command("job", str(job["id"]), "--history", "--json", url=server.url)
    document = json.loads(done.stdout)
    assert (len(document["events"]), document["total"]) == (1500, 1500)
    assert server.count("GET", "/_/install/jobs/[^/]+/history") == 2


def test_a_plain_okapi_has_no_history() -> None:
    with fake_okapi(ours=False) as plain:
        done = run_command("job", "some-job", "--history", url=plain.url)
    assert done.returncode != 0
    assert "keeps no history" in done.stderr


def test_a_history_is_not_followed(server: FakeOkapi) -> None:
    done = run_command("job", "some-job", "--history", "--follow", url=server.url)
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


def test_a_job_says_where_what_runs_or_failed_is(server: FakeOkapi) -> None:
    server.plan = [{"id": "mod-a-1.0.0"}, {"id": "mod-b-1.0.0"}]
    job = server.add_job()
    place = {"instance": "http://mod-a:8081", "tenantJob": "j1", "log": "https://logs/?m=mod-a"}
    job["modules"][0] |= {"stage": "invoke", "status": "running", **place}
    job["modules"][1] |= {"stage": "done", "status": "done", **place}
    lines = [line.strip() for line in run_command("job", str(job["id"]), url=server.url).stdout.splitlines()]
    assert lines.count("at http://mod-a:8081, tenant job j1") == 1
    assert lines.count("log: https://logs/?m=mod-a") == 1
