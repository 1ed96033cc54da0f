"""Settings, read once and immutable. Only this module reads the environment and the settings file.

It knows the name, default and valid values of each setting, and must not know how a setting is used.
A setting comes from the command line, else from the environment (`OKAPI_INSTALL_` and its name in upper case), else
from the file (TOML, `config/okapi-install.toml`), else from its default. An empty variable counts as not set.

Unknown variables are ignored, because Kubernetes adds some such as `OKAPI_INSTALL_SERVICE_HOST` for a service of that
name. An unknown key in the file is an error, which suggests the name that was probably meant.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, PlainValidator, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from okapi_install import config_rules as rules
from okapi_install.domain.access import NamedKey, Role
from okapi_install.domain.errors import UserError

PREFIX = "OKAPI_INSTALL_"
CONFIG_VARIABLE = PREFIX + "CONFIG"
DEFAULT_FILE = Path("config/okapi-install.toml")


class SettingsError(UserError):
    """An invalid setting. `key` says where it was set, `shown` is its value (secrets hidden), `hint` what to write."""

    code = "bad_setting"

    def __init__(self, key: str, shown: str, hint: str) -> None:
        super().__init__(f"{key} is {shown}: write {hint}")
        self.key = key
        self.shown = shown
        self.hint = hint


Flag = Annotated[bool, PlainValidator(rules.flag)]
Seconds = Annotated[float, PlainValidator(rules.seconds)]
SecondsOrOff = Annotated[float | None, PlainValidator(rules.seconds_or_off)] | None
Text = Annotated[str, PlainValidator(rules.text)]
WebUrl = Annotated[str, PlainValidator(rules.web_url)]
SECRET: Any = Field(None, repr=False)
"""A secret setting: never shown, and without a default."""


class Settings(BaseSettings):
    """All settings of a process. Times are in seconds. None mostly means "off"; otherwise the setting says so.

    The constructor takes only the given values and the defaults; `load` also reads environment and file.
    """

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    listen: Annotated[str, PlainValidator(rules.address)] = "127.0.0.1:9130"
    data: Annotated[Path, PlainValidator(rules.folder)] = Path("data")
    workers: Annotated[int, PlainValidator(rules.count(1))] = 2
    concurrency: Annotated[int, PlainValidator(rules.count(1))] = 500
    worker_nice: Annotated[int, PlainValidator(rules.count(0))] = 2
    api_threads: Annotated[int, PlainValidator(rules.count(4))] = 400
    api_waiting: Annotated[int, PlainValidator(rules.count(1))] | None = None
    """None: three quarters of the threads."""

    database_url: Annotated[str, PlainValidator(rules.database_url)] | None = None
    """None: SQLite in the data folder."""
    pool_size: Annotated[int, PlainValidator(rules.count(1))] = 6
    startup_wait_seconds: Seconds = 60.0
    store_retry_seconds: Seconds = 60.0
    broker_url: Annotated[str, PlainValidator(rules.redis_url)] | None = None
    """None: an embedded Valkey, started by `serve`."""

    api_key: Annotated[str, PlainValidator(rules.key)] | None = SECRET
    api_keys: Annotated[tuple[str, ...], PlainValidator(rules.words(rules.named_key))] | None = SECRET
    """`NAME:ROLE:KEY` each; see `keys`. None: none."""
    insecure: Flag = False
    allowed_hosts: Annotated[tuple[str, ...], PlainValidator(rules.words(rules.host_name))] | None = None
    """None: no others than those that are known anyway; see web/visitors.py."""
    allowed_origins: Annotated[tuple[str, ...], PlainValidator(rules.words(rules.origin))] | None = None
    """None: none."""
    trusted_proxies: Annotated[tuple[str, ...], PlainValidator(rules.words(rules.network))] = ("127.0.0.1", "::1")
    page_session_seconds: Seconds = 43200.0
    okapi_url: WebUrl | None = None
    """None: this server's own address."""
    strict_delete: Flag = False
    system_auth: Flag = True
    max_body_bytes: Annotated[int, PlainValidator(rules.count(1024))] = 32 * 1024 * 1024
    max_waiting_jobs: Annotated[int, PlainValidator(rules.count(1))] = 100
    sync_timeout: SecondsOrOff = None
    keep_complete_seconds: SecondsOrOff = None
    solution_seconds: Seconds = 10.0

    okapi: WebUrl | None = None
    """None: modules, tenants and what they have enabled are in this service's own tables."""
    okapi_token: Text | None = SECRET
    """None: one is requested from the supertenant's auth filter, if Okapi requires it."""
    okapi_auth_url: WebUrl | None = None
    """None: looked up in that Okapi's discovery, which a secured one does not allow without a token."""
    okapi_jobs: Annotated[str, PlainValidator(rules.choice("wait", "refuse"))] = "wait"
    okapi_timeout: Seconds = 30.0
    okapi_registry_timeout: Seconds = 300.0
    okapi_proxy_modules: Flag = False
    okapi_proxy_connections: Annotated[int, PlainValidator(rules.count(1))] | None = None
    """None: an eighth of the threads."""
    okapi_proxy_timeout: Seconds = 600.0

    lease_seconds: Seconds = 15.0
    beat_seconds: Seconds = 3.0
    sweep_seconds: Seconds = 2.0
    republish_seconds: Seconds = 10.0
    max_takeovers: Annotated[int, PlainValidator(rules.count(1))] = 5
    max_per_module: Annotated[int | None, PlainValidator(rules.count_or_off(1))] = None
    stall_seconds: Seconds | None = None
    """None: as long as a lease."""
    stop_seconds: Seconds = 8.0

    step_timeout: SecondsOrOff = None
    call_timeout: SecondsOrOff = None
    connect_timeout: Seconds = 10.0
    connect_retry_seconds: Seconds = 90.0
    connect_retry_count: Annotated[int, PlainValidator(rules.count(0))] = 22
    poll_timeout: Seconds = 60.0
    poll_wait_ms: Annotated[int, PlainValidator(rules.count(0))] = 10000
    poll_retry_seconds: Seconds = 30.0
    slow_step_seconds: Seconds = 60.0
    lost_job_timeout: SecondsOrOff = None

    callback_url: WebUrl | None = None
    callback_secret: Text | None = SECRET
    callback_per_job: Flag = True

    outgoing_hosts: Annotated[tuple[str, ...] | None, PlainValidator(rules.hosts)] | None = None
    """None: any."""
    pull_max_bytes: Annotated[int, PlainValidator(rules.count(1024))] = 128 * 1024 * 1024
    pull_seconds: Seconds = 300.0

    log_level: Annotated[str, PlainValidator(rules.choice("debug", "info", "warning", "error"))] = "info"
    log_format: Annotated[str, PlainValidator(rules.choice("console", "json"))] = "console"
    log_url: Annotated[str, PlainValidator(rules.log_template)] | None = None
    """None: there are no links to logs."""
    metrics: Flag = True
    otel_endpoint: WebUrl | None = None

    @classmethod
    def load(cls, environ: Mapping[str, str], file: Path | None = None, /, **overrides: object) -> Self:
        """The settings of this process.

        `overrides` are the command line's options by field name; None means not given. `file` is the settings file.
        Without it the file is the one that `OKAPI_INSTALL_CONFIG` names, else `config/okapi-install.toml` below the
        current folder, if it exists.

        Raises:
            SettingsError: a value is invalid, two values contradict each other, or the file cannot be read.
        """
        sources = _command_line(overrides), _environment(environ), _settings_file(file or _file_of(environ))
        read: dict[str, Any] = {"_build_sources": (sources, {})}
        try:
            return cls(**read)
        except ValidationError as refused:
            raise _explained(refused, sources) from None

    @classmethod
    def settings_customise_sources(  # type: ignore[override]
        cls, *_: object, init_settings: PydanticBaseSettingsSource, **__: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the constructor's arguments; `load` passes what it reads from other sources."""
        return (init_settings,)

    def to_environ(self) -> dict[str, str]:
        """Environment variables from which a child process loads the same settings, whatever settings file it finds."""
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
        """The URL of this service in links: `okapi_url`, or the address of this server."""
        if self.okapi_url:
            return self.okapi_url
        anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound
        host = anywhere.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def gateway_url(self) -> str:
        """The URL that modules get as `X-Okapi-Url`: that of the Okapi beside this service, else the public URL."""
        return self.okapi or self.public_url

    @property
    def keys(self) -> tuple[NamedKey, ...]:
        """The API keys in the settings: the one without a name, and those with a name and a role."""
        named = [given.split(":", 2) for given in self.api_keys or ()]
        keys = [NamedKey(name=name, role=Role(role), key=key) for name, role, key in named]
        alone = [] if self.api_key is None else [NamedKey(name=None, role=Role.OPERATE, key=self.api_key)]
        return (*alone, *keys)

    @property
    def most_waiting_requests(self) -> int:
        """How many requests of one API process may wait for jobs."""
        return self.api_waiting or self.api_threads * 3 // 4

    @property
    def most_forwarded_requests(self) -> int:
        """How many requests one API process hands on to the Okapi beside it at a time."""
        return self.okapi_proxy_connections or max(1, self.api_threads // 8)

    @property
    def has_gateway(self) -> bool:
        """Whether modules get the address of another server as `X-Okapi-Url`."""
        return not self._is_own(self.gateway_url)

    def _is_own(self, url: str) -> bool:
        """Whether the URL leads to this server."""
        parts = urlsplit(url)
        own = {self.host, urlsplit(f"//{self.listen}").hostname, "localhost", "127.0.0.1", "::1"}
        return parts.hostname in own and (80 if parts.port is None else parts.port) == self.port

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
        """Raises SettingsError if other machines could connect without a key, unless `insecure` is set."""
        if self.listens_locally or self.keys or self.insecure:
            return
        hint = f"{variable('api_key')} too, or listen on 127.0.0.1; --insecure opens it to everybody"
        raise SettingsError(variable("listen"), f'"{self.listen}", which others can reach, and there is no key', hint)

    def warnings(self) -> list[str]:
        """What is allowed but unwise, for the log at the start."""
        advice = "is easy to guess. Take a longer one, such as the output of: openssl rand -hex 24"
        weak = [one for one in self.keys if len(one.key) < 16 or len(set(one.key)) < 8]
        keys = [variable("api_key") if one.name is None else f"{one.name} in {variable('api_keys')}" for one in weak]
        return [f"{key} {advice}" for key in keys]

    def described(self) -> dict[str, str]:
        """Every setting in a form that can be shown: without keys, secrets, and passwords in URLs."""
        return {name: _shown(name, getattr(self, name)) for name in FIELDS}

    def __repr_args__(self) -> Iterable[tuple[str, str]]:
        """The values of `described`, for every way of printing the settings."""
        return self.described().items()

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.most_waiting_requests >= self.api_threads:
            hint = f"less than {variable('api_threads')} ({self.api_threads}), or nobody else gets an answer"
            raise SettingsError(variable("api_waiting"), str(self.api_waiting), hint)
        if (
            self.okapi_proxy_connections
            and self.most_waiting_requests + self.okapi_proxy_connections > self.api_threads
        ):
            most = self.api_threads - self.most_waiting_requests
            hint = f"at most {most} ({variable('api_threads')} without those that wait), or more threads"
            raise SettingsError(variable("okapi_proxy_connections"), str(self.okapi_proxy_connections), hint)
        if self.lease_seconds < 2 * self.beat_seconds:
            hint = f"at least twice {variable('beat_seconds')} ({self.beat_seconds}), or one late beat loses all jobs"
            raise SettingsError(variable("lease_seconds"), str(self.lease_seconds), hint)
        names = [one.name for one in self.keys]
        if len(set(names)) < len(names):
            raise SettingsError(variable("api_keys"), rules.HIDDEN, "each name only once")
        if self.okapi is not None and self._is_own(self.okapi):
            hint = "the address of another server, or nothing: this service stands alone then"
            raise SettingsError(variable("okapi"), f'"{self.okapi}", which is this server', hint)
        return self


FIELDS: Mapping[str, FieldInfo] = Settings.model_fields


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def _file_of(environ: Mapping[str, str]) -> Path | None:
    named = environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


class _Found(dict[str, object]):
    """Raw values by setting, hidden when printed: pydantic-settings logs what a source returns at debug level."""

    def __repr__(self) -> str:
        return f"<{', '.join(self)}>"


class _Source(PydanticBaseSettingsSource):
    """A source of settings, and how messages name a setting from it."""

    def __init__(self, name: str, found: Mapping[str, object], called: Callable[[str], str]) -> None:
        super().__init__(Settings)
        self.__name__ = name
        self.found = _Found(found)
        self.called = called

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[object, str, bool]:  # noqa: ARG002
        """The value, if there is one, and its name. No value is a JSON document."""
        return self.found.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All values of the source, including unknown ones."""
        return self.found


def _command_line(overrides: Mapping[str, object]) -> _Source:
    unknown = overrides.keys() - FIELDS.keys()
    if unknown:
        raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
    given = {name: value for name, value in overrides.items() if value is not None}
    return _Source("command line", given, lambda name: "--" + name.replace("_", "-"))


def _environment(environ: Mapping[str, str]) -> _Source:
    present = {name: environ.get(variable(name), "") for name in FIELDS}
    return _Source("environment", {name: value for name, value in present.items() if value.strip()}, variable)


def _settings_file(file: Path | None) -> _Source:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8")) if file else {}
    except OSError as why:
        raise SettingsError("the settings file", f'"{file}" ({why.strerror})', "the path of a file") from why
    except ValueError as why:
        raise SettingsError(str(file), f"not TOML ({why})", 'lines such as: workers = 2, log_level = "info"') from why
    return _Source("settings file", document, lambda name: f"{name} in {file}")


def _explained(refused: ValidationError, sources: Iterable[_Source]) -> SettingsError:
    """The first error, as a message of ours."""
    first = refused.errors(include_url=False)[0]
    name = str(first["loc"][0])
    source = next(source for source in sources if name in source.found)
    if name in FIELDS:
        return SettingsError(source.called(name), _shown(name, source.found[name]), str(first["ctx"]["error"]))
    near = difflib.get_close_matches(name, FIELDS, n=1)
    return SettingsError(source.called(name), "not a setting", near[0] if near else f"one of {', '.join(FIELDS)}")


def _shown(name: str, value: object) -> str:
    if value is None:
        return "not set"
    if not FIELDS[name].repr:
        return rules.HIDDEN
    return f'"{rules.redacted_url(value)}"' if isinstance(value, str) else _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
