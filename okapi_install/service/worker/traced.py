"""The same parts as elsewhere, each under a span; used only where traces are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from okapi_install.domain.jobs import Job
from okapi_install.service.installs import InstallService, Order, Submitted
from okapi_install.service.ports import Answer, TenantApi
from okapi_install.service.spans import Tracer
from okapi_install.service.worker.step import Findings, StepRunner, StepWork


class TracedInstalls(InstallService):
    """Submits and retries jobs under spans, which the job takes along in its headers."""

    def __init__(self, tracer: Tracer, *parts: Any) -> None:
        super().__init__(*parts)
        self._tracer = tracer

    def submit(self, order: Order) -> Submitted:
        """See InstallService."""
        about = {"folio.tenant": order.tenant, "okapi_install.kind": order.kind.value}
        with self._tracer.span(f"submit {order.kind.value}", order.headers, about) as span:
            return super().submit(replace(order, headers={**order.headers, **span.headers()}))

    def retry(self, job_id: str, headers: Mapping[str, str]) -> Job:
        """See InstallService."""
        with self._tracer.span("retry", headers, {"okapi_install.job": job_id}) as span:
            return super().retry(job_id, {**headers, **span.headers()})


class TracedSteps(StepRunner):
    """Carries steps out under spans."""

    def __init__(self, tracer: Tracer, *parts: Any) -> None:
        super().__init__(*parts)
        self._tracer = tracer

    def perform(self, work: StepWork) -> Findings:
        """See StepRunner."""
        change, caller = work.step.change, work.caller
        about = {"folio.tenant": caller.tenant, "okapi_install.module": change.id}
        with self._tracer.span(f"{change.action.value} {change.id}", caller.headers, about) as span:
            caller = replace(caller, headers={**caller.headers, **span.headers()})
            found = super().perform(replace(work, caller=caller))
            if found.failure is not None:
                span.failed(found.failure.message)
            return found


class TracedTenantApi:
    """Calls modules under spans, and tells them so."""

    def __init__(self, tracer: Tracer, api: TenantApi) -> None:
        self._tracer = tracer
        self._api = api

    def call(self, method: str, url: str, headers: Mapping[str, str], body: str, timeout: float | None) -> Answer:
        """See TenantApi."""
        where = urlsplit(url)
        about = {"http.request.method": method, "server.address": where.netloc, "url.path": where.path}
        with self._tracer.span(f"{method} {where.path}", headers, about, calls=True) as span:
            answer = self._api.call(method, url, {**headers, **span.headers()}, body, timeout)
            if answer.status >= 400:
                span.failed(f"answered {answer.status}")
            return answer
