"""Sends traces to an OpenTelemetry collector. It needs the extra `otel`, and is imported only where an endpoint is set.

Spans are made where their work is done, with OpenTelemetry's API, which does nothing by itself.
"""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from okapi_install import __version__

_PATH = "/v1/traces"


def otlp_tracer(endpoint: str, service: str) -> Tracer:
    """A tracer that sends to a collector over HTTP; what is left is sent when the process ends."""
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.version": __version__}))
    address = endpoint if endpoint.endswith(_PATH) else endpoint.rstrip("/") + _PATH
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    return provider.get_tracer("okapi-install", __version__)
