"""A job as curl commands for a shell. They have no token, but the variable OKAPI_TOKEN."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import orjson

from okapi_install.domain.jobs import Job, JobKind
from okapi_install.web.job_views import change_view, options_view

_HEADER = '-H "X-Okapi-Token: $OKAPI_TOKEN"'


@dataclass(frozen=True, slots=True)
class Command:
    """A curl command, and what it does."""

    title: str
    text: str


def curl_commands(job: Job, server: str) -> list[Command]:
    """Commands to start the same job, and to follow, abort and retry this one. `server` has no slash at its end."""
    own = f"{server}/_/install/jobs/{quote(job.id, safe='')}"
    follow = f"curl -sSN {_HEADER} \\\n  {shlex.quote(own + '/events')}"
    return [
        Command("Start the same job", _start(job, server)),
        Command("Follow this job", follow),
        Command("Abort this job", f"curl -sS -X POST {_HEADER} \\\n  {shlex.quote(own + '/abort')}"),
        Command("Retry the rest of this job", f"curl -sS -X POST {_HEADER} \\\n  {shlex.quote(own + '/retry')}"),
    ]


def _start(job: Job, server: str) -> str:
    path = f"{server}/_/proxy/tenants/{quote(job.tenant, safe='')}"
    if job.kind is JobKind.MODULE:
        path += "/modules"
    else:
        options = {"async": True, **options_view(job.options)}
        path += f"/{job.kind.value}?{urlencode(_written(options))}"
    command = f"curl -sS -X POST {_HEADER} \\\n  {shlex.quote(path)}"
    if job.request is None:
        return command
    changes = [change_view(change) for change in job.request]
    body = orjson.dumps(changes[0] if job.kind is JobKind.MODULE and len(changes) == 1 else changes).decode()
    return f'{command} \\\n  -H "Content-Type: application/json" \\\n  -d {shlex.quote(body)}'


def _written(options: Mapping[str, object]) -> dict[str, str]:
    """Query parameters as the API reads them."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in options.items()}
