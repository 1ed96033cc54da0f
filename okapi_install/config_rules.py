"""What the value of a setting may be: one rule for each kind, from a variable's text or a TOML value.

A rule returns the value, or raises ValueError whose text completes "write …": pydantic calls it as a validator. It
knows no setting by name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from okapi_install.domain.access import Role, key_name
from okapi_install.domain.errors import UserError
from okapi_install.domain.presentation.log_links import check_template

Rule = Callable[[object], object]

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_SECRET_PARAMETER = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)
HIDDEN = "***"
LEAST_KEY = 8
VERIFICATION = "ssl_cert_reqs"
"""The parameter of a Redis URL that says whether the server's certificate is verified."""


def text(raw: object) -> str:
    """Text as it is, without the blanks around it."""
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("some text")
    return raw.strip()


def flag(raw: object) -> bool:
    """True or false, in TOML's words or those that people use in an environment."""
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("true or false")
    return word in _TRUE


def count(least: int) -> Rule:
    """A whole number that is at least `least`."""

    def rule(raw: object) -> int:
        hint = f"a whole number, at least {least}"
        if isinstance(raw, bool | float) or not re.fullmatch(r"\s*\d{1,12}\s*", str(raw), re.ASCII):
            raise ValueError(hint)
        if int(str(raw)) < least:
            raise ValueError(hint)
        return int(str(raw))

    return rule


def seconds(raw: object) -> float:
    """A time in seconds, more than 0 and at most a hundred years."""
    hint = "a number of seconds that is more than 0, such as 15 or 0.5"
    if isinstance(raw, bool):
        raise ValueError(hint)
    try:
        value = float(str(raw))
    except ValueError:
        raise ValueError(hint) from None
    if not 0 < value < 100 * 366 * 86400:
        raise ValueError(hint)
    return value


def count_or_off(least: int) -> Rule:
    """A whole number that is at least `least`, or `off` for no limit: None."""
    counted = count(least)

    def rule(raw: object) -> object:
        if raw is None or (isinstance(raw, str) and raw.strip().lower() == "off"):
            return None
        try:
            return counted(raw)
        except ValueError as wrong:
            raise ValueError(f"{wrong}, or off") from None

    return rule


def seconds_or_off(raw: object) -> float | None:
    """A time in seconds, or `off` for no limit: None."""
    if isinstance(raw, str) and raw.strip().lower() == "off":
        return None
    try:
        return seconds(raw)
    except ValueError as wrong:
        raise ValueError(f"{wrong}, or off") from None


def choice(*words: str) -> Rule:
    """One of these words, in any case."""

    def rule(raw: object) -> str:
        word = str(raw).strip().lower()
        if word not in words:
            raise ValueError(" or ".join(words))
        return word

    return rule


def folder(raw: object) -> Path:
    """A folder, which need not be there yet; `~` is the user's home."""
    return Path(str(raw) if isinstance(raw, Path) else text(raw)).expanduser()


def words(each: Rule) -> Rule:
    """A list of words, as text with commas or blanks between them, or as a TOML array."""

    def rule(raw: object) -> tuple[str, ...]:
        given = raw if isinstance(raw, list | tuple) else text(raw).replace(",", " ").split()
        return tuple(str(each(word)) for word in given)

    return rule


def host_name(raw: object) -> str:
    """The name of a host, without scheme and port."""
    name = text(raw)
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise ValueError("names of hosts without scheme and port, such as okapi.example.org")
    return name


def origin(raw: object) -> str:
    """An origin as browsers write it."""
    found = text(raw)
    if not re.fullmatch(r"https?://[^/?#@\\\s]+", found):
        raise ValueError("origins such as https://folio.example.org or http://localhost:3000, without a path")
    return found


def network(raw: object) -> str:
    """An address or a network."""
    found = text(raw)
    try:
        ipaddress.ip_network(found, strict=False)
    except ValueError:
        raise ValueError("addresses or networks such as 127.0.0.1 or 10.0.0.0/8") from None
    return found


def key(raw: object) -> str:
    """An API key: long enough not to be guessed by trying."""
    found = text(raw)
    if len(found) < LEAST_KEY:
        raise ValueError(f"at least {LEAST_KEY} characters, such as the output of: openssl rand -hex 24")
    return found


def named_key(raw: object) -> str:
    """An API key with its name and role: `NAME:ROLE:KEY`."""
    roles = " or ".join(Role)
    hint = f"NAME:ROLE:KEY, with the role {roles}, and a key of at least {LEAST_KEY} characters, no blanks and commas"
    name, _, rest = text(raw).partition(":")
    role, _, secret = rest.partition(":")
    try:
        if re.search(r"[\s,]", secret):
            raise ValueError(hint)
        return f"{key_name(name)}:{Role(role).value}:{key(secret)}"
    except (ValueError, UserError):
        raise ValueError(hint) from None


def host_and_port(listen: str) -> tuple[str, int]:
    """`HOST:PORT` or `[IPV6]:PORT` in two parts; port 0 stands for any free one. Raises ValueError otherwise."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)]|([A-Za-z0-9._-]+)):(\d{1,5})", listen, re.ASCII)
    if match is None or int(match[3]) > 65535:
        raise ValueError("HOST:PORT, such as 127.0.0.1:9130 or [::1]:9130")
    if match[1]:
        ipaddress.IPv6Address(match[1])
    return match[1] or match[2], int(match[3])


def address(raw: object) -> str:
    """Where to listen: `HOST:PORT`."""
    listen = text(raw)
    host_and_port(listen)
    return listen


def _split(raw: object, schemes: tuple[str, ...], hint: str) -> SplitResult:
    """The parts of a URL of one of these schemes. What is wrong with it is not quoted: it may hold a password."""
    try:
        parts = urlsplit(text(raw))
        _ = parts.port
    except ValueError:
        raise ValueError(hint) from None
    if parts.scheme.lower() not in schemes:
        raise ValueError(hint)
    return parts


def web_url(raw: object) -> str:
    """An http or https URL, without the slash at its end."""
    hint = "a URL such as http://host:9130"
    if not _split(raw, ("http", "https"), hint).hostname:
        raise ValueError(hint)
    return text(raw).rstrip("/")


def log_template(raw: object) -> str:
    """A URL with names of what a log is about in braces."""
    return check_template(text(raw))


def hosts(raw: object) -> tuple[str, ...] | None:
    """Names or addresses of hosts, by commas or as a list, `*.` before a domain for all below it; `any` is None."""
    hint = "hosts such as registry.example.org, *.example.org or 10.0.0.7 (no ports), separated by commas, or any"
    given = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise ValueError(hint)
    found = tuple(each.strip().lower().rstrip(".") for each in given)
    if found == ("any",):
        return None
    if not all(re.fullmatch(r"(\*\.)?[\w.-]+|[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*", each) for each in found):
        raise ValueError(hint)
    return found


def redis_url(raw: object) -> str:
    """The URL of a Redis or Valkey server. `valkey` and `valkeys` are other words for `redis` and `rediss`.

    With TLS it always says whether the server's certificate is verified: Celery would not, where nothing is said.
    """
    hint = "redis://HOST:PORT/DATABASE (rediss:// for TLS)"
    parts = _split(raw, ("redis", "rediss", "valkey", "valkeys"), hint)
    if not parts.hostname:
        raise ValueError(hint)
    url = text(raw).replace("valkey", "redis", 1) if parts.scheme.startswith("valkey") else text(raw)
    return _with_verification(url) if url.lower().startswith("rediss:") else url


def _with_verification(url: str) -> str:
    """The URL with `ssl_cert_reqs`, in the words that Celery and the Redis client both know."""
    address, _, query = url.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    words = parameters.get(VERIFICATION, "required").lower().removeprefix("cert_")
    if words not in ("required", "optional", "none"):
        raise ValueError(f"{VERIFICATION}=required in it (or none: any certificate is taken)")
    return f"{address}?{urlencode({**parameters, VERIFICATION: words}, safe='/')}"


def database_url(raw: object) -> str:
    """A database in SQLAlchemy's words, with the driver that we use: psycopg 3 for PostgreSQL."""
    hint = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:///FILE"
    parts = _split(raw, ("sqlite", "postgresql", "postgres", "postgresql+psycopg"), hint)
    written = text(raw)
    if parts.scheme != "sqlite":
        return "postgresql+psycopg" + written[len(parts.scheme) :]
    if not written.startswith("sqlite:///") or parts.path in ("/", "/:memory:"):
        raise ValueError(hint)
    return written


def redacted_url(url: str) -> str:
    """The URL as it may be shown: without its password, and without parameters that look like secrets."""
    if "://" not in url:
        return f"{HIDDEN}@{url.rpartition('@')[2]}" if "@" in url else url
    try:
        parts = urlsplit(url)
        secret = parts.password is not None
    except ValueError:
        return HIDDEN if "@" in url or "?" in url else url
    shown = url
    if secret:
        who, _, where = parts.netloc.rpartition("@")
        shown = shown.replace(parts.netloc, f"{who.partition(':')[0]}:{HIDDEN}@{where}", 1)
    return shown.replace(f"?{parts.query}", f"?{_redacted_query(parts.query)}", 1) if parts.query else shown


def _redacted_query(query: str) -> str:
    return "&".join(_redacted_parameter(part) for part in query.split("&"))


def _redacted_parameter(part: str) -> str:
    name, equals, value = part.partition("=")
    return f"{name}{equals}{HIDDEN if _SECRET_PARAMETER.search(unquote(name)) else value}"
