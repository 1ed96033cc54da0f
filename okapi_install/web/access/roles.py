"""What the holder of a key may do: a key with the role `read` changes nothing."""

from __future__ import annotations

from flask import g, request

from okapi_install.domain.access import KeyHolder, key_only_reads, secrets_need_operate
from okapi_install.domain.errors import KeyMayOnlyRead
from okapi_install.web.access.login import LOGIN_PATH, LOGOUT_PATH
from okapi_install.web.http.requests import flag

_QUESTIONS = frozenset({"/_/install/explain", "/_/install/preflight"})
"""Rules whose POST changes nothing."""
_SIMULATED = frozenset(
    {
        "/_/proxy/tenants/<tenant>/install",
        "/_/proxy/tenants/<tenant>/upgrade",
        "/_/install/jobs/<job_id>/retry",
        "/_/install/rollouts",
    }
)
"""Rules whose POST changes nothing with `simulate=true`."""
_SECRETS = "/_/env"
"""The path of the environment of modules, which may contain passwords."""


def check_role(holder: KeyHolder) -> None:
    """Raises KeyMayOnlyRead if the current request needs another role than the holder has."""
    if holder.may_operate:
        return
    rule = request.url_rule.rule if request.url_rule is not None else ""
    if f"{request.path}/".startswith(f"{_SECRETS}/"):
        raise KeyMayOnlyRead(secrets_need_operate(holder.name))
    if not _only_reads(rule):
        raise KeyMayOnlyRead(key_only_reads(holder.name))


def check_may_operate() -> None:
    """Raises KeyMayOnlyRead if who sends the current request may only read."""
    holder = current_holder()
    if holder is not None and not holder.may_operate:
        raise KeyMayOnlyRead(key_only_reads(holder.name))


def _only_reads(rule: str) -> bool:
    if request.method in ("GET", "HEAD", "OPTIONS") or request.path in (LOGIN_PATH, LOGOUT_PATH):
        return True
    return rule in _QUESTIONS or (rule in _SIMULATED and flag("simulate", False))


def set_holder(holder: KeyHolder) -> None:
    """Remembers who sends the current request."""
    g.key_holder = holder


def current_holder() -> KeyHolder | None:
    """Who sends the current request; None if the server has no keys, or the path needs none."""
    found: KeyHolder | None = g.get("key_holder")
    return found


def holder_name() -> str | None:
    """The name of the key of the current request, if it has one."""
    holder = current_holder()
    return None if holder is None else holder.name
