"""Installs in a pipe: results on the standard output, talk on the standard error, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.command import run_command, run_process
from tests.fakes.okapi_server import FakeOkapi


def document(text: str) -> Any:
    return json.loads(text)


def last_body(server: FakeOkapi) -> Any:
    return next(s.body for s in reversed(server.seen) if s.path.endswith(("/install", "/upgrade")))


def test_install_follows_the_job_and_prints_what_became_of_it(server: FakeOkapi) -> None:
    server.warns = {"mod-a-1.0.0"}
    done = run_command("install", "--tenant", "diku", "mod-a", url=server.url)
    assert done.returncode == 0
    assert "done        enable    mod-a-1.0.0" in done.stdout
    assert "done        upgrade   mod-b-1.1.0" in done.stdout
    assert "warning: slow disk (disk: sda) [W1]" in done.stdout
    assert "install of diku done in 9.0 s: 2 of 2 modules done, 1 warning" in done.stdout
    assert "2 modules of tenant diku: 1 to enable, 1 to upgrade." in done.stderr
    assert "mod-a-1.0.0: started" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_a_real_pipe_has_no_colours_and_the_same_results(server: FakeOkapi) -> None:
    done = run_process("install", "--tenant", "diku", "mod-a", url=server.url)
    assert done.returncode == 0
    assert "install of diku done in 9.0 s: 2 of 2 modules done" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_a_failed_job_ends_with_one_and_says_why(server: FakeOkapi) -> None:
    server.fails = {"mod-b-1.1.0": "POST request for mod-b-1.1.0 /_/tenant failed with 500: no space"}
    done = run_command("install", "--tenant", "diku", "mod-b", url=server.url)
    assert done.returncode == 1
    assert "install of diku failed" in done.stdout
    assert done.stdout.count("error: POST request for mod-b-1.1.0 /_/tenant failed with 500: no space") == 1


def test_json_is_the_job_as_the_server_tells_it(server: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "--json", "mod-a", url=server.url)
    (job,) = server.jobs.values()
    assert document(done.stdout) == job


def test_simulate_prints_the_plan_and_begins_nothing(server: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "--simulate", "mod-b", url=server.url)
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["enable    mod-a-1.0.0", "upgrade   mod-b-1.1.0  from mod-b-1.0.0"]
    assert server.jobs == {}


def test_a_simulated_plan_as_json_can_be_given_to_install_again(server: FakeOkapi) -> None:
    plan = run_command("install", "--tenant", "diku", "--simulate", "--json", "mod-b", url=server.url).stdout
    assert run_command("install", "--tenant", "diku", "-", url=server.url, given=plan).returncode == 0
    assert last_body(server) == server.plan


def test_modules_are_ids_products_and_files(server: FakeOkapi, tmp_path: Path) -> None:
    release = tmp_path / "install.json"
    release.write_text('[{"id": "mod-c-1.0.0", "action": "disable"}, {"id": "mod-d-1.0.0"}, "mod-e"]', "utf-8")
    arguments = ["--tenant", "diku", "--action", "enable", "mod-x-2.0.0", str(release)]
    assert run_command("install", *arguments, url=server.url).returncode == 0
    assert last_body(server) == [
        {"id": "mod-x-2.0.0", "action": "enable"},
        {"id": "mod-c-1.0.0", "action": "disable"},
        {"id": "mod-d-1.0.0", "action": "enable"},
        {"id": "mod-e", "action": "enable"},
    ]


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"action": "enable"}]', "no json"])
def test_a_file_that_lists_no_modules_is_a_usage_error(server: FakeOkapi, tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text, "utf-8")
    done = run_command("install", "--tenant", "diku", str(file), url=server.url)
    assert (done.returncode, server.seen) == (2, [])
    assert run_command("install", "--tenant", "diku", str(tmp_path / "none.json"), url=server.url).returncode == 2


def test_every_option_of_okapi_is_sent(server: FakeOkapi) -> None:
    options = (
        "--parallel 3 -p loadReference=true -p loadSample=false --ignore-errors --purge --reinstall --no-dep-check"
    )
    more = "--pre-release only --npm-snapshot false --invoke mod-.* --deploy --simulate"
    run_command("upgrade", "--tenant", "diku", *options.split(), *more.split(), url=server.url)
    (seen,) = server.seen
    assert seen.query == {
        "simulate": "true",
        "parallel": "3",
        "tenantParameters": "loadReference=true,loadSample=false",
        "ignoreErrors": "true",
        "purge": "true",
        "reinstall": "true",
        "depCheck": "false",
        "preRelease": "only",
        "npmSnapshot": "false",
        "invoke": "mod-.*",
        "deploy": "true",
    }


def test_upgrade_without_modules_is_okapis_upgrade_and_with_modules_its_install(server: FakeOkapi) -> None:
    run_command("upgrade", "--tenant", "diku", "--simulate", url=server.url)
    run_command("upgrade", "--tenant", "diku", "--simulate", "mod-a-1.0.0", url=server.url)
    assert [(s.path.rpartition("/")[2], s.body) for s in server.seen] == [
        ("upgrade", None),
        ("install", [{"id": "mod-a-1.0.0", "action": "enable"}]),
    ]


def test_the_environment_names_server_tenant_and_token(server: FakeOkapi) -> None:
    env = {"OKAPI_TENANT": "diku", "OKAPI_TOKEN": "abc"}
    assert run_command("upgrade", "--simulate", url=server.url, env=env).returncode == 0
    assert (server.seen[0].path, server.seen[0].headers["x-okapi-token"]) == ("/_/proxy/tenants/diku/upgrade", "abc")


def test_a_refused_request_ends_with_three_and_points_to_explain(server: FakeOkapi) -> None:
    server.refusal = "Missing dependency: mod-b-1.1.0 requires x: 1.0"
    done = run_command("install", "--tenant", "diku", "mod-b", url=server.url)
    assert (done.returncode, done.stdout) == (3, "")
    assert server.refusal in done.stderr
    assert "--explain" in done.stderr


def test_explain_prints_the_chain_of_reasons(server: FakeOkapi) -> None:
    server.refusal, server.explanation = "Missing dependency", ["mod-b needs x 1.0", "nobody provides x"]
    done = run_command("install", "--tenant", "diku", "--explain", "mod-b", url=server.url)
    assert done.returncode == 3
    assert done.stdout.splitlines() == server.explanation
    assert next(s.query["tenant"] for s in server.seen if s.path.endswith("/explain")) == "diku"
    as_json = run_command("install", "--tenant", "diku", "--explain", "--json", "mod-b", url=server.url)
    assert document(as_json.stdout)["error"]["reasons"][0]["kind"] == "missing_interface"


def test_a_plain_okapi_cannot_explain_and_that_is_said(plain_server: FakeOkapi) -> None:
    plain_server.refusal = "interface x required by module mod-b not found"
    done = run_command("install", "--tenant", "diku", "--explain", "mod-b", url=plain_server.url)
    assert done.returncode == 3
    assert "interface x required" in done.stderr
    assert "plain Okapi cannot explain" in done.stderr


def test_nothing_to_do_is_done(server: FakeOkapi) -> None:
    server.plan = [{"id": "mod-a-1.0.0", "action": "uptodate"}]
    done = run_command("install", "--tenant", "diku", "mod-a", url=server.url)
    assert done.returncode == 0
    assert "mod-a-1.0.0  already up to date" in done.stderr
    assert "1 already up to date" in done.stderr
    assert "uptodate" not in done.stderr
    assert server.jobs == {}


def test_no_follow_prints_the_job_s_id(server: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "--no-follow", "mod-a", url=server.url)
    assert (done.returncode, [done.stdout.strip()]) == (0, list(server.jobs))


def test_sync_is_one_request_without_a_job(server: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "--sync", "--json", "mod-a", url=server.url)
    assert (done.returncode, document(done.stdout)) == (0, server.plan)
    assert server.jobs == {}
    assert run_command("install", "--tenant", "diku", "--sync", "--no-follow", "x", url=server.url).returncode == 2


def test_without_a_tenant_it_is_a_usage_error(server: FakeOkapi) -> None:
    done = run_command("install", "mod-a", url=server.url)
    assert done.returncode == 2
    assert "OKAPI_TENANT" in done.stderr


def test_quiet_leaves_the_talk_out(server: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "-q", "mod-a", url=server.url)
    assert done.stderr == ""
    assert "mod-a-1.0.0" in done.stdout
