"""The client commands against a real service: jobs that are done, fail, are aborted, and outlive the server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes.command import cells, ended, environment, run_command, run_process, spawn_command, start_command
from tests.fixtures.back_end.descriptors import bare_descriptor
from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.processes import ServerProcess

A, B, C = "mod-a-1.0.0", "mod-b-1.0.0", "mod-c-1.0.0"
OLD, NEW = "mod-d-1.0.0", "mod-d-1.1.0"
LONELY = "mod-lonely-1.0.0"

DESCRIPTORS = [
    bare_descriptor(A, provides={"ia": "1.0"}),
    bare_descriptor(B, provides={"ib": "1.0"}, requires={"ia": "1.0"}),
    bare_descriptor(C, requires={"ib": "1.0"}),
    bare_descriptor(OLD),
    bare_descriptor(NEW),
    bare_descriptor(LONELY, requires={"nowhere": "1.0"}),
]


@dataclass
class Site:
    """A service with its modules, and a tenant of this test."""

    server: ServerProcess
    url: str
    back_end: BackEnd
    tenant: str

    def command(self, *arguments: str) -> list[str]:
        """Arguments with the tenant."""
        return [arguments[0], "--tenant", self.tenant, *arguments[1:]]

    def run(self, *arguments: str) -> tuple[int, Any]:
        """Exit code and JSON of a command with the tenant."""
        done = run_command(*self.command(*arguments), "--json", url=self.url)
        return done.returncode, json.loads(done.stdout)

    def get(self, path: str) -> Any:
        """JSON of the server."""
        return requests.get(self.url + path, timeout=30).json()

    def enabled(self) -> list[str]:
        """Module ids, without the server's own."""
        found = [m["id"] for m in self.get(f"/_/proxy/tenants/{self.tenant}/modules")]
        return [i for i in found if not i.startswith("okapi-")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("service")
    command = [sys.executable, "-m", "okapi_install", "serve", "--workers", "1"]
    command += ["--listen", "127.0.0.1:0", "--data", str(folder / "data")]
    env = environment(OKAPI_INSTALL_CONFIG="/dev/null", PYTHONUNBUFFERED="1")
    with ServerProcess(command, log=folder / "log", env=env) as started:
        url = ready_url(started)
        # The same port again when it is started anew.
        started.command[started.command.index("127.0.0.1:0")] = url.removeprefix("http://")
        yield started


@pytest.fixture(scope="module")
def back_end() -> Iterator[BackEnd]:
    with BackEnd.start() as started:
        yield started


@pytest.fixture(scope="module")
def registered(service: ServerProcess, back_end: BackEnd) -> str:
    """The service's address, once it knows the modules."""
    url = ready_url(service)
    requests.post(f"{url}/_/proxy/import/modules?check=false", json=DESCRIPTORS, timeout=30).raise_for_status()
    for descriptor in DESCRIPTORS:
        instance = back_end.instance(str(descriptor["id"]))
        requests.post(f"{url}/_/discovery/modules", json=instance, timeout=30).raise_for_status()
    return url


@pytest.fixture
def site(service: ServerProcess, back_end: BackEnd, registered: str) -> Site:
    back_end.reset()
    tenant = f"t{uuid.uuid4().hex[:12]}"
    requests.post(f"{registered}/_/proxy/tenants", json={"id": tenant}, timeout=30).raise_for_status()
    return Site(server=service, url=registered, back_end=back_end, tenant=tenant)


def ready_url(server: ServerProcess) -> str:
    """Waits until the service that was started last is ready; its address."""
    return server.wait_for_line(r"okapi-install ready on (\S+)")[1]


def until(condition: Callable[[], bool]) -> bool:
    """Whether it becomes so, within a time that is long enough for any machine."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def finish(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Waits for a command; exit code and both outputs."""
    out, err = child.communicate(timeout=60)
    return child.returncode, out, err


def test_an_install_is_done_and_can_be_looked_up(site: Site) -> None:
    code, job = site.run("install", C)
    assert (code, job["status"], [m["id"] for m in job["modules"]]) == (0, "done", [A, B, C])
    assert site.enabled() == [A, B, C]
    listed = site.run("jobs")[1]
    assert [j["id"] for j in listed["jobs"]] == [job["id"]]
    shown = run_command("job", job["id"], url=site.url)
    assert shown.returncode == 0
    assert f"install of {site.tenant} done" in shown.stdout


def test_a_real_pipe_gets_results_and_talk_apart(site: Site) -> None:
    done = run_process("install", "--tenant", site.tenant, "--parallel", "3", C, url=site.url)
    assert done.returncode == 0
    assert [line.split()[:3] for line in done.stdout.splitlines()[:3]] == [["done", "enable", m] for m in (A, B, C)]
    assert "3 modules of tenant" in done.stderr


def test_a_failed_job_says_why_and_is_retried_when_it_is_mended(site: Site) -> None:
    site.back_end.behave(B, status=500, body="no space left")
    code, job = site.run("install", C)
    assert (code, job["status"], job["reason"]) == (1, "error", "failed")
    shown = run_command("job", job["id"], url=site.url)
    assert "no space left" in shown.stdout
    site.back_end.behave_well()
    assert run_command("retry", job["id"], url=site.url).returncode == 0
    assert site.enabled() == [A, B, C]
    assert site.back_end.counts(site.tenant)[A]["enable"] == 1
    assert site.back_end.counts(site.tenant)[B]["enable"] == 2


def test_a_person_aborts_with_ctrl_c(site: Site) -> None:
    site.back_end.behave(B, job={"never_ends": True})
    child = spawn_command("install", "--tenant", site.tenant, C, url=site.url)
    child.expect("Proceed")
    child.sendline("")
    child.expect(cells(B, "enable", "invoke", "running"))
    child.sendintr()
    child.expect("abort it")
    child.sendline("abort")
    child.expect("aborted")
    assert ended(child) == 5
    assert site.enabled() == [A]
    assert until(lambda: site.back_end.counts(site.tenant)[B].get("cancel", 0) == 1)


def test_a_follower_sees_that_another_aborts(site: Site) -> None:
    site.back_end.behave(B, job={"never_ends": True})
    job_id = run_command(*site.command("install", "--no-follow", C), url=site.url).stdout.strip()
    child = start_command("job", job_id, "--follow", url=site.url)
    assert until(lambda: site.back_end.counts(site.tenant).get(B, {}).get("enable") == 1)
    assert run_command("abort", job_id, url=site.url).returncode == 0
    code, out, _ = finish(child)
    assert code == 5
    assert "aborted" in out
    assert site.get(f"/_/install/jobs/{job_id}")["reason"] == "aborted"


def test_a_warning_is_shown_with_the_result(site: Site) -> None:
    warnings = [{"message": "slow disk", "code": "W1"}]
    site.back_end.behave(A, job={"seconds": 0, "extra": {"status": "done", "warnings": warnings}})
    done = run_command(*site.command("install", A), url=site.url)
    assert done.returncode == 0
    assert "warning: slow disk [W1]" in done.stdout


def test_what_cannot_be_planned_is_refused_and_explained(site: Site) -> None:
    done = run_command(*site.command("install", "--explain", LONELY), url=site.url)
    assert done.returncode == 3
    assert "nowhere" in done.stdout
    assert "nowhere" in done.stderr
    assert site.run("jobs")[1]["total"] == 0


def test_an_upgrade_takes_what_is_newer_and_knows_how_long_it_takes(site: Site) -> None:
    assert site.run("install", OLD)[0] == 0
    code, plan = site.run("upgrade", "--simulate")
    assert (code, plan) == (0, [{"id": NEW, "from": OLD, "action": "enable"}])
    code, job = site.run("upgrade")
    assert (code, job["kind"]) == (0, "upgrade")
    path = f"/_/install/jobs/{job['id']}"
    assert until(lambda: site.get(path)["modules"][0]["expectedSeconds"] is not None)
    assert site.enabled() == [NEW]
    assert run_command(*site.command("upgrade"), url=site.url).returncode == 0


def test_modules_are_removed_by_a_file(site: Site, tmp_path: Path) -> None:
    assert site.run("install", B)[0] == 0
    file = tmp_path / "remove.json"
    file.write_text(json.dumps([{"id": B, "action": "disable"}]), "utf-8")
    assert site.run("install", "--purge", "--confirm-purge", site.tenant, str(file))[0] == 0
    assert site.enabled() == [A]
    assert site.back_end.counts(site.tenant)[B]["purge"] == 1


def test_an_unknown_tenant_is_refused(site: Site) -> None:
    done = run_command("install", "--tenant", "nobody", A, url=site.url)
    assert done.returncode == 3
    assert "nobody" in done.stderr


def test_a_server_that_goes_away_and_comes_back_loses_no_job_and_no_follower(site: Site) -> None:
    site.back_end.behave(B, job={"never_ends": True})
    child = start_command(*site.command("install", C), url=site.url)
    assert until(lambda: site.back_end.counts(site.tenant).get(B, {}).get("enable") == 1)
    site.server.end()
    site.server.log.unlink()
    assert child.stderr is not None
    assert any("The server is unavailable" in line for line in iter(child.stderr.readline, ""))
    site.server.start()
    ready_url(site.server)
    assert any("The server is available again" in line for line in iter(child.stderr.readline, ""))
    site.back_end.finish_jobs(B)
    code, out, _ = finish(child)
    assert code == 0, out
    assert f"install of {site.tenant} done" in out
    assert site.enabled() == [A, B, C]
    assert site.back_end.counts(site.tenant)[B]["enable"] == 1
