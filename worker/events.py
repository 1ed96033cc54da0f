"""Celery's events, gathered for a moment: those who watch see them a tenth of a second later, in one message.

Celery does so itself where it has an event loop of its own, but not on gevent, where each event was a message.
"""

from __future__ import annotations

from typing import Any

import gevent
from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher

_MOMENT, _PAUSE = 0.1, 1.0
"""Seconds: how long events are gathered, and how long until those are sent again that the broker did not take."""


class GatheringDispatcher(EventDispatcher):
    """Sends the events of tasks together. Those of the worker itself, its heartbeat among them, go at once."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self._due = False
        super().__init__(*given, **{**options, "buffer_group": frozenset({"task"}), "on_send_buffered": self._soon})

    def _soon(self, seconds: float = _MOMENT) -> None:
        if not self._due:
            self._due = True
            gevent.spawn_later(seconds, self._send_gathered)

    def _send_gathered(self) -> None:
        """Celery keeps what it could not send, but tries again only with the next events, which may be hours away."""
        self._due = False
        self.flush()
        if self._outbound_buffer:
            self._soon(_PAUSE)


class GatheringEvents(Events):
    """What `Celery(events=...)` takes."""

    dispatcher_cls = GatheringDispatcher
