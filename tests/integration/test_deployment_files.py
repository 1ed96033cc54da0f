"""docker-compose.yml, Dockerfile and their kin, without a container engine: what they say is checked, and that it is
what the tests of the cluster start as processes.
"""

from __future__ import annotations

import configparser
import re
import runpy
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_pydantic.models import ComposeSpecification

from okapi_install.config import FIELDS, PREFIX, Settings, SettingsError, variable
from okapi_install.web.server import gunicorn_options
from tests.fixtures.deployment import DEPLOYED, SECRETS
from tests.fixtures.parts import ROOT
from tests.fixtures.redis import REDIS_OPTIONS

_DURATION = re.compile(r"(\d+h)?(\d+m)?(\d+s)?")
_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}")
_PINNED = re.compile(r"[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9]+)+")
FILLED = dict.fromkeys(SECRETS, "a-secret")


def text(name: str) -> str:
    """A file of the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


def interpolated(node: object, environ: Mapping[str, str]) -> Any:
    """A part of the compose file with its variables filled in, as compose does it. Raises KeyError without a secret."""
    if isinstance(node, dict):
        return {key: interpolated(value, environ) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolated(value, environ) for value in node]
    return _filled_in(node, environ) if isinstance(node, str) else node


def _filled_in(words: str, environ: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        if environ.get(name):
            return environ[name]
        if kind != "-":
            raise KeyError(name)
        return str(default)

    return _VARIABLE.sub(value, words).replace("$$", "$")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file with its secrets filled in."""
    document: dict[str, Any] = interpolated(yaml.safe_load(text("docker-compose.yml")), FILLED)
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Its services."""
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def test_the_compose_file_follows_the_compose_schema(compose: dict[str, Any]) -> None:
    ComposeSpecification.model_validate({key: value for key, value in compose.items() if not key.startswith("x-")})


def test_the_compose_schema_finds_what_is_wrong(compose: dict[str, Any]) -> None:
    wrong = {"services": {"api": {**compose["services"]["api"], "helthcheck": {}}}}
    with pytest.raises(ValueError, match="helthcheck"):
        ComposeSpecification.model_validate(wrong)


def test_the_cluster_has_all_its_parts(services: dict[str, dict[str, Any]]) -> None:
    assert services.keys() == {"postgres", "redis", *DEPLOYED}


@pytest.mark.parametrize("service", DEPLOYED)
def test_a_service_runs_the_command_that_the_tests_run(services: dict[str, dict[str, Any]], service: str) -> None:
    assert tuple(services[service]["command"]) == DEPLOYED[service]


def test_redis_is_set_as_in_the_tests(services: dict[str, dict[str, Any]]) -> None:
    assert services["redis"]["command"] == ["redis-server", *REDIS_OPTIONS, "--requirepass", "a-secret"]


def test_every_service_that_stays_has_a_health_check_and_time_to_end(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
        if name == "migrate":
            continue
        check = service["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL")
        for duration in [check["interval"], check["timeout"], service["stop_grace_period"]]:
            assert _DURATION.fullmatch(duration)


def test_nothing_starts_before_what_it_needs(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            healthy = how["condition"] == "service_healthy"
            assert how["condition"] == ("service_completed_successfully" if needed == "migrate" else "service_healthy")
            assert not healthy or "healthcheck" in services[needed]
    assert services["migrate"]["depends_on"].keys() == {"postgres"}
    for name in ("api", "worker", "flower"):
        assert services[name]["depends_on"].keys() == {"migrate", "postgres", "redis"}


def test_only_api_and_flower_are_published_and_only_on_this_machine(services: dict[str, dict[str, Any]]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:9130:9130"], "flower": ["127.0.0.1:5555:5555"]}


def test_workers_can_be_scaled(services: dict[str, dict[str, Any]]) -> None:
    assert services["worker"].keys().isdisjoint({"container_name", "ports", "hostname"})


def test_our_services_have_no_more_rights_than_they_need(services: dict[str, dict[str, Any]]) -> None:
    for name in DEPLOYED:
        service = services[name]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"]
        assert "privileged" not in service


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_without_a_secret_nothing_starts(secret: str) -> None:
    without = {name: value for name, value in FILLED.items() if name != secret}
    with pytest.raises(KeyError, match=secret):
        interpolated(yaml.safe_load(text("docker-compose.yml")), without)


def test_every_variable_of_the_compose_file_is_in_the_example_and_no_secret_has_a_value() -> None:
    used = {name for name, _, _ in _VARIABLE.findall(text("docker-compose.yml"))}
    offered = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text(".env.example"), re.MULTILINE))
    assert offered.keys() == used
    assert {name: offered[name] for name in SECRETS} == dict.fromkeys(SECRETS, "")


def test_defaults_in_the_example_are_those_of_the_compose_file() -> None:
    defaults = {name: words for name, kind, words in _VARIABLE.findall(text("docker-compose.yml")) if kind == "-"}
    offered = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text(".env.example"), re.MULTILINE))
    assert offered == defaults


@pytest.mark.parametrize("service", DEPLOYED)
def test_the_settings_of_a_service_are_settings(services: dict[str, dict[str, Any]], service: str) -> None:
    environ = {name: str(value) for name, value in services[service]["environment"].items()}
    ours = {name for name in environ if name.startswith(PREFIX)}
    assert ours <= {variable(name) for name in FIELDS}
    settings = Settings.load(environ)
    settings.check_door()
    assert (
        settings.database == "postgresql+psycopg://okapi_install:a-secret@postgres:5432/okapi_install?sslmode=disable"
    )
    assert settings.broker_url == "redis://:a-secret@redis:6379/0"


def test_flower_has_a_password(services: dict[str, dict[str, Any]]) -> None:
    environ = services["flower"]["environment"]
    assert environ["FLOWER_BASIC_AUTH"] == "a-secret"
    assert "FLOWER_UNAUTHENTICATED_API" not in environ


def test_images_are_pinned_to_a_version(services: dict[str, dict[str, Any]]) -> None:
    bases = re.findall(r"^FROM (\S+)", text("Dockerfile"), re.MULTILINE)
    assert len(bases) == 2
    for image in [*bases, services["postgres"]["image"], services["redis"]["image"]]:
        assert _PINNED.fullmatch(image), image
    assert {services[name]["image"] for name in DEPLOYED} == {"okapi-install:latest"}


def test_the_image_runs_as_an_unprivileged_user_and_tells_its_health() -> None:
    lines = text("Dockerfile").replace("\\\n", " ").splitlines()
    last_stage = lines[max(at for at, line in enumerate(lines) if line.startswith("FROM ")) :]
    (user,) = [line.split()[1] for line in last_stage if line.startswith("USER ")]
    assert int(user.split(":")[0]) > 0
    (command,) = [at for at, line in enumerate(last_stage) if line.startswith("CMD ")]
    assert last_stage.index(f"USER {user}") < command
    assert yaml.safe_load(last_stage[command].removeprefix("CMD ")) == list(DEPLOYED["api"])
    (health,) = [line for line in last_stage if line.startswith("HEALTHCHECK ")]
    assert "/_/install/health" in health
    assert "http.client" in health  # unlike urllib, it takes no proxy from the environment


def test_health_checks_and_temporary_folders_suit_podman_too(services: dict[str, dict[str, Any]]) -> None:
    checks = {name: " ".join(service["healthcheck"]["test"]) for name, service in services.items() if name != "migrate"}
    assert "/_/install/health" in checks["api"]
    assert "HOSTNAME" not in str(checks)
    assert "celery@$(hostname)" in checks["worker"].replace("$$", "$")
    for service in services.values():
        assert not any("uid=" in folder for folder in service.get("tmpfs", []))


def test_the_sample_of_a_proxy_takes_a_release_and_tells_the_scheme() -> None:
    (sample,) = re.findall(r"```nginx\n(.*?)```", text("docs/operations.md"), re.DOTALL)
    assert "client_max_body_size 32m;" in sample
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in sample


def test_the_build_sees_what_it_copies_and_no_more() -> None:
    copied = {
        word for line in re.findall(r"^COPY (.+) \S+$", text("Dockerfile"), re.MULTILINE) for word in line.split()
    }
    seen = set(re.findall(r"^!(.+)$", text(".dockerignore"), re.MULTILINE))
    assert text(".dockerignore").splitlines()[1] == "*"
    assert copied == seen
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []


def test_the_image_has_the_python_that_the_package_asks_for() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    least = tuple(map(int, setup["options"]["python_requires"].removeprefix(">=").split(".")))
    versions = re.findall(r"^FROM python:(\d+)\.(\d+)", text("Dockerfile"), re.MULTILINE)
    assert {tuple(map(int, version)) >= least for version in versions} == {True}


def test_gunicorn_takes_the_settings_that_the_command_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OKAPI_INSTALL_LISTEN", "127.0.0.1:9999")
    monkeypatch.setenv("OKAPI_INSTALL_API_THREADS", "7")
    found = runpy.run_path(str(ROOT / "config/gunicorn.py"))
    wanted = gunicorn_options(Settings(listen="127.0.0.1:9999", api_threads=7))
    assert {name: found[name] for name in wanted} == wanted
    assert (found["bind"], found["threads"]) == ("127.0.0.1:9999", 7)
    assert found["worker_class"].endswith(".ArrivalWorker")


def test_gunicorn_does_not_open_a_door_without_a_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OKAPI_INSTALL_LISTEN", "0.0.0.0:9999")
    with pytest.raises(SettingsError, match="OKAPI_INSTALL_API_KEY"):
        runpy.run_path(str(ROOT / "config/gunicorn.py"))


def test_the_settings_file_is_toml() -> None:
    assert tomllib.loads(text("config/okapi-install.toml")) == {}


@pytest.mark.parametrize("script", [".ci/run"])
def test_a_script_can_be_run_and_is_bash(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    bash = shutil.which("bash")
    assert bash
    assert subprocess.run([bash, "-n", path], check=False).returncode == 0


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make", "-C", ROOT], check=True, capture_output=True, text=True).stdout
    for target in ("run", "test", "check", "format", "bench", "soak", "load", "clean"):
        assert re.search(rf"^  make {target} +\w", listed, re.MULTILINE)
