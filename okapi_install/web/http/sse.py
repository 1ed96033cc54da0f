"""Server-sent events: framing, ids, Last-Event-ID, keep-alive and retry. It does not know what the events are about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import orjson
from flask import Response, request

from okapi_install.web.http.waiting import place_for_jobs

KEEP_ALIVE_SECONDS = 15.0
"""After so long without an event, a stream sends a comment, so that proxies and clients see that it is alive."""
RETRY_MILLISECONDS = 1000
"""How long a browser waits before it reconnects."""
NEW_READER = -1
"""The id before all events."""

_KEEP_ALIVE = b": still here\n\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event. A browser remembers `id` and sends it as Last-Event-ID when it connects again."""

    name: str
    data: Mapping[str, object]
    id: int | None = None


Events = Iterable[Event | None]
"""The events of a stream. None keeps the stream alive while nothing happens."""


def last_event_id(parameter: str | None = None) -> int:
    """The id of the last event that the client has seen, from the header or else `parameter`; or NEW_READER."""
    seen = request.headers.get("Last-Event-ID", parameter or "")
    return int(seen) if seen.isdecimal() and len(seen) < 10 else NEW_READER


def while_allowed(
    events: Events, allowed: Callable[[], bool], monotonic: Callable[[], float]
) -> Iterator[Event | None]:
    """The events, until a check that is made every now and then fails. Without events there are keep-alives."""
    checked = monotonic()
    for event in events:
        if monotonic() - checked >= KEEP_ALIVE_SECONDS:
            if not allowed():
                return
            checked = monotonic()
        yield event


def event_stream(events: Events, *, retry: int = RETRY_MILLISECONDS) -> Response:
    """A response that sends the events as they come and ends after the last. Proxies are asked not to buffer it.

    Raises:
        TooManyWaiting: too many streams and other requests wait already.
    """
    place = place_for_jobs()
    response = Response(encoded(events, retry), mimetype="text/event-stream")
    response.call_on_close(place.release)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def encoded(events: Events, retry: int) -> Iterator[bytes]:
    """The bytes of the stream."""
    yield b"retry: %d\n\n" % retry
    for event in events:
        yield _KEEP_ALIVE if event is None else _frame(event)


def _frame(event: Event) -> bytes:
    number = b"" if event.id is None else b"id: %d\n" % event.id
    return b"%sevent: %s\ndata: %s\n\n" % (number, event.name.encode(), orjson.dumps(event.data))
