"""The command for rollouts, against the real API over a service in memory, whose jobs run as they are submitted."""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from werkzeug.serving import make_server

from okapi_install.cli.commands import rollout as commands
from okapi_install.service.ports import JobRef, Tenant
from tests.fakes.command import Done, run_command
from tests.fakes.fake_modules import Call, answer
from tests.unit.web.jobs_site import JobsSite

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_SAMPLES = [
    line.strip()
    for text in (value for name, value in vars(commands).items() if name.endswith("_EXAMPLES"))
    for line in text.replace("\\\n", " ").splitlines()
    if line.strip().startswith("okapi-install ")
]


class Server:
    """The API at an address. Jobs run at once, unless `held`."""

    def __init__(self) -> None:
        self.site = JobsSite()
        for tenant in ("test", "demo"):
            self.site.house.store.add_tenant(Tenant(id=tenant))
        self.held = False
        self.refused: set[str] = set()
        self.site.house.queue.publish = self._publish  # type: ignore[method-assign]
        self.site.house.script("d-1.0.0", self._answer)
        self._server = make_server("127.0.0.1", 0, self.site.app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _publish(self, job: JobRef) -> None:
        if not self.held:
            self.site.house.runner.run(job.id, job.task_id)

    def _answer(self, call: Call) -> Any:
        tenant = call.headers["X-Okapi-Tenant"]
        return answer(500, f"no room for {tenant}") if tenant in self.refused else answer()

    def run(self, *words: str) -> Done:
        return run_command("rollout", *words, url=self.url)

    def start(self, *words: str) -> str:
        """The id of a rollout that is started with those options."""
        done = self.run("start", "--name", "night", "d-1.0.0", "--no-follow", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def end(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    """One."""
    with capture_logs():  # they would be among the output of the command, which runs in this process
        found = Server()
        yield found
        found.end()


def test_a_rollout_is_shown_before_it_starts_and_followed_to_its_end(server: Server) -> None:
    done = server.run("start", "--name", "night", "d-1.0.0", "--all-tenants", "--waves", "1,rest")
    assert done.returncode == 0
    assert "3 tenants in 2 waves." in done.stderr
    assert "enable    d-1.0.0" in done.stderr
    assert "Done. 3 tenants changed." in done.stdout
    assert "wave 2 of 2: 2 done" in done.stdout


def test_a_simulation_starts_nothing(server: Server) -> None:
    done = server.run("start", "--name", "night", "b-1.0.0", "--tenants", "diku,test", "--simulate")
    assert "diku, test:\n  enable    a-1.0.0\n  enable    b-1.0.0" in done.stdout
    document = json.loads(server.run("start", "--name", "n", "b-1.0.0", "--all-tenants", "--simulate", "--json").stdout)
    assert document["tenants"] == 3
    assert server.run("list").stdout == ""


def test_a_pause_because_of_failures_says_what_failed_and_what_to_do(server: Server) -> None:
    server.refused = {"demo", "diku"}
    done = server.run("start", "--name", "night", "d-1.0.0", "--all-tenants", "--max-failures", "1", "--at-once", "1")
    assert done.returncode == 6
    assert "Paused because 2 tenants failed, and 1 is allowed" in done.stdout
    assert "1. 2 tenants failed at d-1.0.0:" in done.stdout
    assert "rollout retry" in done.stdout
    rollout = _ID.findall(done.stdout)[0]
    server.refused = set()
    assert "1 waiting" in server.run("status", rollout).stdout
    assert server.run("retry", rollout, "--group", "1").returncode == 0
    ended = server.run("resume", rollout, "--follow")
    assert (ended.returncode, "Done. 3 tenants changed." in ended.stdout) == (0, True)
    assert rollout in server.run("list").stdout


def test_it_can_be_paused_and_aborted(server: Server) -> None:
    server.held = True
    rollout = server.start("--all-tenants", "--at-once", "1")
    assert "Paused by a person" in server.run("pause", rollout).stdout
    assert json.loads(server.run("status", rollout, "--json").stdout)["status"] == "paused"
    assert server.run("abort", rollout, "--jobs").returncode == 0
    server.site.house.advancer.sweep()
    assert "Aborted." in server.run("status", rollout).stdout
    refused = server.run("resume", rollout)
    assert (refused.returncode, "aborted" in refused.stderr) == (3, True)


def test_it_can_be_removed_when_it_is_complete(server: Server) -> None:
    server.held = True
    rollout = server.start("--all-tenants")
    refused = server.run("remove", rollout)
    assert (refused.returncode, "Only a complete rollout can be removed" in refused.stderr) == (3, True)
    assert server.run("abort", rollout, "--jobs").returncode == 0
    server.site.house.advancer.sweep()
    removed = server.run("remove", rollout)
    assert (removed.returncode, removed.stdout) == (0, ""), removed.stderr
    assert server.run("list").stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Name MODULES, or give --upgrade"),
        (("d-1.0.0", "--upgrade"), "Name MODULES, or give --upgrade"),
        (("d-1.0.0",), "Give --tenants or --all-tenants"),
        (("d-1.0.0", "--all-tenants", "--window", "at night"), "write '[DAYS] HH:MM-HH:MM ZONE'"),
        (("d-1.0.0", "--all-tenants", "--pause-after-wave", "never"), "use ask, or a number of seconds"),
    ],
)
def test_a_command_line_that_cannot_be_is_refused_with_what_to_write(
    server: Server, words: tuple[str, ...], said: str
) -> None:
    done = server.run("start", "--name", "night", *words)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_strict_starts_nothing_while_something_is_wrong(server: Server) -> None:
    words = ("start", "--name", "night", "d-1.0.0", "--all-tenants", "--strict")
    done = server.run(*words)
    assert done.returncode == 3
    assert "Error: d-1.0.0: The instance does not respond: http://modules/d-1.0.0: Connection refused" in done.stderr
    assert server.run("list").stdout == ""
    install = ("install", "--tenant", "diku", "d-1.0.0", "--strict", "--yes")
    assert run_command(*install, url=server.url).returncode == 3
    server.site.probe.well = {"http://modules/d-1.0.0"}
    assert server.run(*words).returncode == 0
    assert run_command("install", "--tenant", "diku", "a-1.0.0", "--yes", "--no-follow", url=server.url).returncode == 0


def test_what_the_server_refuses_ends_with_three(server: Server) -> None:
    done = server.run("start", "--name", "n", "d-1.0.0", "--all-tenants", "--window", "22:00-04:00 Mars", "--no-follow")
    assert (done.returncode, "'Mars' is not a time zone" in done.stderr) == (3, True)
    assert server.run("status", "none").returncode == 3


@pytest.mark.parametrize("sample", _SAMPLES)
def test_every_sample_works(server: Server, sample: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "install.json").write_text('[{"id": "d-1.0.0"}]', "utf-8")
    server.held = not any(word in sample for word in (" start ", "--follow", " remove "))
    words = shlex.split(re.split(r" [|] ", sample)[0])[1:]
    if "--window" in sample:
        words.append("--no-follow")  # nobody waits here for the night
    if " retry" in sample or " resume" in sample:
        server.held, server.refused = False, {"diku", "test"}
    rollout = ""
    if " start " not in sample:
        rollout = server.start("--tenants", "diku,test,demo", "--max-failures", "1", "--at-once", "1")
    server.refused = set()
    done = run_command(*[rollout if _ID.fullmatch(word) else word for word in words], url=server.url)
    failures_are_left = " resume" in sample
    assert done.returncode == (1 if failures_are_left else 0), done.stderr
