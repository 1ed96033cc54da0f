"""Celery's events, gathered for a moment: those who watch see them a tenth of a second later, in one message.

Celery does so itself where it has an event loop of its own, but not on gevent, where each event was a message.
"""

from __future__ import annotations

from typing import Any

import gevent
from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher

_MOMENT = 0.1
"""Seconds."""


class GatheringDispatcher(EventDispatcher):
    """Sends the events of tasks together. Those of the worker itself, its heartbeat among them, go at once."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self._due = False
        super().__init__(*given, **{**options, "buffer_group": frozenset({"task"}), "on_send_buffered": self._soon})

    def _soon(self) -> None:
        if not self._due:
            self._due = True
            gevent.spawn_later(_MOMENT, self._send_gathered)

    def _send_gathered(self) -> None:
        self._due = False
        self.flush()


class GatheringEvents(Events):
    """What `Celery(events=...)` takes."""

    dispatcher_cls = GatheringDispatcher
