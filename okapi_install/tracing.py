"""Traces over OpenTelemetry. It needs the extra `otel`, and is imported only where an endpoint is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from okapi_install import __version__

_PROPAGATOR = TraceContextTextMapPropagator()
_PATH = "/v1/traces"


class OtelSpan:
    """See spans.Span."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def headers(self) -> dict[str, str]:
        """See spans.Span."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(self._span))
        return carrier

    def failed(self, words: str) -> None:
        """See spans.Span."""
        self._span.set_status(Status(StatusCode.ERROR, words))


class OtelTracer:
    """See spans.Tracer."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("okapi-install", __version__)

    @contextmanager
    def span(
        self, name: str, headers: Mapping[str, str], about: Mapping[str, str], *, calls: bool = False
    ) -> Iterator[OtelSpan]:
        """See spans.Tracer. An interrupted greenlet ends its span, too."""
        kind = SpanKind.CLIENT if calls else SpanKind.INTERNAL
        parent = _PROPAGATOR.extract(headers)
        span = self._tracer.start_span(name, context=parent, kind=kind, attributes=dict(about))
        try:
            yield OtelSpan(span)
        except BaseException as problem:
            span.set_status(Status(StatusCode.ERROR, f"{type(problem).__name__}: {problem}"))
            raise
        finally:
            span.end()


def otlp_tracer(endpoint: str, service: str) -> OtelTracer:
    """A tracer that sends to an OpenTelemetry collector over HTTP; what is left is sent when the process ends."""
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.version": __version__}))
    address = endpoint if endpoint.endswith(_PATH) else endpoint.rstrip("/") + _PATH
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    return OtelTracer(provider)
