"""The documentation is true: its samples are run, its links lead somewhere, and what it names is there."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import click
import pytest
import requests
import yaml

from okapi_install import __version__
from okapi_install.cli.main import main
from okapi_install.config import CONFIG_VARIABLE, FIELDS, PREFIX, variable
from okapi_install.demo.platform import behaviours
from okapi_install.demo.stage import TENANT, Stage, open_stage
from okapi_install.domain.jobs import TRANSITIONS, JobStatus
from okapi_install.service.tenants import SUPERTENANT
from tests.acceptance.documents import Fence, anchors, fences, links, named_paths, pages, prose, text_of
from tests.acceptance.shell import Shell
from tests.acceptance.transcripts import ANY, shows
from tests.fakes.command import PATIENCE, start_command
from tests.fixtures.cluster import Embedded, environ
from tests.fixtures.parts import ROOT

pytestmark = pytest.mark.timeout(180)

CONTAINERS = "a container engine, which tests have not"
MACHINE = "it sets up a machine"
FORMS = "the form of a request; the walk at the end of the page runs one"
OWN_PORTS = "servers and ports of the reader; the test has its own"
A_PREFLIGHT = (
    "curl -X POST \"$OKAPI_URL/_/install/preflight?tenant=diku\" -H 'Content-Type: application/json' "
    """-d '[{"id": "mod-users-19.4.0"}]'"""
)
NOT_RUN: Mapping[tuple[str, str], str] = {
    ("README.md", "export OKAPI_URL=http://localhost:9130"): OWN_PORTS,
    ("README.md", "cp .env.example .env && editor .env"): CONTAINERS,
    ("CONTRIBUTING.md", "*"): "they run the tests themselves",
    ("docs/beside-an-okapi.md", "export OKAPI_INSTALL_OKAPI=http://okapi:9130"): OWN_PORTS,
    (
        "docs/beside-an-okapi.md",
        "okapi-install beside http://okapi:9130 --service http://okapi-install:9131 --register --take-over",
    ): OWN_PORTS,
    (
        "docs/beside-an-okapi.md",
        'curl -sS -H "X-Okapi-Token: $OKAPI_TOKEN" http://okapi:9130/_/install/jobs',
    ): OWN_PORTS,
    ("docs/beside-an-okapi.md", "okapi-install adopt http://okapi:9130 --dry-run"): OWN_PORTS,
    ("docs/cli.md", "*"): "options, not a story; the tests in tests/unit/cli run them",
    ("docs/operations.md", "cp .env.example .env && editor .env"): CONTAINERS,
    ("docs/operations.md", "python3 -m venv /opt/okapi-install && /opt/okapi-install/bin/pip install ."): MACHINE,
    ("docs/operations.md", "openssl rand -hex 24"): "secrets are for the reader's eyes",
    ("docs/operations.md", "okapi-install keys add night-shift --role read"): "the demo runs with one key or none",
    (
        "docs/operations.md",
        "OKAPI_INSTALL_BROKER_URL=$(cat data/broker-url) celery -A worker flower --address=127.0.0.1 \\",
    ): "tests/integration/cluster starts Flower",
    ("docs/rollouts.md", A_PREFLIGHT): FORMS,
    (
        "docs/rollouts.md",
        "curl -X POST \"$OKAPI_URL/_/install/rollouts\" -H 'Content-Type: application/json' -d @ramsons.json",
    ): FORMS,
    ("docs/tutorial.md", "git clone https://example.org/okapi-install.git && cd okapi-install"): OWN_PORTS,
    ("docs/tutorial.md", ". .venv/bin/activate"): OWN_PORTS,
}
"""Samples in `console` fences, by page and first command (`*`: all of the page), and why they are not run."""

NOT_CARRIED_OUT = frozenset({"console", "text", "mermaid", "nginx", "ini", "sql", "yaml", "json", "http"})
"""Languages of fences that are no program; JSON, YAML and INI are read."""

OUR_COMMAND = re.compile(r"\bokapi-install ([a-z][^|>)&]*)")

PROGRAMS = frozenset({"sh", "python"})

WITH_A_TEST_OF_ITS_OWN = frozenset({"README.md", "docs/beside-an-okapi.md", "docs/solutions.md", "docs/tutorial.md"})
"""Pages that begin at another point than the others, which begin where `okapi-install demo` invites its reader, or
that register modules which the others must not meet.
"""


def samples(page: str) -> list[tuple[Fence, Fence | None]]:
    """What is to be run of the page, each with the output that is shown for it."""
    found = fences(page)
    following = {fence: after for fence, after in pairwise(found) if after.output}
    return [(fence, following.get(fence)) for fence in found if fence.language in PROGRAMS]


@pytest.fixture(scope="module")
def prepared() -> Iterator[Stage]:
    """A server that knows the demo's platform and its newer versions."""
    with open_stage("127.0.0.1:0") as stage:
        stage.prepare()
        stage.add_next_generation()
        yield stage


@pytest.fixture
def invited(prepared: Stage) -> Mapping[str, str]:
    """That server where the demo invites its reader: one tenant, with the platform, and no upgrade yet."""
    for tenant in prepared.client.send("GET", "/_/proxy/tenants").document():
        if tenant["id"] != SUPERTENANT:
            prepared.client.send("DELETE", f"/_/proxy/tenants/{tenant['id']}")
    prepared.back_end.behave_well()
    prepared.client.send("POST", "/_/proxy/tenants", {"id": TENANT})
    prepared.client.send("POST", f"/_/proxy/tenants/{TENANT}/install", prepared.request(1).modules)
    prepared.back_end.behave_all(behaviours())
    return variables_of(prepared)


def variables_of(stage: Stage) -> dict[str, str]:
    """The variables that lead to a server and to its modules."""
    return {"OKAPI_URL": stage.service.url, "MODULES": stage.back_end.url}


@contextmanager
def demonstrated() -> Iterator[tuple[Mapping[str, str], str]]:
    """The demo, while it serves after its job; the variable that leads to it, and what it has printed."""
    demo = start_command("demo", "--listen", "127.0.0.1:0")
    try:
        assert demo.stdout is not None
        assert demo.stderr is not None
        said = list(until(demo.stderr, "Ctrl-C stops everything"))
        printed = "".join(until(demo.stdout, "install of "))
        yield {"OKAPI_URL": said[0].partition("ready on ")[2].partition(",")[0]}, printed
    finally:
        demo.terminate()
        demo.communicate(timeout=PATIENCE)


def until(lines: Iterable[str], text: str) -> Iterator[str]:
    """The lines up to the one that has the text."""
    for line in lines:
        yield line
        if text in line:
            return


def carry_out(page: str, folder: Path, variables: Mapping[str, str]) -> None:
    """Carries out the samples of a page, in a folder that looks like the checkout, and compares what they show."""
    for name in ("okapi_install", "config", "docs"):
        (folder / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}:{environ({})['PATH']}"
    with Shell(folder, {**environ({}), **variables, "PATH": path, "PYTHONUTF8": "1"}) as shell:
        for fence, output in samples(page):
            (folder / "sample.py").write_text(fence.text, encoding="utf-8")
            code, came = shell.run("python sample.py" if fence.language == "python" else fence.text)
            assert code == 0, f"{fence.where} ended with {code}:\n{came}"
            if output is not None:
                assert shows(output.language, output.text, came), f"{output.where} shows something else than\n{came}"


def wait_until_well(url: str) -> None:
    """Waits for the first heartbeat of the workers. The health check says 503 before."""
    deadline = time.monotonic() + PATIENCE
    while requests.get(f"{url}/_/install/health", timeout=PATIENCE).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("language", "shown", "came", "same"),
    [
        ("text", "done in 2.3 s\n", "done in 11 s", True),
        ("text", "one\n…\nfour\n", "one\ntwo\nthree\nfour\n", True),
        ("text", "one\n…\nfour\n", "one\ntwo\nthree\n", False),
        ("text", "422: …\n", "422: no\n", True),
        ("text", "done\n", "done\nand more\n", False),
        ("json", '{"a": 1, "…": "…"}', '{"a": 1, "b": 2}', True),
        ("json", '{"a": 1}', '{"a": 1, "b": 2}', False),
        ("json", '[1, "…"]', "[1, 2, 3]", True),
        ("json", "[1, 2]", "[1, 2, 3]", False),
        ("json", '{"complete": false}', '{"complete": 0}', False),
        ("json", '"2026-11-23T02:18:53.600Z"', '"2027-01-01T00:00:00.000Z"', True),
        ("json", "{}", "no JSON", False),
    ],
)
def test_an_output_is_told_from_another(language: str, shown: str, came: str, same: bool) -> None:
    assert shows(language, shown, came) is same


def test_the_readme_shows_what_the_demo_does(tmp_path: Path) -> None:
    (shown,) = [fence for fence in fences("README.md") if fence.language == "text" and not fence.output]
    with demonstrated() as (variables, printed):
        assert shows("text", f"{ANY}\n{shown.text}", printed), f"{shown.where} shows something else than\n{printed}"
        carry_out("README.md", tmp_path, variables)


def test_the_samples_of_the_tutorial_do_what_it_says_beside_an_empty_server(tmp_path: Path) -> None:
    with open_stage("127.0.0.1:0") as stage:
        carry_out("docs/tutorial.md", tmp_path, variables_of(stage))


def test_the_samples_about_solutions_do_what_it_says_on_the_demos_platform(tmp_path: Path) -> None:
    with open_stage("127.0.0.1:0") as stage:
        stage.prepare()
        stage.add_next_generation()
        stage.client.send("POST", f"/_/proxy/tenants/{TENANT}/install", stage.request(1).modules)
        carry_out("docs/solutions.md", tmp_path, variables_of(stage))


def test_the_samples_beside_an_okapi_do_what_it_says_beside_the_demos_server(tmp_path: Path) -> None:
    with open_stage("127.0.0.1:0") as stage:
        stage.prepare()
        stage.client.send("POST", f"/_/proxy/tenants/{TENANT}/install", stage.request(6).modules)
        service = Embedded(tmp_path / "service", {"OKAPI_INSTALL_OKAPI": stage.service.url})
        try:
            service.start()
            wait_until_well(service.url)
            folder = tmp_path / "reader"
            folder.mkdir()
            carry_out("docs/beside-an-okapi.md", folder, {"OKAPI": stage.service.url, "OKAPI_URL": service.url})
        finally:
            service.process.end()


@pytest.mark.parametrize("page", [p for p in pages() if samples(p) and p not in WITH_A_TEST_OF_ITS_OWN])
def test_the_samples_of_a_page_do_what_it_says(invited: Mapping[str, str], page: str, tmp_path: Path) -> None:
    carry_out(page, tmp_path, invited)


@pytest.mark.parametrize("page", pages())
def test_what_is_not_run_is_listed_with_a_reason(page: str) -> None:
    found = {(page, fence.commands()[0]) for fence in fences(page) if fence.language == "console"}
    listed = {key for key in NOT_RUN if key[0] == page}
    assert found == listed or (listed == {(page, "*")} and found)


@pytest.mark.parametrize("page", pages())
def test_fences_have_a_known_language_and_data_can_be_read(page: str) -> None:
    for fence in fences(page):
        assert fence.language in NOT_CARRIED_OUT | PROGRAMS, fence.where
        if fence.language == "json":
            json.loads(fence.text)
        if fence.language == "yaml":
            yaml.safe_load(fence.text)
        if fence.language == "ini":
            configparser.ConfigParser(interpolation=None).read_string(fence.text)


def commands_shown() -> list[tuple[str, str]]:
    """Every command line of ours in the fences that are not run."""
    return [
        (fence.where, command)
        for page in pages()
        for fence in fences(page)
        if fence.language == "console"
        for command in fence.commands()
        if OUR_COMMAND.search(command)
    ]


@pytest.mark.parametrize(("where", "command"), commands_shown())
def test_a_command_that_is_shown_is_one_that_there_is(where: str, command: str) -> None:
    (line,) = OUR_COMMAND.findall(command)
    name, *arguments = shlex.split(line)
    context = click.Context(main)
    known = main.get_command(context, name)
    assert known is not None, where
    known.make_context(name, arguments, parent=context)


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    for link in links(page):
        if re.match(r"https?://", link):
            continue
        target, _, fragment = link.partition("#")
        path = ((ROOT / page).parent / target).resolve() if target else ROOT / page
        assert path.exists(), f"{page} links to {link}"
        assert path.is_relative_to(ROOT), f"{page} links to {link}"
        assert not fragment or fragment in anchors(path), f"{page} links to {link}"


def test_every_page_is_on_the_map() -> None:
    on_map = {link for link in links("docs/README.md") if not link.startswith("http")}
    everything = {p.removeprefix("docs/") for p in pages() if p.startswith("docs/")} - {"README.md"}
    assert everything - on_map == set()


@pytest.mark.parametrize("page", pages())
def test_files_and_settings_that_are_named_are_there(page: str) -> None:
    assert [path for path in named_paths(page) if not (ROOT / path).exists()] == []
    known = {variable(name) for name in FIELDS} | {CONFIG_VARIABLE, PREFIX, "OKAPI_INSTALL_VERSION"}
    assert set(re.findall(r"\bOKAPI_INSTALL_[A-Z_]*", text_of(page))) - known == set()


@pytest.mark.parametrize("page", pages())
def test_defaults_that_are_told_are_so(page: str) -> None:
    told = re.findall(r"`([a-z_]+)` \((\d+)\b", text_of(page))
    assert [(name, value) for name, value in told if name in FIELDS and FIELDS[name].default != float(value)] == []


def test_alerts_that_are_named_are_those_that_there_are() -> None:
    alerts = (ROOT / "config/prometheus-alerts.yml").read_text(encoding="utf-8")
    wanted = set(re.findall(r"`(OkapiInstall\w+)`", prose("docs/operations.md")))
    assert wanted == set(re.findall(r"alert: (\w+)", alerts))


def test_code_refers_to_pages_that_there_are() -> None:
    for path in [*(ROOT / "okapi_install").rglob("*.py"), *(ROOT / "worker").rglob("*.py")]:
        for named in re.findall(r"\bdocs/[\w/-]+(?:\.md)?", path.read_text(encoding="utf-8")):
            assert list(ROOT.glob(f"{named.removesuffix('.md')}*")), f"{path.name} refers to {named}"


def test_the_diagram_of_a_jobs_life_is_the_codes() -> None:
    (diagram,) = [f for f in fences("docs/architecture.md") if f.text.startswith("stateDiagram-v2")]
    arrows = [f"{origin} --> {target}: {why}" for origin, ways in TRANSITIONS.items() for target, why in ways.items()]
    shown = [line.strip() for line in diagram.text.splitlines()[1:]]
    assert shown == [f"[*] --> {JobStatus.QUEUED}: a client posts it", *arrows]


def test_the_newest_version_of_the_changelog_is_that_of_the_package() -> None:
    headings = re.findall(r"^## (.+)$", text_of("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    newest = re.fullmatch(r"(\S+) - \d{4}-\d{2}-\d{2}", headings[1])
    assert newest is not None
    assert newest[1] == __version__
