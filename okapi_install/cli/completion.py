"""Completes tenants, jobs and modules from the server, for click's shell completion.

A shell waits for it at each Tab. So it is given a second, and whatever goes wrong, it completes nothing and is silent.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from okapi_install.cli.connection import DEFAULT_URL
from okapi_install.client.errors import ClientError
from okapi_install.client.transport import Ask, HttpTransport
from okapi_install.domain.errors import OkapiInstallError
from okapi_install.domain.modules.versions import ModuleId

_SECONDS = 1.0
_MOST_JOBS = 100
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem[Any]]]


def _silently(completer: Completer) -> Completer:
    """Completes nothing where the server's response cannot be used."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
        try:
            return completer(ctx, parameter, incomplete)
        except (OkapiInstallError, ClientError):
            return []

    return complete


@_silently
def complete_tenant(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """Tenants of the server, with their names."""
    found = [(str(t.get("id")), t.get("name")) for t in _listed(ctx, "/_/proxy/tenants")]
    return [CompletionItem(ident, help=name) for ident, name in sorted(found) if ident.startswith(incomplete)]


def jobs_in(*statuses: str) -> Completer:
    """A completion of the newest jobs in these states, or of all, if none is given."""

    @_silently
    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
        page = _response(ctx, "/_/install/jobs", {"limit": str(_MOST_JOBS)})
        jobs = page.get("jobs", []) if isinstance(page, dict) else []
        return [
            CompletionItem(str(job.get("id")), help=f"{job.get('kind')} of {job.get('tenant')}, {job.get('status')}")
            for job in jobs
            if str(job.get("id")).startswith(incomplete) and (not statuses or job.get("status") in statuses)
        ]

    return complete


@_silently
def complete_module(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """Products; once only one is left, its versions, newest first; files where no module fits."""
    ids = [str(m.get("id")) for m in _listed(ctx, "/_/proxy/modules")]
    modules = [ModuleId.parse(ident) for ident in ids if ident.startswith(incomplete)]
    products = sorted({m.product for m in modules if m.product.startswith(incomplete)})
    names = products
    if len({m.product for m in modules}) == 1:
        versions = sorted((m for m in modules if m.version is not None), key=lambda m: m.key, reverse=True)
        names = products + [m.text for m in versions]
    return [CompletionItem(incomplete, type="file"), *(CompletionItem(name) for name in names)]


def _listed(ctx: click.Context, path: str) -> list[Mapping[str, Any]]:
    document = _response(ctx, path, {})
    return [item for item in document if isinstance(item, dict)] if isinstance(document, list) else []


def _response(ctx: click.Context, path: str, query: Mapping[str, str]) -> Any:
    """The document of the server that the command line or the environment names. Raises ClientError."""
    url = ctx.params.get("url") or os.environ.get("OKAPI_URL") or DEFAULT_URL
    token = ctx.params.get("token") or os.environ.get("OKAPI_TOKEN")
    transport = HttpTransport(url, token=token, connect_timeout=_SECONDS)
    try:
        return transport(Ask(method="GET", path=path, query=query, timeout=_SECONDS)).document()
    finally:
        transport.close()
