"""Calls modules on behalf of a tenant, as Okapi's ProxyService.callSystemInterface does.

It handles headers, the auth filter, instances and retries. It knows neither the meaning of the calls nor jobs.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

import structlog
from opentelemetry.trace import NoOpTracer, SpanKind, StatusCode, Tracer

from okapi_install.domain import messages, okapi_messages
from okapi_install.domain.errors import ModuleCallFailed
from okapi_install.domain.foreign_status import is_error, succeeded
from okapi_install.domain.foreign_text import bounded
from okapi_install.domain.modules.call_urls import UnusableUrl, call_url
from okapi_install.domain.modules.descriptors import ModuleDescriptor, RoutingEntry
from okapi_install.domain.modules.tenant_interface import ModuleCall
from okapi_install.domain.passed_headers import can_be_sent
from okapi_install.domain.problems import parse_object
from okapi_install.service.ports import (
    Answer,
    Clock,
    ConnectionRefused,
    ModuleUnreachable,
    NoAnswerInTime,
    PlatformUnavailable,
    TenantApi,
)
from okapi_install.service.trace_context import headers_under, parent_of
from okapi_install.service.worker.call_policy import NO_DEADLINE, CallPolicy, Deadline, shorter
from okapi_install.service.worker.catalog import Catalog
from okapi_install.service.worker.lease import Lease
from okapi_install.service.worker.store_retries import patiently

log = structlog.get_logger()

_REQUEST_ID = "X-Okapi-Request-Id"
_FIRST_PART = re.compile(r"[/_]*([^/]+)")
_MOST_OF_A_PATH = 200
"""Characters of a path in a message; the id of a tenant job is a part of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """On whose behalf modules are called: the tenant, the client's headers for modules, and the auth filter.

    `auth` is the first enabled module with an auth filter, None if there is none. With `expand`, the
    permissions module supports expanded permission sets (`_tenantPermissions` 1.1 or later). Without `system_auth`
    no auth filter is called (Okapi: enable_system_auth). `lease` is checked before each call that changes something.
    No call lasts longer than `deadline`, whatever its own limit is. `waits` is told why a call waits for the platform's
    instances, and None when that is over. Without it, such a call fails.
    """

    tenant: str
    headers: Mapping[str, str]
    okapi_url: str
    auth: ModuleDescriptor | None = None
    expand: bool = False
    system_auth: bool = True
    lease: Lease | None = None
    deadline: Deadline = NO_DEADLINE
    waits: Callable[[str | None], None] | None = None

    def base_headers(self, path: str) -> dict[str, str]:
        """The headers of a call of that path, without a token. The id of the request is extended, as in Okapi."""
        part = _FIRST_PART.match(path)
        own = f"{random.randrange(1_000_000):06}/{part[1] if part else ''}"  # noqa: S311 - told apart, not guessed
        given = self.headers.get(_REQUEST_ID)
        return {
            **self.headers,
            "X-Okapi-Tenant": self.tenant,
            "X-Okapi-Url": self.okapi_url,
            _REQUEST_ID: f"{given};{own}" if given else own,
            "Accept": "*/*",
            "Content-Type": "application/json; charset=UTF-8",
        }


def timed_out(failure: ModuleCallFailed) -> bool:
    """Whether the module was reached, but did not respond in time."""
    return isinstance(failure.__cause__, NoAnswerInTime)


class ModuleCalls:
    """Calls modules. One for a worker process; used by many tasks at once."""

    def __init__(
        self, api: TenantApi, catalog: Catalog, clock: Clock, policy: CallPolicy, tracer: Tracer | None = None
    ) -> None:
        self._api = api
        self._catalog = catalog
        self._clock = clock
        self._policy = policy
        self._tracer = tracer or NoOpTracer()

    def call(
        self,
        caller: Caller,
        call: ModuleCall,
        body: str = "",
        *,
        base_url: str | None = None,
        query: str = "",
        timeout: float | None = None,
        on_instance: Callable[[str], None] = lambda _url: None,
    ) -> tuple[Answer, str]:
        """The response (any 2xx) and the address of the instance that sent it. `timeout` applies to each attempt.
        `on_instance` gets the address of an instance before it is called.

        Raises:
            ModuleCallFailed: no instance, no response, or a status other than 2xx; in Okapi's words.
        """
        retries, began = self._policy.connect_retries if call.retry else 0, self._clock.monotonic()
        for attempt in range(retries + 1):
            url = base_url or self._instance(caller, call.module.id, call.path, fresh=attempt > 0)
            on_instance(url)
            try:
                full, headers = self._url(call, url) + query, self._headers(caller, call) | {"X-Okapi-Url-to": url}
                if caller.lease is not None and call.method != "GET":
                    caller.lease.check()
                limit = shorter(timeout, caller.deadline.left(self._clock.monotonic()))
                return self._checked(call, self._send(call.method, full, headers, body, limit)), url
            except ModuleUnreachable as problem:
                if attempt == retries or not self._again(caller, problem):
                    raise self._failed(call, self._after_retries(problem, attempt, began)) from problem
                log.info("module call is retried", module=call.module.id, cause=problem.message, attempt=attempt + 1)
            self._clock.sleep(self._policy.connect_retry_pause)
        raise AssertionError("unreachable")

    def _again(self, caller: Caller, problem: ModuleUnreachable) -> bool:
        """Whether a call is retried. It is not if the module was reached but did not respond in time."""
        late = caller.deadline.passed(self._clock.monotonic() + self._policy.connect_retry_pause)
        return problem.retry and not late and not isinstance(problem, NoAnswerInTime)

    def _after_retries(self, problem: ModuleUnreachable, retries: int, began: float) -> str:
        """The failure of a call. If the module did not start in time, it says how long the call was retried."""
        if not retries or not isinstance(problem, ConnectionRefused):
            return problem.message
        seconds = self._clock.monotonic() - began
        return f"{problem.message}; " + messages.tried_for(retries + 1, seconds)

    def _instance(self, caller: Caller, module_id: str, path: str, *, fresh: bool = False) -> str:
        try:
            url = self._catalog.instance_url(module_id, fresh=fresh)
        except PlatformUnavailable as problem:
            if caller.waits is None:
                raise ModuleCallFailed(problem.message) from problem
            url = self._instance_later(caller, caller.waits, module_id, fresh=fresh)
        if url is None:
            raise ModuleCallFailed(okapi_messages.no_instance(module_id, path))
        return url

    def _instance_later(
        self, caller: Caller, waits: Callable[[str | None], None], module_id: str, *, fresh: bool
    ) -> str | None:
        """An address, as soon as the platform responds. Raises LostJob."""

        def read() -> str | None:
            if caller.lease is not None:
                caller.lease.check()
            return self._catalog.instance_url(module_id, fresh=fresh)

        url = patiently(self._clock, read, lambda problem: waits(problem.message))
        waits(None)
        return url

    def _url(self, call: ModuleCall, instance: str) -> str:
        try:
            return call_url(instance, call.path)
        except UnusableUrl as problem:
            named = replace(call, path=quote(call.path[:200], errors="replace"))
            raise self._failed(named, problem.message) from problem

    def _headers(self, caller: Caller, call: ModuleCall) -> dict[str, str]:
        """The headers of a call, with the token that the auth filter returns for it."""
        headers, guard = caller.base_headers(call.path), caller.auth or call.module
        if caller.system_auth and guard.auth_filter is not None:
            headers |= self._authorize(caller, call, guard, guard.auth_filter)
        return headers

    def _authorize(
        self, caller: Caller, call: ModuleCall, guard: ModuleDescriptor, entry: RoutingEntry
    ) -> dict[str, str]:
        """The headers for a call with a token from the auth filter (Okapi: authForSystemInterface)."""
        url = self._instance(caller, guard.id, call.path)
        headers = caller.base_headers(call.path) | {"X-Okapi-Url-to": url, "X-Okapi-Filter": entry.phase or "auth"}
        if call.entry is not None:
            headers["X-Okapi-Module-Permissions"] = _compact(_module_permissions(call, expand=caller.expand))
        timeout = shorter(self._policy.poll_timeout, caller.deadline.left(self._clock.monotonic()))
        asked = replace(call, module=guard)
        answer = self._checked(asked, self._send(call.method, self._url(asked, url), headers, "", timeout))
        found = {}
        tokens = parse_object(answer.headers.get("x-okapi-module-tokens", "")) or {}
        token = tokens.get(call.module.id, answer.headers.get("x-okapi-token"))
        if tokens and isinstance(token, str):
            found["X-Okapi-Token"] = token
        if "x-okapi-permissions" in answer.headers:
            found["X-Okapi-Permissions"] = answer.headers["x-okapi-permissions"]
        for name, value in found.items():
            if value and not can_be_sent(value):
                raise self._failed(asked, messages.unsendable_header(name))
        return {name: value for name, value in found.items() if value}

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: str, timeout: float | None) -> Answer:
        """Makes one HTTP call of a module within a span, which is passed on to the module."""
        where, parent = urlsplit(url), parent_of(headers)
        about = {"http.request.method": method, "server.address": where.netloc, "url.path": where.path}
        with self._tracer.start_as_current_span(
            f"{method} {where.path}", parent, SpanKind.CLIENT, attributes=about
        ) as span:
            answer = self._api.call(method, url, {**headers, **headers_under(span, parent)}, body, timeout)
            if is_error(answer.status):
                span.set_status(StatusCode.ERROR, f"answered {answer.status}")
            return answer

    def _checked(self, call: ModuleCall, answer: Answer) -> Answer:
        if succeeded(answer.status):
            return answer
        raise self._failed(call, f"{answer.status}: {answer.body or 'null'}", answer)

    def _failed(self, call: ModuleCall, cause: str, answer: Answer | None = None) -> ModuleCallFailed:
        text = okapi_messages.call_failed(
            call.method, call.module.id, bounded(call.path, _MOST_OF_A_PATH), bounded(cause)
        )
        return ModuleCallFailed(text, status=answer.status if answer else None, body=answer.body if answer else "")


def _module_permissions(call: ModuleCall, *, expand: bool) -> dict[str, list[str]]:
    if call.entry is None or not call.entry.module_permissions:
        return {}
    found = [call.entry.system_id(call.module.id)] if expand else list(call.entry.module_permissions)
    return {call.module.id: found}


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))
