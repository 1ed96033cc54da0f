"""Every command has help worth reading, quick to come; every sample of the documentation is a command that works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from okapi_install.cli.connection import ClientCommand, ClientGroup
from okapi_install.cli.exits import EXIT_CODES, Exit
from okapi_install.cli.main import SECTIONS, main
from tests.fakes.command import run_command
from tests.fakes.okapi_server import fake_okapi

COMMANDS = {name: text for section in SECTIONS.values() for name, (_, text) in section.items()}
CLIENT_COMMANDS = ["install", "upgrade", "tenants", "enabled", "jobs", "job", "abort", "retry"]
ROLLOUT_COMMANDS = [f"rollout {verb}" for verb in ("start", "status", "list", "pause", "resume", "retry", "abort")]
"""Their samples need a server with rollouts; tests/unit/cli/test_rollout.py has one."""
SUBCOMMANDS = ["modules import", "modules announce", "tenants create"]
OKAPI_COMMANDS = ["beside", "adopt"]
"""Their samples name an Okapi; tests/unit/cli/test_beside.py has one."""
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "cli.md"


def command(name: str) -> click.Command:
    found: click.Command = main
    for word in name.split():
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), word)
        assert inner is not None
        found = inner
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_in_the_list_is_there_and_has_help(name: str) -> None:
    assert command(name).name == name
    done = run_command(name, "--help")
    assert done.returncode == 0
    assert (command(name).help or "").strip()


@pytest.mark.parametrize("name", [*CLIENT_COMMANDS, "demo"])
def test_the_list_says_what_the_command_says(name: str) -> None:
    first = " ".join((command(name).help or "").split("\n\n")[0].split())
    assert first.split(":")[0].split(",")[0].rstrip(".") in COMMANDS[name]


@pytest.mark.parametrize("name", [*CLIENT_COMMANDS, *SUBCOMMANDS, *OKAPI_COMMANDS, *ROLLOUT_COMMANDS])
def test_help_has_examples_and_the_exit_codes(name: str) -> None:
    text = run_command(*name.split(), "--help").stdout
    assert "Example" in text
    assert f"okapi-install {name} " in text
    for code in Exit:
        assert f"  {int(code)}  " in text
    assert isinstance(command(name), (ClientCommand, ClientGroup))


def test_many_options_are_listed_in_sections_each_once() -> None:
    text = run_command("install", "--help").stdout
    titles = re.findall(r"^(\w[\w ]+):$", text, re.MULTILINE)
    assert titles[:5] == [
        "Options",
        "How modules are changed",
        "If the request is refused",
        "Before and while it runs",
        "Server and output",
    ]
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE)
    every = [param.opts[-1] for param in command("install").get_params(click.Context(main)) if param.opts[0][0] == "-"]
    assert sorted(options) == sorted(opt.split("/")[0] for opt in every)


def test_exit_codes_are_the_same_in_help_and_documentation() -> None:
    listed = dict(re.findall(r"^  (\d)  (.+)$", EXIT_CODES, re.MULTILINE))
    documented = dict(re.findall(r"^\| (\d) \| (.+) \|$", DOCUMENTATION.read_text("utf-8"), re.MULTILINE))
    assert listed == documented
    assert [int(number) for number in listed] == list(Exit)


def test_the_first_help_imports_neither_rich_nor_requests_nor_a_server() -> None:
    program = "import sys; from okapi_install.cli.main import main; main(['--help'], standalone_mode=False);"
    program += (
        "print([m for m in ('rich', 'requests', 'flask', 'celery', 'sqlalchemy', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_of_a_command_that_runs_a_server_does_not_import_pydantic() -> None:
    program = "import sys; from okapi_install.cli.main import main;"
    program += "main(['serve', '--help'], standalone_mode=False); print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_an_unknown_command_is_a_usage_error() -> None:
    done = run_command("instal")
    assert done.returncode == 2
    assert "No such command" in done.stderr


def test_the_version_is_printed() -> None:
    assert run_command("--version").stdout.startswith("okapi-install ")


def samples(text: str) -> list[str]:
    """Command lines of documentation, with what a shell would put in."""
    lines = [line.strip().removeprefix("$ ") for line in text.splitlines()]
    inner = [re.sub(r"^JOB=\$\((.*)\)$", r"\1", line) for line in lines]
    return [line for line in inner if line.startswith("okapi-install ") and "demo" not in line and "--help" not in line]


def documented() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", DOCUMENTATION.read_text("utf-8"), re.DOTALL)
    found = [line for block in blocks for line in samples(block) if " rollout " not in line]
    for name in [*CLIENT_COMMANDS, *SUBCOMMANDS]:
        found += samples(command(name).epilog or "")
    return [line for line in found if line.split()[1] not in OKAPI_COMMANDS]


@pytest.mark.parametrize("sample", documented())
def test_every_sample_works(sample: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("install.json", "plan.json"):
        (tmp_path / name).write_text('[{"id": "mod-a-1.0.0", "action": "enable"}]', "utf-8")
    (tmp_path / "descriptors").mkdir()
    for folder in (tmp_path, tmp_path / "descriptors"):
        (folder / "descriptors.json").write_text('[{"id": "mod-a-1.0.0"}]', "utf-8")
    with fake_okapi(tenants=[]) as server:
        job = server.add_job()
        if " retry" in sample:
            job |= {"complete": True, "status": "error"}
        words = shlex.split(re.split(r" [|>] ", sample)[0])[1:]
        names = {"$JOB": job["id"], "1d0c8f52-9d5c-4f7e-a7f4-0a35d3bd7a39": job["id"]}
        done = run_command(*[names.get(word, word) for word in words], url=server.url)
    assert done.returncode == 0, done.stderr
