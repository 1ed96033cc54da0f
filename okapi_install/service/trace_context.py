"""The header that ties the spans of a job together (W3C Trace Context, `traceparent`).

A job's trace goes from the API through the store to a worker and on to modules. So the parent of a span is never what
the surrounding code has as its current span, but always what the job's headers name.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace import Span, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


def parent_of(headers: Mapping[str, str]) -> Context:
    """The context of the span that the headers name, for `start_as_current_span`."""
    return _PROPAGATOR.extract(headers, Context())


def headers_under(span: Span, parent: Context) -> dict[str, str]:
    """What makes others children of the span: to be added to the headers that they get.

    Nothing while no traces are sent: OpenTelemetry then returns the parent as the span, and what a client has named
    does not reach modules.
    """
    if span.get_span_context() == get_current_span(parent).get_span_context():
        return {}
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, set_span_in_context(span))
    return carrier
