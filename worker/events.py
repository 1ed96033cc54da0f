"""Batches Celery's events: monitors receive them a tenth of a second later, in one message.

Celery does this itself where it has its own event loop, but not on gevent, where it sends a message for each event.
"""

from __future__ import annotations

from typing import Any

import gevent
from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher

_MOMENT, _PAUSE = 0.1, 1.0
"""Seconds: for how long events are gathered, and the pause before those that the broker did not accept are resent."""


class GatheringDispatcher(EventDispatcher):
    """Sends the events of tasks in batches. Those of the worker itself, such as its heartbeat, are sent at once."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self._due = False
        super().__init__(*given, **{**options, "buffer_group": frozenset({"task"}), "on_send_buffered": self._soon})

    def _soon(self, seconds: float = _MOMENT) -> None:
        if not self._due:
            self._due = True
            gevent.spawn_later(seconds, self._send_gathered)

    def _send_gathered(self) -> None:
        """Resends events that failed. Celery itself would resend them only with the next ones, perhaps hours later."""
        self._due = False
        self.flush()
        if self._outbound_buffer:
            self._soon(_PAUSE)


class GatheringEvents(Events):
    """The class for `Celery(events=...)`."""

    dispatcher_cls = GatheringDispatcher
