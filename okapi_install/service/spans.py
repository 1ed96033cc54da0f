"""What tracing needs from the use cases, and what they need of it: spans that know their parent by a header.

A job's trace goes from the API through the store to a worker and on to modules; so the parent is never the surrounding
code, but always the `traceparent` (W3C Trace Context) among the headers of the job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Span(Protocol):
    """Something that takes time, while it lasts."""

    def headers(self) -> dict[str, str]:
        """What makes others its children: to be added to the headers that they get."""

    def failed(self, words: str) -> None:
        """Marks it as failed."""


class Tracer(Protocol):
    """Begins spans."""

    def span(
        self, name: str, headers: Mapping[str, str], about: Mapping[str, str], *, calls: bool = False
    ) -> AbstractContextManager[Span]:
        """A span under the one that the headers name. `calls` tells that it waits for another server."""


class NoSpan:
    """See Span."""

    def headers(self) -> dict[str, str]:
        """None."""
        return {}

    def failed(self, words: str) -> None:
        """Nobody is told."""


class NoTracer:
    """Traces nothing."""

    @contextmanager
    def span(self, *_: object, **__: object) -> Iterator[NoSpan]:
        """See Tracer."""
        yield NoSpan()
