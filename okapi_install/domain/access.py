"""API keys: their names, and what their holders may do. A key itself is compared, but not shown and not stored."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum

from okapi_install.domain.errors import UserError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Role(StrEnum):
    """What a key is good for: READ changes nothing, OPERATE does everything."""

    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedKey:
    """A key in the settings. The single key of the setting `api_key` has no name."""

    name: str | None
    role: Role
    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyHolder:
    """Whoever has sent a certain key. The holder of the setting `api_key` has no name."""

    name: str | None
    role: Role

    @property
    def may_operate(self) -> bool:
        """Whether the holder may change something."""
        return self.role is Role.OPERATE


def key_name(name: str) -> str:
    """The name, if a key may have it. Raises UserError."""
    if not _NAME.fullmatch(name):
        raise UserError(bad_key_name(name))
    return name


def digest_of(secret: str) -> str:
    """What is stored of a random secret, such as a generated key. A secret that a person chose needs a slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def requester(holder: str | None, claimed: str | None) -> str | None:
    """Who requests something: the name of the key, and in parentheses the unverified claim of the request."""
    if holder is None or claimed is None or claimed == holder:
        return holder or claimed
    return f"{holder} ({claimed})"


def key_only_reads(name: str | None) -> str:
    """A request would change something, and its key has the role `read`."""
    return f"The API key {name} may only read, so nothing was changed. Use a key with the role operate"


def secrets_need_operate(name: str | None) -> str:
    """A request reads the environment of modules, and its key has the role `read`."""
    return f"The API key {name} may not read this, because it can contain passwords. Use a key with the role operate"


def bad_key_name(name: str) -> str:
    """The name of a key is not usable."""
    return (
        f"{name} cannot be the name of a key: it must have 1 to 64 characters, letters, digits and . _ @ - , and begin "
        "with a letter or a digit"
    )


def key_name_taken(name: str) -> str:
    """There is a key of that name."""
    return f"There is a key {name} already: remove it first, or take another name"


def no_such_key(name: str) -> str:
    """A key to be removed does not exist."""
    return f"There is no key {name}. The command keys list shows all of them"


def key_is_in_the_settings(name: str) -> str:
    """A key to be removed is one of the settings."""
    return f"The key {name} is in the setting api_keys: remove it there, and restart the API"
