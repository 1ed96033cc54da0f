"""What a module or a server says is printed so that no terminal obeys it."""

from __future__ import annotations

import json

import click
import pytest

from okapi_install.cli.wording import jobs_lines, plan_lines, result_lines
from okapi_install.client.errors import NotFound
from okapi_install.client.progress import detailed_job, plain_job
from tests.fakes.command import run_command
from tests.fakes.okapi_server import FakeOkapi

WORDS = "\x1b]0;owned\x07\x1b[2J\u202ered\r\nforged: line\n"


def obeyed(text: str) -> set[str]:
    """Signs that a terminal obeys."""
    return set(text) & set("\x1b\x07\x9b\u202e\r")


@pytest.fixture
def hostile(server: FakeOkapi) -> FakeOkapi:
    server.fails = {"mod-b-1.1.0": WORDS}
    return server


def test_a_failed_job_shows_the_words_and_obeys_none(hostile: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "mod-b", url=hostile.url)
    assert done.returncode == 1
    assert r"\u001b]0;owned" in done.stdout
    assert obeyed(done.stdout + done.stderr) == set()
    assert not any(line.startswith("forged") for line in (done.stdout + done.stderr).splitlines())


def test_json_says_the_same_and_obeys_none(hostile: FakeOkapi) -> None:
    done = run_command("install", "--tenant", "diku", "--json", "mod-b", url=hostile.url)
    (job,) = hostile.jobs.values()
    assert json.loads(done.stdout) == job
    assert obeyed(done.stdout) == set()


def test_no_text_of_a_server_is_obeyed() -> None:
    job = {"id": WORDS, "modules": [{"id": WORDS, "message": WORDS, "errors": [{"message": WORDS, "code": WORDS}]}]}
    shown = [
        *result_lines(detailed_job({**job, "message": WORDS, "tenant": WORDS})),
        *result_lines(plain_job(job, "diku")),
        *plan_lines([{"id": WORDS, "action": WORDS, "from": "x"}]),
        *jobs_lines([{**job, "tenant": WORDS, "modules": {}}]),
        NotFound(WORDS, 404).message,
    ]
    assert obeyed(click.unstyle("".join(shown))) == set()
