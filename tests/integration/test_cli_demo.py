"""The demo, from the command to the last process that it started."""

from __future__ import annotations

import re
import signal
import subprocess

import psutil

from tests.fakes.command import run_process, spawn_command, start_command


def test_the_demo_installs_its_platform_and_ends() -> None:
    done = run_process("demo", "--exit", "--listen", "127.0.0.1:0")
    assert done.returncode == 0, done.stderr
    assert "30 of 30 modules done, 1 warning" in done.stdout
    assert "The index is empty" in done.stdout
    assert "mod-inventory-storage-27.1.4: started" in done.stderr


def test_the_demo_goes_on_serving_an_upgrade_until_ctrl_c() -> None:
    child = spawn_command("demo", "--listen", "127.0.0.1:0")
    child.expect("install of diku")
    child.expect("30 of 30 modules done")
    child.expect(r"okapi-install upgrade --url (http://\S+) --tenant diku --parallel 6")
    assert child.match is not None
    url = str(child.match[1])
    child.expect("Ctrl-C stops everything")
    offspring = psutil.Process(child.pid).children(recursive=True)
    assert len(offspring) >= 4
    upgraded = run_process("upgrade", "--tenant", "diku", "--parallel", "6", url=url)
    assert upgraded.returncode == 0, upgraded.stderr
    assert "10 of 10 modules done" in upgraded.stdout
    child.sendintr()
    child.expect("Stopping everything")
    child.wait()
    child.close()
    assert child.exitstatus == 0
    assert [p for p in offspring if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


def test_the_demo_leaves_nothing_behind_when_it_is_terminated() -> None:
    child = start_command("demo", "--listen", "127.0.0.1:0")
    assert child.stderr is not None
    assert "The service is ready" in child.stderr.readline()
    offspring = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM
    assert [p for p in offspring if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


def test_a_service_that_cannot_start_is_told_with_its_words() -> None:
    done = run_process("demo", "--exit", "--listen", "nowhere")
    assert done.returncode == 1
    assert re.search("did not start", done.stderr)
    assert "nowhere" in done.stderr


def test_a_demo_whose_terminal_is_killed_ends_its_service() -> None:
    child: subprocess.Popen[str] = start_command("demo", "--listen", "127.0.0.1:0")
    assert child.stderr is not None
    child.stderr.readline()
    offspring = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    child.communicate(timeout=60)
    _, alive = psutil.wait_procs(offspring, timeout=60)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
