"""What the command does where a request is refused: it shows solutions, and takes the number of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.command import ended, run_command, spawn_command
from tests.fakes.okapi_server import FakeOkapi

Document = dict[str, Any]
REFUSAL = "interface login required by module ui-1.0.0 is provided by multiple products: mod-login, mod-keycloak"


def solution(chosen: str, **more: Any) -> Document:
    plan = [{"id": chosen, "action": "enable"}, {"id": "ui-1.0.0", "action": "enable"}]
    sentence = f"Takes {chosen.rpartition('-')[0]} for login. Removes and changes nothing; adds {chosen}."
    return {"request": plan, "plan": plan, "sentence": sentence, "best": True, **more}


@pytest.fixture
def refusing(server: FakeOkapi) -> FakeOkapi:
    server.refusal = REFUSAL
    server.solutions = [solution("mod-login-1.0.0"), solution("mod-keycloak-2.0.0")]
    return server


def asked_for(server: FakeOkapi) -> Document:
    return next(s.query for s in server.seen if s.path.endswith("/explain"))


def test_a_refusal_shows_the_solutions_numbered_and_how_to_take_one(refusing: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "ui", url=refusing.url)
    assert (done.returncode, done.stdout) == (3, "")
    assert REFUSAL in done.stderr
    assert "  1  Takes mod-login for login. Removes and changes nothing; adds mod-login-1.0.0." in done.stderr
    assert "  2  Takes mod-keycloak for login." in done.stderr
    assert "--solution 1" in done.stderr
    assert refusing.jobs == {}


def test_the_solution_of_a_number_is_run_without_a_terminal(refusing: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "ui", "--solution", "2", url=refusing.url)
    assert done.returncode == 0
    assert "done        enable    mod-keycloak-2.0.0" in done.stdout
    posted = next(s.body for s in reversed(refusing.seen) if s.path.endswith("/install"))
    assert posted == refusing.solutions[1]["request"]


def test_a_solution_can_be_simulated(refusing: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "ui", "--solution", "1", "--simulate", url=refusing.url)
    assert done.stdout.splitlines() == ["enable    mod-login-1.0.0", "enable    ui-1.0.0"]
    assert refusing.jobs == {}


def test_a_number_that_no_solution_has_is_refused(refusing: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "ui", "--solution", "3", url=refusing.url)
    assert done.returncode == 3
    assert "there is no solution 3; the last one is 2" in done.stderr
    assert run_command("install", "--tenant", "diku", "ui", "--solution", "0", url=refusing.url).returncode == 2


def test_a_person_is_asked_which_one(refusing: FakeOkapi) -> None:
    child = spawn_command("install", "--tenant", "diku", "ui", url=refusing.url)
    child.expect("1  Takes mod-login")
    child.expect("Which one")
    child.sendline("2")
    child.expect("enable +mod-keycloak-2.0.0")
    child.expect("Proceed")
    child.sendline("y")
    child.expect("2 of 2 modules done")
    assert ended(child) == 0


def test_a_person_can_take_none(refusing: FakeOkapi) -> None:
    child = spawn_command("install", "--tenant", "diku", "ui", url=refusing.url)
    child.expect("Which one")
    child.sendline("")
    assert ended(child) == 3
    assert refusing.jobs == {}


def test_what_is_kept_and_preferred_is_told_to_the_server(refusing: FakeOkapi) -> None:
    options = ["--keep", "folio_users", "--keep", "mod-tags", "--prefer", "mod-login", "--solution", "1"]
    assert run_command("install", "--tenant", "diku", "ui", *options, url=refusing.url).returncode == 0
    assert (asked_for(refusing)["keep"], asked_for(refusing)["prefer"]) == ("folio_users,mod-tags", "mod-login")


def test_without_a_solution_the_part_that_cannot_be_is_told(server: FakeOkapi) -> None:
    server.refusal = REFUSAL
    server.conflict = {"modules": [{"id": "ui-1.0.0", "action": "enable"}], "message": "Nothing makes it possible."}
    done = run_command("install", "--tenant", "diku", "ui", url=server.url)
    assert done.returncode == 3
    assert "Nothing makes it possible." in done.stderr


def test_json_has_the_solutions_with_the_refusal(refusing: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "--json", "ui", url=refusing.url)
    error = json.loads(done.stdout)["error"]
    assert (error["kind"], error["status"], error["message"]) == ("refused", 400, REFUSAL)
    assert error["solutions"] == refusing.solutions


def test_what_was_found_in_time_is_marked(refusing: FakeOkapi) -> None:
    refusing.solutions = [solution("mod-login-1.0.0", best=False)]
    done = run_command("install", "--tenant", "diku", "ui", url=refusing.url)
    assert "The best that was found in time" in done.stderr


def test_a_plan_that_removes_more_than_it_must_is_run_and_what_keeps_more_is_told(server: FakeOkapi) -> None:
    server.plan = [{"id": "ui-1.0.0", "action": "enable"}, {"id": "folio_x-1.0.0", "action": "disable"}]
    server.solutions = [solution("mod-login-1.0.0", sentence="Keeps folio_x-1.0.0, which this plan removes.")]
    done = run_command("install", "--tenant", "diku", "ui", url=server.url)
    assert done.returncode == 0
    assert "Keeps folio_x-1.0.0, which this plan removes. Add --solution 1" in done.stderr
    assert "done        disable   folio_x-1.0.0" in done.stdout


def test_a_plan_that_removes_nothing_is_not_asked_about(server: FakeOkapi) -> None:
    assert run_command("install", "--tenant", "diku", "mod-a", url=server.url).returncode == 0
    assert server.count("POST", "/_/install/explain") == 0


def test_upgrade_to_a_release_posts_its_modules_and_offers_solutions(refusing: FakeOkapi, tmp_path: Path) -> None:
    release = tmp_path / "release-without-suffix"
    release.write_text('[{"id": "ui-1.0.0", "action": "enable"}]', "utf-8")
    done = run_command("upgrade", "--tenant", "diku", "--to", str(release), url=refusing.url)
    assert done.returncode == 3
    assert "  2  Takes mod-keycloak for login." in done.stderr
    done = run_command("upgrade", "--tenant", "diku", "--to", str(release), "--solution", "1", url=refusing.url)
    assert done.returncode == 0
    explained = [s.body for s in refusing.seen if s.path.endswith("/explain")]
    assert explained == [[{"id": "ui-1.0.0", "action": "enable"}]] * 2


def test_upgrade_to_a_release_that_can_be_is_run(server: FakeOkapi, tmp_path: Path) -> None:
    (tmp_path / "install.json").write_text('[{"id": "mod-a-1.0.0"}]', "utf-8")
    done = run_command("upgrade", "--tenant", "diku", "--to", str(tmp_path / "install.json"), url=server.url)
    assert done.returncode == 0
    assert "2 of 2 modules done" in done.stdout


def test_a_release_and_modules_exclude_each_other(server: FakeOkapi) -> None:
    done = run_command("upgrade", "--tenant", "diku", "--to", "x.json", "mod-a", url=server.url)
    assert done.returncode == 2


def test_a_plain_okapi_has_no_solutions_and_that_is_said(plain_server: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "mod-a", "--keep", "mod-b", url=plain_server.url)
    assert done.returncode == 3
    assert "a plain Okapi cannot explain" in done.stderr
