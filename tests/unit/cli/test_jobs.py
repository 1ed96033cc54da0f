"""Jobs in a pipe: following one through trouble, showing, listing, aborting and retrying; and a plain Okapi."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

from tests.fakes.command import run_command, start_command
from tests.fakes.okapi_server import WARNING, FakeOkapi


def document(text: str) -> Any:
    return json.loads(text)


def test_a_server_that_is_not_there_ends_with_four(server: FakeOkapi) -> None:
    server.stop()
    done = run_command("jobs", "--json", url=server.url)
    assert done.returncode == 4
    assert document(done.stdout)["error"]["kind"] == "unavailable"
    assert "refuses connections" in done.stderr


def test_a_server_that_goes_away_and_comes_back_is_waited_for(server: FakeOkapi) -> None:
    server.hold = "mod-a-1.0.0"
    job = server.add_job()
    child = start_command("job", job["id"], "--follow", url=server.url)
    assert child.stderr is not None
    assert child.stdout is not None
    assert "started" in child.stderr.readline()
    server.stop()
    assert "The server is unavailable" in child.stderr.readline()
    server.hold = None
    server.start()
    assert "The server is available again" in child.stderr.readline()
    assert child.wait(60) == 0
    assert "2 of 2 modules done" in child.stdout.read()
    child.stdout.close()
    child.stderr.close()


def test_patience_can_be_short(server: FakeOkapi) -> None:
    server.hold = "mod-a-1.0.0"
    job = server.add_job()
    child = start_command("job", job["id"], "--follow", "--patience", "0", url=server.url)
    assert child.stderr is not None
    child.stderr.readline()
    server.stop()
    _, _ = child.communicate(timeout=60)
    assert child.returncode == 4


def test_ctrl_c_in_a_script_leaves_the_job(server: FakeOkapi) -> None:
    server.hold = "mod-a-1.0.0"
    job = server.add_job()
    child = start_command("job", job["id"], "--follow", "--json", url=server.url)
    assert child.stderr is not None
    child.stderr.readline()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 6
    assert document(out)["left"] is True
    assert f"okapi-install job {job['id']} --follow" in err
    assert not job["complete"]


def test_ctrl_c_during_a_synchronous_install_says_that_the_server_goes_on(server: FakeOkapi) -> None:
    server.sync_gate.clear()
    child = start_command("install", "--tenant", "diku", "--sync", "mod-a", url=server.url)
    while len(server.seen) < 2:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 6
    assert "The server continues with the job" in err


def test_a_job_that_is_aborted_by_another_ends_with_five(server: FakeOkapi) -> None:
    job = server.add_job(status="error", complete=True, reason="aborted", message="aborted")
    done = run_command("job", job["id"], "--follow", url=server.url)
    assert done.returncode == 5
    assert "install of diku stopped" in done.stdout


def test_a_job_that_vanishes_ends_with_five(server: FakeOkapi) -> None:
    server.hold = "mod-a-1.0.0"
    job = server.add_job()
    child = start_command("job", job["id"], "--follow", url=server.url)
    assert child.stderr is not None
    child.stderr.readline()
    with server.lock:
        server.jobs.clear()
    _, err = child.communicate(timeout=60)
    assert child.returncode == 5
    assert "no longer exists" in err


def test_job_shows_errors_and_warnings_whatever_became_of_it(server: FakeOkapi) -> None:
    modules = [{"id": "mod-a-1.0.0", "stage": "invoke", "status": "error", "errors": [{"message": "no"}, WARNING]}]
    job = server.add_job(status="error", complete=True, modules=modules)
    done = run_command("job", job["id"], url=server.url)
    assert done.returncode == 0
    assert "error: no\n" in done.stdout
    assert "error: slow disk (disk: sda) [W1]" in done.stdout
    assert document(run_command("job", job["id"], "--json", url=server.url).stdout)["modules"] == modules


def test_an_unknown_job_ends_with_three(server: FakeOkapi) -> None:
    for command in ("job", "abort", "retry"):
        done = run_command(command, "none", url=server.url)
        assert (done.returncode, done.stdout) == (3, "")
        assert f"Error: There is no job none at {server.url}" in done.stderr


def test_an_unknown_tenant_is_named_with_the_server(server: FakeOkapi) -> None:
    server.unknown_tenants = {"nope"}
    done = run_command("install", "--tenant", "nope", "mod-a", url=server.url)
    assert done.returncode == 3
    assert f"Error: There is no tenant nope at {server.url}" in done.stderr


def test_an_empty_list_says_how_to_start_the_first_job(server: FakeOkapi) -> None:
    done = run_command("jobs", url=server.url)
    assert "No jobs yet" in done.stderr
    assert "okapi-install install --tenant TENANT MODULE" in done.stderr
    assert "0 jobs of tenant diku" in run_command("jobs", "--tenant", "diku", url=server.url).stderr


def test_jobs_are_listed_and_filtered(server: FakeOkapi) -> None:
    server.add_job()
    server.add_job("other", status="error", complete=True)
    done = run_command("jobs", url=server.url)
    assert len(done.stdout.splitlines()) == 3
    assert "2 jobs." in done.stderr
    env = {"OKAPI_TENANT": "other"}
    listed = document(run_command("jobs", "--json", "--status", "error", url=server.url, env=env).stdout)
    assert [j["tenant"] for j in listed["jobs"]] == ["other"]
    assert document(run_command("jobs", "--json", "--all-tenants", url=server.url, env=env).stdout)["total"] == 2


def test_abort_stops_a_job_and_shows_it(server: FakeOkapi) -> None:
    server.hold = "mod-a-1.0.0"
    job = server.add_job()
    done = run_command("abort", job["id"], url=server.url)
    assert done.returncode == 0
    assert "install of diku stopped" in done.stdout


def test_retry_runs_the_rest_in_the_same_job(server: FakeOkapi) -> None:
    server.fails = {"mod-b-1.1.0": "no space"}
    assert run_command("install", "--tenant", "diku", "mod-b", url=server.url).returncode == 1
    server.fails = {}
    (job,) = server.jobs.values()
    assert run_command("retry", job["id"], url=server.url).returncode == 0
    assert len(server.jobs) == 1
    assert server.count("POST", "/_/proxy/.*") == 2


def test_a_plain_okapi_is_followed_by_its_own_paths_and_its_lacks_are_said(plain_server: FakeOkapi) -> None:
    plain_server.fails = {"mod-b-1.1.0": "POST request for mod-b failed"}
    done = run_command("install", "--tenant", "diku", "mod-b", url=plain_server.url)
    assert done.returncode == 1
    assert "plain Okapi" in done.stderr
    assert "POST request for mod-b failed" in done.stdout
    assert plain_server.count("GET", "/_/proxy/tenants/diku/install/[^/]+") > 2


def test_jobs_of_a_plain_okapi_are_gathered_from_all_tenants(plain_server: FakeOkapi) -> None:
    for tenant in ("diku", "other"):
        plain_server.add_job(tenant)
    done = run_command("jobs", "--json", url=plain_server.url)
    assert {j["tenant"] for j in document(done.stdout)["jobs"]} == {"diku", "other"}
    assert "plain Okapi" in done.stderr


def test_a_plain_okapi_cannot_abort_nor_retry_and_the_next_best_is_said(plain_server: FakeOkapi) -> None:
    plain_server.hold = "mod-a-1.0.0"
    job = plain_server.add_job()
    aborted = run_command("abort", job["id"], url=plain_server.url)
    assert aborted.returncode == 3
    assert "cannot abort a job, and the job continues" in aborted.stderr
    retried = run_command("retry", job["id"], url=plain_server.url)
    assert retried.returncode == 3
    assert "okapi-install install --tenant diku mod-a-1.0.0 mod-b-1.1.0" in retried.stderr
