"""What a service beside an Okapi needs from it, looked up from where this runs. It changes nothing."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlsplit

from okapi_install.client.errors import ClientError, NotAllowed, Refused
from okapi_install.client.okapi import OkapiClient
from okapi_install.client.registration import PRODUCTS, SUPERTENANT, TAKE_OVER
from okapi_install.client.registry import Instance, RegistryClient
from okapi_install.client.transport import Ask, HttpTransport
from okapi_install.domain.modules.internal_module import OKAPI_PRODUCT, required_permission
from okapi_install.domain.modules.versions import ModuleId

LEAST, TESTED = 5, 7
"""Major versions of Okapi: the first that has all that is called, and the one that was measured."""
_CONNECT_SECONDS = 3.0
_AT_ONCE = 32
_MOST_NAMED = 5
_UI = "folio_"
_READS = (
    "/_/proxy/tenants",
    "/_/proxy/modules",
    "/_/discovery/modules",
    f"/_/proxy/tenants/{SUPERTENANT}/modules",
    f"/_/proxy/tenants/{SUPERTENANT}/install",
)
Tenants = Mapping[str, Sequence[str]]
"""Ids of the enabled modules by tenant."""


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was found, and how to mend it. `more` are names that are too many for a sentence."""

    level: Level
    text: str
    mend: str | None = None
    more: tuple[str, ...] = ()


def connect(url: str) -> str | None:
    """Why no connection to a URL is possible; None if one is."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        socket.create_connection((parts.hostname or "", port), _CONNECT_SECONDS).close()
    except TimeoutError:
        return "no response in time"
    except KeyError:
        return "not an http or https URL"
    except (OSError, ValueError) as problem:
        return getattr(problem, "strerror", None) or str(problem)
    return None


class BesideChecks:
    """The checks of one Okapi, and of the service beside it, if there is one."""

    def __init__(
        self,
        okapi: str,
        client: OkapiClient,
        *,
        service: str | None = None,
        reach: Callable[[str], str | None] = connect,
    ) -> None:
        self._okapi = okapi
        self._client = client
        self._registry = RegistryClient(client)
        self._service = service
        self._reach = reach

    def findings(self) -> list[Finding]:
        """All findings. Raises Unreachable if Okapi does not respond."""
        refused = list(self._permissions())
        if refused:
            return [*refused, *self._of_service()]
        tenants = {str(t["id"]): self._registry.enabled(str(t["id"])) for t in self._registry.tenants()}
        instances = self._registry.instances()
        found = [self._version(tenants[SUPERTENANT]), *self._auth_filter(instances)]
        found += self._of_instances(tenants, instances)
        found += [] if _has(tenants[SUPERTENANT], TAKE_OVER) else self._jobs(tenants)
        return [*found, *self._of_service()]

    def obstacle(self, service: str) -> Finding | None:
        """Why Okapi cannot hand requests to the service: it needs its API key, which Okapi takes for a wrong token."""
        if self._auth_filter_module() is not None:
            return None
        try:
            HttpTransport(service)(Ask(method="GET", path="/_/install/jobs", query={"limit": "1"}, timeout=10.0))
        except NotAllowed:
            return Finding(
                level=Level.ERROR,
                text=f"Nothing is registered: the service at {service} needs an API key, which Okapi does not hand on",
                mend="use nginx, secure Okapi, or start the service without a key where only Okapi reaches it",
            )
        return None

    def _permissions(self) -> Iterator[Finding]:
        """What the token may not read. Raises Unreachable."""
        for path in _READS:
            try:
                self._client.send("GET", path)
            except Refused as refusal:
                needed = required_permission("GET", path)
                yield Finding(
                    level=Level.ERROR,
                    text=f"Okapi refuses GET {path}: {refusal.message}",
                    mend=f"give a token (--token, OKAPI_TOKEN) of a user of {SUPERTENANT} with the permission {needed}",
                )

    def _version(self, enabled: Sequence[str]) -> Finding:
        own = next((ident for ident in enabled if ModuleId.parse(ident).product == OKAPI_PRODUCT), "okapi-0")
        major = int((re.findall(r"-(\d+)", own) or ["0"])[0])
        if major < LEAST:
            mend = f"upgrade Okapi to version {TESTED}, or at least to {LEAST}"
            return Finding(level=Level.ERROR, text=f"Its version is too old: {own}", mend=mend)
        if major != TESTED:
            mend = "try it with a tenant that does not matter"
            return Finding(level=Level.WARNING, text=f"It is {own}; this was tested with version {TESTED}", mend=mend)
        return Finding(level=Level.OK, text=f"It responds, as {own}")

    def _auth_filter(self, instances: Sequence[Instance]) -> Iterator[Finding]:
        module = self._auth_filter_module()
        if module is None:
            yield Finding(
                level=Level.WARNING,
                text=f"{SUPERTENANT} has no auth filter: everybody who reaches Okapi may change it",
                mend="secure Okapi, or let only trusted machines reach it. An api_key protects this service",
            )
            return
        urls = [instance.url for instance in instances if instance.module == module]
        if not urls:
            yield Finding(level=Level.ERROR, text=f"The auth filter {module} has no instance", mend="announce it")
        for url in urls:
            yield self._asked_for_a_token(module, url)

    def _auth_filter_module(self) -> str | None:
        full = self._client.send("GET", f"/_/proxy/tenants/{SUPERTENANT}/modules?full=true").document()
        return next((str(one["id"]) for one in full if _is_auth_filter(one)), None)

    def _asked_for_a_token(self, module: str, url: str) -> Finding:
        """Whether the auth filter gives a token, as the service requests it."""
        headers = {
            "X-Okapi-Tenant": SUPERTENANT,
            "X-Okapi-Filter": "auth",
            "X-Okapi-Module-Permissions": json.dumps({"mod-okapi-install": ["okapi.proxy.tenants.list"]}),
        }
        mend = "let the service reach this address, or set okapi_auth_url to one that it reaches; else set okapi_token"
        try:
            reply = HttpTransport(url)(Ask(method="GET", path="/_/proxy/tenants", headers=headers, timeout=10.0))
        except ClientError as problem:
            text = f"The auth filter {module} at {url} gives no token: {problem.message}"
            return Finding(level=Level.ERROR, text=text, mend=mend)
        if "x-okapi-module-tokens" not in reply.headers:
            return Finding(level=Level.ERROR, text=f"The auth filter {module} at {url} gives no token", mend=mend)
        return Finding(
            level=Level.OK,
            text=f"The auth filter {module} gives tokens",
            mend=f"the service needs the setting okapi_auth_url: OKAPI_INSTALL_OKAPI_AUTH_URL={url}",
        )

    def _of_instances(self, tenants: Tenants, instances: Sequence[Instance]) -> Iterator[Finding]:
        enabled = {ident for modules in tenants.values() for ident in modules if _is_called(ident)}
        used = [instance for instance in instances if instance.module in enabled]
        missing = sorted(enabled - {instance.module for instance in used})
        if missing:
            yield Finding(
                level=Level.WARNING,
                text=f"No instance is known of {_named(missing)}",
                mend="start these modules and announce them, before they are upgraded or disabled",
                more=tuple(missing),
            )
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            problems = list(pool.map(self._reach, [instance.url for instance in used]))
        failed = [
            f"{instance.module} at {instance.url} ({problem})"
            for instance, problem in zip(used, problems, strict=True)
            if problem is not None
        ]
        if failed:
            yield Finding(
                level=Level.ERROR,
                text=f"{len(failed)} of {len(used)} instances cannot be reached from here: {_named(failed)}",
                mend="workers call modules directly: let their machines reach these addresses. Run this command there",
                more=tuple(failed),
            )
        elif used:
            yield Finding(level=Level.OK, text=f"All {len(used)} instances of enabled modules are reached from here")

    def _jobs(self, tenants: Tenants) -> Iterator[Finding]:
        for tenant in tenants:
            found = self._client.send("GET", f"/_/proxy/tenants/{quote(tenant, safe='')}/install").document()
            running = [str(job.get("id")) for job in found if not job.get("complete", True)]
            if running:
                text = f"Okapi runs an install job for tenant {tenant}: {_named(running)}"
                mend = "wait for its end. Jobs here wait for it too"
                yield Finding(level=Level.WARNING, text=text, mend=mend, more=tuple(running))

    def _of_service(self) -> Iterator[Finding]:
        if self._service is None:
            return
        try:
            health = HttpTransport(self._service)(Ask(method="GET", path="/_/install/health", timeout=10.0)).document()
        except ClientError as problem:
            text = f"The service at {self._service} is not well: {' '.join(problem.message.split())}"
            yield Finding(level=Level.ERROR, text=text, mend="start it, and look into its log")
            return
        if "okapi" not in health:
            yield Finding(
                level=Level.WARNING,
                text=f"The service at {self._service} stands alone",
                mend=f"start it with the setting okapi: OKAPI_INSTALL_OKAPI={self._okapi}",
            )
        else:
            yield Finding(level=Level.OK, text=f"The service at {self._service} stands beside an Okapi, and is well")


def _has(enabled: Sequence[str], product: str) -> bool:
    return any(ModuleId.parse(ident).product == product for ident in enabled)


def _is_called(ident: str) -> bool:
    """Whether a module has instances: not Okapi itself, modules for the browser, and this service."""
    product = ModuleId.parse(ident).product
    return product != OKAPI_PRODUCT and not product.startswith(_UI) and product not in PRODUCTS


def _is_auth_filter(descriptor: Mapping[str, Any]) -> bool:
    return any(entry.get("phase") == "auth" for entry in descriptor.get("filters") or ())


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"


def nginx_lines(okapi: str, service: str) -> str:
    """The part of an nginx configuration that hands our paths to the service, and the rest to Okapi."""
    return f"""\
# installs, upgrades and their jobs: okapi-install
location ~ ^/_/(install|proxy/tenants/[^/]+/(install|upgrade))(/|$) {{
    proxy_pass {service};
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header Connection "";
    proxy_buffering off;          # events of jobs
    proxy_read_timeout 1h;        # synchronous installs
    client_max_body_size 32m;
}}
# everything else: Okapi
location / {{
    proxy_pass {okapi};
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Connection "";
    proxy_read_timeout 1h;
    client_max_body_size 0;
}}"""
