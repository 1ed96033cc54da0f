"""Shows what stands in the way of a request before it starts, and decides whether that stops it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from okapi_install.cli.connection import Session
from okapi_install.cli.wording import number_of
from okapi_install.client.errors import ClientError, NotOffered
from okapi_install.client.okapi import Request
from okapi_install.domain.foreign_text import visible

_PATH = "/_/install/preflight"
_LONGEST = 300.0
_MOST_SHOWN = 12
_MOST_NAMED = 5

Document = Mapping[str, Any]


def preflight_of(session: Session, request: Request) -> Callable[[], Document]:
    """Asks about an install or upgrade of one tenant."""
    path = f"{_PATH}?{urlencode({'tenant': request.tenant, **request.options.query()})}"
    body = None if request.modules is None else list(request.modules)
    return lambda: session.client.send("POST", path, body, timeout=_LONGEST).document()


def preflight_of_rollout(session: Session, body: Document) -> Callable[[], Document]:
    """Asks about a rollout."""
    return lambda: session.client.send("POST", _PATH, dict(body), timeout=_LONGEST).document()


def passes(session: Session, ask: Callable[[], Document], *, strict: bool, wanted: bool) -> bool:
    """Whether the request may start. Prints errors and warnings, which stop it only if `strict`.

    Without `strict`, it is asked only if `wanted`, and a server that cannot say stops nothing.

    Raises:
        ClientError: `strict`, and the server cannot say.
    """
    if not strict and not wanted:
        return True
    if not session.client.ours:
        if strict:
            raise NotOffered("a plain Okapi cannot look before a job starts: leave out --strict")
        return True
    try:
        found = ask()
    except ClientError:
        if strict:
            raise
        return True
    for line in finding_lines(found):
        session.terminal.warn(line)
    if strict and found["worst"] != "ok":
        session.terminal.talk("Nothing was started, because of --strict.")
        return False
    return True


def finding_lines(found: Document) -> list[str]:
    """The errors and warnings, worst first."""
    bad = [one for one in found["findings"] if one["severity"] != "ok"]
    lines = [_line(one) for one in bad[:_MOST_SHOWN]]
    return [*lines, *([f"… and {number_of(len(bad) - _MOST_SHOWN, 'more finding')}"] if len(bad) > _MOST_SHOWN else [])]


def _line(one: Document) -> str:
    about = "" if one["module"] is None or one["message"].startswith(one["module"]) else f"{one['module']}: "
    names = one["tenants"][:_MOST_NAMED]
    more = f" and {len(one['tenants']) - _MOST_NAMED} more" if len(one["tenants"]) > _MOST_NAMED else ""
    whose = f" ({', '.join(names)}{more})" if names else ""
    return visible(f"{one['severity'].capitalize()}: {about}{one['message']}{whose}")
