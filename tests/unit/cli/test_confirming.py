"""Before data is deleted: what is deleted is said, and a person types the tenant's name or a script names it."""

from __future__ import annotations

import pytest

from tests.fakes.command import ended, run_command, spawn_command
from tests.fakes.okapi_server import FakeOkapi

ARGUMENTS = ("install", "--tenant", "diku", "--action", "disable", "--purge", "mod-permissions")
LOSS = "DELETES THE DATA of 2 modules of tenant diku; 1 of them because it needs mod-permissions."


@pytest.fixture
def removing(server: FakeOkapi) -> FakeOkapi:
    server.plan = [
        {"id": "mod-users-1.0.0", "action": "disable"},
        {"id": "mod-permissions-6.5.0", "action": "disable"},
    ]
    return server


def test_only_the_tenants_name_starts_a_purge_in_a_terminal_and_yes_does_not_answer(removing: FakeOkapi) -> None:
    for given, code in (("y", 5), ("", 5), ("other", 5), ("diku", 0)):
        child = spawn_command(*ARGUMENTS, "--yes", url=removing.url)
        child.expect("mod-users-1.0.0 .*data is deleted")
        child.expect_exact(LOSS)
        child.expect("type the tenant's name")
        assert removing.jobs == {}
        child.sendline(given)
        assert ended(child) == code
    assert len(removing.jobs) == 1


def test_without_a_terminal_a_purge_starts_only_with_the_tenants_name(removing: FakeOkapi) -> None:
    for more in ((), ("--yes",), ("--confirm-purge", "other")):
        done = run_command(*ARGUMENTS, *more, url=removing.url)
        assert done.returncode == 2
        assert removing.jobs == {}
        assert LOSS in done.stderr
        assert "--confirm-purge" in done.stderr
    assert run_command(*ARGUMENTS, "--confirm-purge", "diku", url=removing.url).returncode == 0
    assert len(removing.jobs) == 1


def test_a_synchronous_purge_is_confirmed_too(removing: FakeOkapi) -> None:
    assert run_command(*ARGUMENTS, "--sync", url=removing.url).returncode == 2
    assert run_command(*ARGUMENTS, "--sync", "--confirm-purge", "diku", url=removing.url).returncode == 0


def test_a_simulation_says_what_would_be_deleted_and_asks_nothing(removing: FakeOkapi) -> None:
    done = run_command(*ARGUMENTS, "--simulate", url=removing.url)
    assert done.returncode == 0
    assert LOSS in done.stderr
    assert done.stdout.splitlines()[0] == "disable   mod-users-1.0.0        data is deleted"


def test_a_removal_without_purge_asks_the_usual_question(removing: FakeOkapi) -> None:
    done = run_command(*ARGUMENTS[:-2], "mod-permissions", url=removing.url)
    assert done.returncode == 0
    assert "DELETES" not in done.stderr
