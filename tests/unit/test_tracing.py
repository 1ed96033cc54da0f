"""Traces: one for a job, through API, worker and module calls, with an exporter in memory."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from flask import Flask
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import SpanKind, StatusCode

from okapi_install.bootstrap import build_tracer
from okapi_install.config import Settings, SettingsError
from okapi_install.domain.jobs import InstallOptions, Job, JobKind
from okapi_install.service.jobs.installs import Order
from okapi_install.service.ports import ConnectionRefused
from okapi_install.web.http.module_headers import module_headers
from tests.fakes.fake_modules import answer
from tests.unit.service.house import House, enable

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """A service under traces, and the spans that it made."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("okapi-install")
        self.house = House(tracer=self.tracer)

    def spans(self) -> list[ReadableSpan]:
        """Those that have ended."""
        return list(self._exporter.get_finished_spans())

    def carried_out(self, module: str, headers: dict[str, str] | None = None) -> Job:
        """A job that enables the module, for a client that sent those headers."""
        order = Order(
            kind=JobKind.INSTALL,
            tenant="diku",
            request=enable(module),
            options=InstallOptions(asynchronous=True),
            headers=headers or {},
        )
        job = self.house.installs.submit(order).job
        assert job is not None
        self.house.work()
        return self.house.store.job(job.id)


def span_id(span: ReadableSpan) -> int:
    """Its own."""
    assert span.context is not None
    return int(span.context.span_id)


def test_a_job_is_one_trace_from_the_order_to_the_calls_of_modules() -> None:
    traced = Traced()
    job = traced.carried_out("b-1.0.0")
    spans = traced.spans()
    assert len({span.context.trace_id for span in spans if span.context}) == 1
    names = {span_id(span): span.name for span in spans}
    tree = {(names.get(span.parent.span_id) if span.parent else None, span.name) for span in spans}
    assert tree == {
        (None, "submit install"),
        ("submit install", "job install"),
        ("job install", "enable a-1.0.0"),
        ("job install", "enable b-1.0.0"),
        ("enable a-1.0.0", "POST /a-1.0.0/_/tenant"),
        ("enable b-1.0.0", "POST /b-1.0.0/_/tenant"),
    }
    (carried,) = [span for span in spans if span.name == "job install"]
    assert carried.attributes is not None
    assert (carried.attributes["okapi_install.job"], carried.attributes["folio.tenant"]) == (job.id, "diku")
    assert {span.name for span in spans if span.kind is SpanKind.CLIENT} == {
        "POST /a-1.0.0/_/tenant",
        "POST /b-1.0.0/_/tenant",
    }


def test_modules_are_told_of_the_span_that_called_them() -> None:
    traced = Traced()
    traced.carried_out("a-1.0.0")
    (call,) = [span for span in traced.spans() if span.kind is SpanKind.CLIENT]
    version, trace_id, parent, flags = traced.house.modules.calls[0].headers["traceparent"].split("-")
    assert call.context is not None
    assert (version, int(flags, 16) & 1) == ("00", 1)
    assert (int(trace_id, 16), int(parent, 16)) == (call.context.trace_id, call.context.span_id)


def test_a_job_joins_the_trace_of_its_client() -> None:
    traced = Traced()
    with Flask("x").test_request_context("/_/x", headers={"Traceparent": CALLER}):
        headers = module_headers()
    traced.carried_out("a-1.0.0", headers)
    spans = traced.spans()
    assert {f"{span.context.trace_id:032x}" for span in spans if span.context} == {CALLER.split("-")[1]}
    (first,) = [span for span in spans if span.name == "submit install"]
    assert first.parent is not None
    assert f"{first.parent.span_id:016x}" == CALLER.split("-")[2]


def test_the_parent_is_what_the_headers_name_and_not_the_surrounding_code() -> None:
    traced = Traced()
    with traced.tracer.start_as_current_span("around"):
        traced.carried_out("a-1.0.0")
    (first,) = [span for span in traced.spans() if span.name == "submit install"]
    assert first.parent is None


def test_of_a_trace_that_is_not_sampled_modules_are_told_so() -> None:
    traced = Traced(ALWAYS_OFF)
    traced.carried_out("a-1.0.0", {"traceparent": CALLER})
    version, trace_id, _, flags = traced.house.modules.calls[0].headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", CALLER.split("-")[1], "00")
    assert traced.spans() == []


def test_a_retry_is_a_trace_of_its_own() -> None:
    traced = Traced()
    traced.house.script("a-1.0.0", lambda _: answer(500, "broken"))
    job = traced.carried_out("a-1.0.0")
    traced.house.script("a-1.0.0", lambda _: answer())
    traced.house.installs.retry(job.id, {})
    traced.house.work()
    assert [span.name for span in traced.spans() if span.parent is None] == ["submit install", "retry"]


def test_failures_are_marked_where_they_happened() -> None:
    traced = Traced()
    traced.house.script("a-1.0.0", lambda _: answer(500, "broken"))
    traced.house.script("d-1.0.0", lambda _: ConnectionRefused("Connection refused: modules"))
    traced.carried_out("a-1.0.0")
    traced.carried_out("d-1.0.0")
    errors = [span for span in traced.spans() if span.status.status_code is StatusCode.ERROR]
    failed = {span.name: span.status.description for span in errors}
    assert failed["POST /a-1.0.0/_/tenant"] == "answered 500"
    assert failed["enable a-1.0.0"] == "POST request for a-1.0.0 /_/tenant failed with 500: broken"
    assert failed["POST /d-1.0.0/_/tenant"] == "ConnectionRefused: Connection refused: modules"
    assert "submit install" not in failed


def test_no_token_is_in_a_trace() -> None:
    traced = Traced()
    traced.carried_out("a-1.0.0", {"X-Okapi-Token": "the-token"})
    assert "the-token" not in "".join(span.to_json() for span in traced.spans())


def test_without_an_endpoint_nothing_is_traced_and_modules_get_no_header_of_it() -> None:
    assert build_tracer(Settings(), "x") is None
    house = House()
    order = Order(kind=JobKind.INSTALL, tenant="diku", request=enable("a-1.0.0"), options=InstallOptions())
    house.installs.submit(replace(order, headers={"traceparent": CALLER}))
    house.work()
    assert "traceparent" not in house.modules.calls[0].headers


def test_an_endpoint_without_the_extra_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "okapi_install.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"okapi-install\[otel\]"):
        build_tracer(Settings(otel_endpoint="http://127.0.0.1:4318"), "x")
