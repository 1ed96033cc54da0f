"""The client commands in a pseudo-terminal: the live table, the questions, and Ctrl-C."""

from __future__ import annotations

import pexpect
import pytest

from tests.fakes.command import cells, ended, spawn_command
from tests.fakes.okapi_server import FakeOkapi


def test_the_plan_is_shown_and_a_person_is_asked(server: FakeOkapi) -> None:
    child = spawn_command("install", "--tenant", "diku", "mod-a", url=server.url)
    child.expect("upgrade +mod-b-1.1.0 +from mod-b-1.0.0")
    child.expect("Proceed")
    assert server.jobs == {}
    child.sendline("y")
    child.expect("2 of 2 modules done")
    assert ended(child) == 0


@pytest.mark.parametrize("answer", ["n\r", "\x03"])
def test_a_no_begins_nothing(server: FakeOkapi, answer: str) -> None:
    child = spawn_command("install", "--tenant", "diku", "mod-a", url=server.url)
    child.expect("Proceed")
    child.send(answer)
    child.expect("Nothing was started")
    assert ended(child) == 5
    assert server.jobs == {}


def test_the_table_is_live_and_has_stage_status_and_time(server: FakeOkapi) -> None:
    server.hold = "mod-b-1.1.0"
    child = spawn_command("install", "--tenant", "diku", "--yes", "mod-a", url=server.url)
    child.expect(cells("mod-a-1.0.0", "enable", "done", "done", "1.5 s"))
    child.expect(cells("mod-b-1.1.0", "upgrade", "invoke", "running", "[0-9.]+ s"))
    server.hold = None
    child.expect("2 of 2 modules done")
    assert ended(child) == 0


def held(server: FakeOkapi) -> tuple[str, dict[str, object]]:
    server.hold = "mod-a-1.0.0"
    job = server.add_job()
    return job["id"], job


def test_ctrl_c_asks_and_can_leave_the_job_running(server: FakeOkapi) -> None:
    job_id, job = held(server)
    child = spawn_command("job", job_id, "--follow", url=server.url)
    child.expect("mod-a-1.0.0.*running")
    child.sendintr()
    child.expect("Leave the job running, abort it, or keep following")
    child.sendline("")
    child.expect("The job continues")
    assert ended(child) == 6
    assert job["complete"] is False


def test_ctrl_c_asks_and_can_abort(server: FakeOkapi) -> None:
    job_id, job = held(server)
    child = spawn_command("job", job_id, "--follow", url=server.url)
    child.expect("mod-a-1.0.0.*running")
    child.sendintr()
    child.expect("abort it")
    child.sendline("abort")
    child.expect("install of diku stopped")
    assert ended(child) == 5
    assert job["reason"] == "aborted"


def test_ctrl_c_asks_and_can_go_on(server: FakeOkapi) -> None:
    job_id, _ = held(server)
    child = spawn_command("job", job_id, "--follow", url=server.url)
    child.expect("mod-a-1.0.0.*running")
    child.sendintr()
    child.expect("keep following")
    child.sendline("follow")
    child.expect("mod-a-1.0.0.*running")
    server.hold = None
    child.expect("2 of 2 modules done")
    assert ended(child) == 0


def test_ctrl_c_at_the_question_leaves(server: FakeOkapi) -> None:
    job_id, _ = held(server)
    child = spawn_command("job", job_id, "--follow", url=server.url)
    child.expect("mod-a-1.0.0.*running")
    child.sendintr()
    child.expect("keep following")
    child.sendintr()
    while child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=10) == 1:
        child.sendintr()  # Python may notice the first one only with the next key
    assert ended(child) == 6


def test_a_server_that_goes_away_is_told_above_the_table(server: FakeOkapi) -> None:
    job_id, _ = held(server)
    child = spawn_command("job", job_id, "--follow", url=server.url)
    child.expect("mod-a-1.0.0.*running")
    server.stop()
    child.expect("The server is unavailable")
    server.hold = None
    server.start()
    child.expect("The server is available again")
    child.expect("2 of 2 modules done")
    assert ended(child) == 0


def test_abort_asks_first(server: FakeOkapi) -> None:
    job_id, job = held(server)
    child = spawn_command("abort", job_id, url=server.url)
    child.expect("Abort it")
    child.sendline("n")
    assert ended(child) == 5
    assert job["complete"] is False


def test_a_long_platform_fits_the_screen(server: FakeOkapi) -> None:
    server.plan = [{"id": f"mod-m{n:03}-1.0.0", "action": "enable"} for n in range(140)]
    server.hold = "mod-m070-1.0.0"
    child = spawn_command("install", "--tenant", "diku", "--yes", "x", url=server.url)
    child.expect(cells("mod-m070-1.0.0", "enable", "invoke", "running"))
    child.expect("more: .*[0-9]+ not started, [0-9]+ done")
    server.hold = None
    child.expect("140 of 140 modules done")
    assert ended(child) == 0
