"""Settings: read once, frozen, passed on. The only place that reads the environment and the settings file.

It knows what each setting is called, its default and what it may be; it must not know what the parts do with it.
A setting comes from the command line, else from the environment (`OKAPI_INSTALL_` and its name in upper case), else
from the file (TOML, `config/okapi-install.toml`), else from its default. An empty variable counts as not set.

Variables that are no setting are passed over: Kubernetes puts `OKAPI_INSTALL_SERVICE_HOST` and its kind beside a
service of that name. A key of the file that is no setting is an error, with the name that was probably meant.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from okapi_install import config_rules as rules
from okapi_install.domain.errors import UserError

PREFIX = "OKAPI_INSTALL_"
CONFIG_VARIABLE = PREFIX + "CONFIG"
DEFAULT_FILE = Path("config/okapi-install.toml")


class SettingsError(UserError):
    """A setting cannot be so: `key` is where it was set, `shown` its value (secrets hidden), `hint` what to write."""

    code = "bad_setting"

    def __init__(self, key: str, shown: str, hint: str) -> None:
        super().__init__(f"{key} is {shown}: write {hint}")
        self.key = key
        self.shown = shown
        self.hint = hint


def _setting(rule: rules.Rule, default: object, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"rule": rule, "secret": secret})


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Settings:
    """All settings of one process. Times are in seconds; None is what each line says, mostly "off"."""

    listen: str = _setting(rules.address, "127.0.0.1:9130")
    data: Path = _setting(rules.folder, Path("data"))  # noqa: RUF009 - a field, and a Path is immutable
    workers: int = _setting(rules.count(1), 2)
    concurrency: int = _setting(rules.count(1), 500)
    worker_nice: int = _setting(rules.count(0), 2)
    api_threads: int = _setting(rules.count(4), 400)

    database_url: str | None = _setting(rules.database_url, None)
    """None: SQLite in the data folder."""
    pool_size: int = _setting(rules.count(1), 6)
    startup_wait_seconds: float = _setting(rules.seconds, 60.0)
    store_retry_seconds: float = _setting(rules.seconds, 60.0)
    broker_url: str | None = _setting(rules.redis_url, None)
    """None: an embedded Valkey, started by `serve`."""

    api_key: str | None = _setting(rules.text, None, secret=True)
    insecure: bool = _setting(rules.flag, False)
    """None: the file `key` in the data folder."""
    okapi_url: str | None = _setting(rules.web_url, None)
    """None: this server's own address."""
    strict_delete: bool = _setting(rules.flag, False)
    system_auth: bool = _setting(rules.flag, True)
    max_body_bytes: int = _setting(rules.count(1024), 32 * 1024 * 1024)
    max_waiting_jobs: int = _setting(rules.count(1), 100)
    sync_timeout: float | None = _setting(rules.seconds_or_off, None)
    keep_complete_seconds: float | None = _setting(rules.seconds_or_off, None)

    lease_seconds: float = _setting(rules.seconds, 15.0)
    beat_seconds: float = _setting(rules.seconds, 3.0)
    sweep_seconds: float = _setting(rules.seconds, 2.0)
    republish_seconds: float = _setting(rules.seconds, 10.0)

    step_timeout: float | None = _setting(rules.seconds_or_off, None)
    call_timeout: float | None = _setting(rules.seconds_or_off, None)
    connect_timeout: float = _setting(rules.seconds, 10.0)
    connect_retry_seconds: float = _setting(rules.seconds, 90.0)
    connect_retry_count: int = _setting(rules.count(0), 22)
    poll_timeout: float = _setting(rules.seconds, 60.0)
    poll_wait_ms: int = _setting(rules.count(0), 10000)
    poll_retry_seconds: float = _setting(rules.seconds, 30.0)
    slow_step_seconds: float = _setting(rules.seconds, 60.0)
    lost_job_timeout: float | None = _setting(rules.seconds_or_off, None)

    callback_url: str | None = _setting(rules.web_url, None)
    callback_secret: str | None = _setting(rules.text, None, secret=True)
    callback_per_job: bool = _setting(rules.flag, True)

    outgoing_hosts: tuple[str, ...] | None = _setting(rules.hosts, None)
    """None: any."""
    pull_max_bytes: int = _setting(rules.count(1024), 128 * 1024 * 1024)
    pull_seconds: float = _setting(rules.seconds, 300.0)

    log_level: str = _setting(rules.choice("debug", "info", "warning", "error"), "info")
    log_format: str = _setting(rules.choice("console", "json"), "console")
    metrics: bool = _setting(rules.flag, True)
    otel_endpoint: str | None = _setting(rules.web_url, None)

    @classmethod
    def load(cls, environ: Mapping[str, str], file: Path | None = None, /, **overrides: object) -> Self:
        """The settings of this process.

        `overrides` are the command line's, by the names of the fields; None means not given. `file` is the settings
        file; without it `OKAPI_INSTALL_CONFIG` names it, and without that it is `config/okapi-install.toml` under the
        current folder, if there is one.

        Raises:
            SettingsError: a value is wrong, two do not go together, or the file cannot be read.
        """
        found = _read_file(file or _file_of(environ))
        found.update(_from_environment(environ))
        found.update(_from_command_line(overrides))
        values: dict[str, Any] = {name: _checked(name, *origin) for name, origin in found.items()}
        settings = cls(**values)
        settings._check_together()
        return settings

    def to_environ(self) -> dict[str, str]:
        """Variables from which a child process loads the same settings, whatever file it would find."""
        given = {name: getattr(self, name) for name in FIELDS}
        variables = {variable(name): _as_text(value) for name, value in given.items() if value is not None}
        return {CONFIG_VARIABLE: os.devnull, **variables}

    @property
    def database(self) -> str:
        """The URL of the database in use."""
        return self.database_url or f"sqlite:///{quote(str(self.data.absolute() / 'okapi-install.db'))}"

    @property
    def host(self) -> str:
        """The address to listen on, without the port."""
        return rules.host_and_port(self.listen)[0]

    @property
    def port(self) -> int:
        """The port to listen on."""
        return rules.host_and_port(self.listen)[1]

    @property
    def public_url(self) -> str:
        """What modules get as `X-Okapi-Url`: `okapi_url`, or where this server listens."""
        if self.okapi_url:
            return self.okapi_url
        anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not listened on
        host = anywhere.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def has_gateway(self) -> bool:
        """Whether `okapi_url` leads to something else than this server itself."""
        if self.okapi_url is None:
            return False
        parts = urlsplit(self.okapi_url)
        own = {self.host, "localhost", "127.0.0.1", "::1"}
        return parts.hostname not in own or (parts.port or 80) != self.port

    @property
    def listens_locally(self) -> bool:
        """Whether only this machine can connect: the host is a loopback address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check_door(self) -> None:
        """Raises SettingsError where others could connect without a key, unless that was said to be wanted."""
        if self.listens_locally or self.api_key or self.insecure:
            return
        hint = f"{variable('api_key')} too, or listen on 127.0.0.1; --insecure opens it to everybody"
        raise SettingsError(variable("listen"), f'"{self.listen}", which others can reach, and there is no key', hint)

    def described(self) -> dict[str, str]:
        """Every setting as it may be shown: no key, no secret, no password in a URL."""
        return {name: _shown(name, getattr(self, name)) for name in FIELDS}

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value}' for name, value in self.described().items())})"

    def _check_together(self) -> None:
        if self.lease_seconds < 2 * self.beat_seconds:
            hint = f"at least twice {variable('beat_seconds')} ({self.beat_seconds}), or one late beat loses all jobs"
            raise SettingsError(variable("lease_seconds"), str(self.lease_seconds), hint)


FIELDS: Mapping[str, Field[Any]] = {known.name: known for known in fields(Settings)}


def variable(name: str) -> str:
    """The environment's word for a setting."""
    return PREFIX + name.upper()


def _file_of(environ: Mapping[str, str]) -> Path | None:
    named = environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _read_file(file: Path | None) -> dict[str, tuple[str, object]]:
    """By setting: where it was found, and what."""
    if file is None:
        return {}
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as why:
        raise SettingsError("the settings file", f'"{file}" ({why.strerror})', "the path of a file") from why
    except ValueError as why:
        raise SettingsError(str(file), f"not TOML ({why})", 'lines such as: workers = 2, log_level = "info"') from why
    for name in document.keys() - FIELDS.keys():
        near = difflib.get_close_matches(name, FIELDS, n=1)
        hint = near[0] if near else f"one of {', '.join(FIELDS)}"
        raise SettingsError(f"{name} in {file}", "no setting", hint)
    return {name: (f"{name} in {file}", value) for name, value in document.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, object]]:
    present = {name: environ.get(variable(name), "") for name in FIELDS}
    return {name: (variable(name), value) for name, value in present.items() if value.strip()}


def _from_command_line(overrides: Mapping[str, object]) -> dict[str, tuple[str, object]]:
    unknown = overrides.keys() - FIELDS.keys()
    if unknown:
        raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
    given = {name: value for name, value in overrides.items() if value is not None}
    return {name: ("--" + name.replace("_", "-"), value) for name, value in given.items()}


def _checked(name: str, where: str, raw: object) -> object:
    try:
        return FIELDS[name].metadata["rule"](raw)
    except ValueError as wrong:
        raise SettingsError(where, _shown(name, raw), str(wrong)) from None


def _shown(name: str, value: object) -> str:
    if value is None:
        return "not set"
    if FIELDS[name].metadata["secret"]:
        return rules.HIDDEN
    return f'"{rules.redacted_url(value)}"' if isinstance(value, str) else _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
