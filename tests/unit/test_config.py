"""Settings: where they come from and what they may be. Their secrets have tests of their own."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from okapi_install.config import FIELDS, Settings, SettingsError, variable
from tests.fixtures.parts import ROOT

TOML = (ROOT / "config/okapi-install.toml").read_text(encoding="utf-8")
DOCS = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
OFFERED = dict(re.findall(r"^# (\w+) = (.+)$", TOML, re.MULTILINE))


@pytest.fixture(autouse=True)
def _no_file_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def env(**values: str) -> dict[str, str]:
    """Variables by the names of settings."""
    return {variable(name): value for name, value in values.items()}


def written(folder: Path, text: str) -> Path:
    """A settings file."""
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_anything_all_settings_have_their_defaults() -> None:
    assert Settings.load({}) == Settings()


def test_the_command_line_beats_the_environment_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    file = written(tmp_path, "workers = 3\nconcurrency = 4\npool_size = 5")
    found = Settings.load(env(workers="30", concurrency="40"), file, workers=300, pool_size=None)
    assert (found.workers, found.concurrency, found.pool_size, found.api_threads) == (300, 40, 5, 400)


def test_the_file_is_the_one_that_is_named_or_the_one_in_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/okapi-install.toml").write_text("workers = 7", encoding="utf-8")
    other = written(tmp_path, "workers = 8")
    assert Settings.load({}).workers == 7
    assert Settings.load({"OKAPI_INSTALL_CONFIG": str(other)}).workers == 8
    assert Settings.load({"OKAPI_INSTALL_CONFIG": ""}).workers == 7


def test_an_empty_variable_counts_as_not_set_and_a_strange_one_is_passed_over() -> None:
    kubernetes = {"OKAPI_INSTALL_SERVICE_HOST": "10.0.0.7", "OKAPI_INSTALL_PORT": "tcp://10.0.0.7:9130"}
    assert Settings.load({**env(workers="", api_key=" "), **kubernetes}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("workers", "5", 5),
        ("insecure", "Yes", True),
        ("metrics", "0", False),
        ("lease_seconds", "20", 20.0),
        ("step_timeout", "3600", 3600.0),
        ("step_timeout", "OFF", None),
        ("log_level", "DEBUG", "debug"),
        ("okapi_jobs", "Refuse", "refuse"),
        ("data", "/srv/okapi", Path("/srv/okapi")),
        ("listen", "[::1]:0", "[::1]:0"),
        ("okapi_url", "https://okapi.example.org/", "https://okapi.example.org"),
        ("broker_url", "valkeys://h:1/2", "rediss://h:1/2?ssl_cert_reqs=required"),
        ("database_url", "postgres://u:p@h/db?sslmode=require", "postgresql+psycopg://u:p@h/db?sslmode=require"),
        ("database_url", "sqlite:////srv/x.db", "sqlite:////srv/x.db"),
    ],
)
def test_a_good_value_is_read(name: str, text: str, value: object) -> None:
    assert getattr(Settings.load(env(**{name: text})), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("workers", "0"),
        ("workers", "two"),
        ("workers", "2.5"),
        ("workers", "-1"),
        ("workers", "٣"),
        ("insecure", "maybe"),
        ("lease_seconds", "0"),
        ("lease_seconds", "nan"),
        ("lease_seconds", "inf"),
        ("beat_seconds", "off"),
        ("step_timeout", "never"),
        ("log_level", "loud"),
        ("listen", "9130"),
        ("listen", "host:65536"),
        ("listen", "[1:2]:9130"),
        ("listen", "http://127.0.0.1:9130"),
        ("okapi_url", "okapi.example.org"),
        ("okapi", "okapi:9130"),
        ("okapi_auth_url", "mod-authtoken"),
        ("okapi_jobs", "ignore"),
        ("okapi_url", "ftp://okapi.example.org"),
        ("okapi_url", "http://[::1"),
        ("broker_url", "amqp://guest@host/"),
        ("broker_url", "redis://"),
        ("broker_url", "redis://host:port"),
        ("database_url", "mysql://host/db"),
        ("database_url", "sqlite://"),
        ("database_url", "sqlite:///:memory:"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_to_write(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load(env(**{name: text}))
    assert refused.value.message.startswith(f"{variable(name)} is ")
    assert ": write " in refused.value.message
    assert not FIELDS[name].repr or text in refused.value.message


@pytest.mark.parametrize("text", ["workers = true", "workers = 2.0", "insecure = 2", "listen = 9130", "metrics = []"])
def test_a_value_of_the_wrong_type_in_the_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=text.split()[0]):
        Settings.load({}, written(tmp_path, text))


def test_a_bad_value_says_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="^--pool-size is 0: write a whole number, at least 1$"):
        Settings.load({}, pool_size=0)
    with pytest.raises(SettingsError, match="^workers in .*settings.toml is 0: write a whole number, at least 1$"):
        Settings.load({}, written(tmp_path, "workers = 0"))


def test_a_misspelt_key_in_the_file_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="worker in .* is not a setting: write workers"):
        Settings.load({}, written(tmp_path, "worker = 3"))
    with pytest.raises(SettingsError, match="write one of listen, data"):
        Settings.load({}, written(tmp_path, "zzz = 3"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        Settings.load({}, tmp_path / "missing.toml")
    with pytest.raises(SettingsError, match="not TOML"):
        Settings.load({}, written(tmp_path, "workers: 3"))
    (tmp_path / "latin.toml").write_bytes(b'data = "\xe9"')
    with pytest.raises(SettingsError, match="not TOML"):
        Settings.load({}, tmp_path / "latin.toml")


def test_a_lease_shorter_than_two_beats_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least twice OKAPI_INSTALL_BEAT_SECONDS"):
        Settings.load(env(lease_seconds="5", beat_seconds="3"))


def test_an_override_that_is_no_setting_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="portt"):
        Settings.load({}, portt=1)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().workers = 3


def test_a_child_process_loads_the_same_settings_whatever_file_it_finds(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/okapi-install.toml").write_text("step_timeout = 9\nmetrics = false", encoding="utf-8")
    url, key = "redis://:geheim@h/1", "geheim" * 8
    given_here = Settings.load(env(step_timeout="off", broker_url=url), api_key=key, listen="[::1]:9")
    assert given_here.step_timeout is None
    assert Settings.load(given_here.to_environ()) == given_here


def test_the_parts_of_an_address() -> None:
    assert (Settings().host, Settings().port) == ("127.0.0.1", 9130)
    six = Settings(listen="[::]:80")
    assert (six.host, six.port, six.public_url) == ("::", 80, "http://[::1]:80")


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:9130", "http://127.0.0.1:9130"),
        ("0.0.0.0:9130", "http://127.0.0.1:9130"),
        ("okapi.example.org:80", "http://okapi.example.org:80"),
    ],
)
def test_modules_are_told_where_the_server_listens_unless_another_url_is_set(listen: str, url: str) -> None:
    assert Settings(listen=listen).public_url == url
    assert Settings(listen=listen, okapi_url="https://gateway").public_url == "https://gateway"


def test_beside_an_okapi_modules_get_its_address_and_links_have_ours() -> None:
    settings = Settings(listen="127.0.0.1:9131", okapi="http://okapi:9130", okapi_url="https://install.example.org")
    assert settings.gateway_url == "http://okapi:9130"
    assert settings.has_gateway
    assert settings.public_url == "https://install.example.org"
    assert Settings(okapi_url="http://gateway").gateway_url == "http://gateway"


@pytest.mark.parametrize("okapi", ["http://127.0.0.1:9130", "http://localhost:9130", "http://[::1]:9130"])
def test_a_service_does_not_stand_beside_itself(okapi: str) -> None:
    with pytest.raises(SettingsError, match=r"^OKAPI_INSTALL_OKAPI is .*, which is this server: write the address of"):
        Settings.load(env(okapi=okapi))
    assert Settings.load(env(okapi=okapi, listen="127.0.0.1:9131")).okapi == okapi


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"])
def test_on_this_machine_the_door_needs_no_key(listen: str) -> None:
    Settings(listen=listen).check_door()


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "10.0.0.7:1", "[::]:1", "host:1", "localhost.example.org:1"])
def test_an_open_door_needs_a_key_or_the_word_insecure(listen: str) -> None:
    with pytest.raises(SettingsError, match="OKAPI_INSTALL_API_KEY"):
        Settings(listen=listen).check_door()
    Settings(listen=listen, api_key="k" * 8).check_door()
    Settings(listen=listen, insecure=True).check_door()


def test_the_database_is_a_file_in_the_data_folder_unless_another_one_is_set(tmp_path: Path) -> None:
    assert Settings(data=Path("d")).database == f"sqlite:///{tmp_path}/d/okapi-install.db"
    assert Settings(database_url="sqlite:///x.db").database == "sqlite:///x.db"


def test_the_example_file_is_all_comments_and_has_every_setting() -> None:
    assert tomllib.loads(TOML) == {}
    assert OFFERED.keys() == FIELDS.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_the_example_file_and_the_documentation_have_the_true_default(name: str, tmp_path: Path) -> None:
    value, default = OFFERED[name], FIELDS[name].default
    offered = tomllib.loads(f"{name} = {value}")[name]
    (sentence,) = re.findall(rf"((?:^# .*\n)+)# {name} = ", TOML, re.MULTILINE)
    (documented,) = re.findall(rf"^\| `{name}` \| `(.*)` \| \w.* \|$", DOCS, re.MULTILINE)
    if "(none)" in sentence:
        assert (default, documented) == (None, "none")
        return
    loaded = getattr(Settings.load({}, written(tmp_path, f"{name} = {value}")), name)
    assert loaded == default
    assert type(loaded) is type(default)
    assert documented == str(offered).lower()


def test_the_variables_of_the_design_are_settings() -> None:
    fixed = ("LISTEN", "DATA", "WORKERS", "DATABASE_URL", "BROKER_URL", "API_KEY", "OKAPI_URL", "STEP_TIMEOUT")
    assert {name.lower() for name in fixed} <= FIELDS.keys()
    assert os.environ.keys().isdisjoint(variable(name) for name in FIELDS)


@pytest.mark.parametrize(
    ("raw", "hosts"),
    [
        ("any", None),
        ("Registry.example.org., *.example.net", ("registry.example.org", "*.example.net")),
        ("10.0.0.7,fd00::1", ("10.0.0.7", "fd00::1")),
    ],
)
def test_allowed_hosts_are_a_list_that_a_child_process_reads_again(raw: str, hosts: tuple[str, ...] | None) -> None:
    settings = Settings.load({"OKAPI_INSTALL_OUTGOING_HOSTS": raw})
    assert settings.outgoing_hosts == hosts
    assert Settings.load(settings.to_environ()).outgoing_hosts == hosts


@pytest.mark.parametrize("raw", ["http://a", "a:80", "a/b", "*", "a,,b", "a b"])
def test_an_allowed_host_is_a_name_without_a_port(raw: str) -> None:
    with pytest.raises(SettingsError, match="OUTGOING_HOSTS"):
        Settings.load({"OKAPI_INSTALL_OUTGOING_HOSTS": raw})
