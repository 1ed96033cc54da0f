"""The header that connects the spans of a job (W3C Trace Context, `traceparent`).

A job's trace goes from the API through the store to a worker and on to modules. So the parent of a span is always the
one in the job's headers, never the current span of the surrounding code.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace import Span, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


def parent_of(headers: Mapping[str, str]) -> Context:
    """The context of the span in the headers, for `start_as_current_span`."""
    return _PROPAGATOR.extract(headers, Context())


def headers_under(span: Span, parent: Context) -> dict[str, str]:
    """The headers that make a called service's spans children of this span.

    Empty while no traces are sent: OpenTelemetry then returns the parent as the span, and the parent that a client
    named must not reach modules.
    """
    if span.get_span_context() == get_current_span(parent).get_span_context():
        return {}
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, set_span_in_context(span))
    return carrier
