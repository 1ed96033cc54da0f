"""A shell completes commands, tenants, jobs and modules; without a server, nothing, at once and silently."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

import pexpect
import pytest

from tests.fakes.command import environment, run_command
from tests.fakes.okapi_server import FakeOkapi
from tests.fixtures.parts import missing

_BASH = """
source {script}
COMP_WORDS=({words}) COMP_CWORD={place}
_okapi_install_completion okapi-install
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def settings(url: str) -> dict[str, str]:
    """The command is found by its name."""
    folder = str(Path(sys.executable).parent)
    return environment(url) | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@cache
def bash_script() -> str:
    """The file that `completion bash` prints, made once."""
    with NamedTemporaryFile("w", suffix=".bash", delete=False) as file:
        file.write(run_command("completion", "bash").stdout)
    atexit.register(os.unlink, file.name)
    return file.name


def completed(url: str, *words: str) -> list[str]:
    """What bash offers for the last word."""
    quoted = " ".join(f"'{word}'" for word in ("okapi-install", *words))
    script = _BASH.format(script=bash_script(), words=quoted, place=len(words))
    done = subprocess.run(["bash", "-c", script], env=settings(url), capture_output=True, text=True, check=True)
    # Outside of a Tab, bash has no options of the completion to change.
    noise = [line for line in done.stderr.splitlines() if "compopt: not currently executing" not in line]
    assert noise == []
    return done.stdout.split()


@pytest.fixture
def known(server: FakeOkapi) -> FakeOkapi:
    server.add_job(id="aaa")
    server.add_job("other", id="bbb", status="error", complete=True)
    ids = ("mod-users-1.0.0", "mod-users-1.10.0", "mod-users-1.9.0", "mod-notes-2.0.0", "folio_users-3.0.0")
    server.descriptors = [{"id": ident} for ident in ids]
    return server


def test_bash_completes_commands_and_options(server: FakeOkapi) -> None:
    assert completed(server.url, "re") == ["retry"]
    assert completed(server.url, "tenants", "c") == ["create"]
    assert "--confirm-purge" in completed(server.url, "install", "--con")
    assert server.seen == []


def test_bash_completes_tenants(known: FakeOkapi) -> None:
    assert completed(known.url, "install", "--tenant", "d") == ["diku"]
    assert completed(known.url, "enabled", "") == ["diku", "other"]


def test_bash_completes_the_jobs_that_the_command_is_for(known: FakeOkapi) -> None:
    assert completed(known.url, "job", "") == ["aaa", "bbb"]
    assert completed(known.url, "abort", "") == ["aaa"]
    assert completed(known.url, "retry", "") == ["bbb"]


def test_bash_completes_products_and_then_versions_newest_first(known: FakeOkapi) -> None:
    assert completed(known.url, "install", "--tenant", "diku", "mod-") == ["mod-notes", "mod-users"]
    expected = ["mod-users", "mod-users-1.10.0", "mod-users-1.9.0", "mod-users-1.0.0"]
    assert completed(known.url, "install", "mod-notes", "mod-u") == expected


def test_the_server_of_the_command_line_is_asked(known: FakeOkapi) -> None:
    assert completed("http://127.0.0.1:9", "enabled", "--url", known.url, "di") == ["diku"]


def test_without_a_server_nothing_is_completed_and_nothing_is_printed(server: FakeOkapi) -> None:
    server.stop()
    assert completed(server.url, "job", "") == []
    assert completed("no address", "enabled", "") == []


def test_a_server_that_does_not_respond_is_not_waited_for() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        since = time.monotonic()
        assert completed(f"http://127.0.0.1:{silent.getsockname()[1]}", "enabled", "") == []
        assert time.monotonic() - since < 30


def test_zsh_completes_a_job_with_a_tab(known: FakeOkapi, tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        missing("there is no zsh")
    child = pexpect.spawn(
        "zsh", ["-f"], env=settings(known.url) | {"HOME": str(tmp_path)}, encoding="utf-8", timeout=60
    )
    child.sendline(
        "PS1='ready> '; autoload -U compinit; compinit -u; eval \"$(okapi-install completion zsh)\"; echo set"
    )
    child.expect("\nset\r?\n?.*ready> ")
    child.send("echo okapi-install; okapi-install retry b\t")
    child.expect("retry bbb")
    child.close(force=True)
