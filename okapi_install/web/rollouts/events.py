"""The events of one rollout, for the API and for the page: each change, and its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from okapi_install.domain.errors import NotFound, StoreUnavailable
from okapi_install.service.rollouts.rollouts import RolloutService
from okapi_install.web.http.sse import KEEP_ALIVE_SECONDS, Event

PAUSE_SECONDS = 1.0
"""The least time between two events. With hundreds of tenants at once, something changes all the time."""
REFRESH_SECONDS = 5.0
"""Time alone changes what is expected, and what waits."""


def rollout_events(
    rollouts: RolloutService,
    rollout_id: str,
    since: int,
    *,
    name: str,
    render: Callable[[str], Mapping[str, object]],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Event | None]:
    """An event `name` for changes after revision `since`, then `end` or `gone`. Ids are revisions of the rollout.

    If the store becomes unavailable, the stream ends and the reader reconnects.
    """
    seen, quiet = since, 0.0
    while True:
        try:
            rollout = rollouts.view(rollout_id).rollout
            changed = rollout.revision > seen
            if changed or (quiet >= REFRESH_SECONDS and not rollout.complete):
                yield Event(name=name, id=rollout.revision, data=render(rollout_id))
                seen, quiet = rollout.revision, 0.0
            elif quiet >= KEEP_ALIVE_SECONDS:
                yield None
        except NotFound:
            yield Event(name="gone", data={"id": rollout_id})
            return
        except StoreUnavailable:
            return
        if rollout.complete:
            yield Event(name="end", id=seen, data={"id": rollout.id, "status": rollout.status.value})
            return
        sleep(PAUSE_SECONDS)
        rollouts.wait_changed(rollout_id, seen, REFRESH_SECONDS)
        quiet += PAUSE_SECONDS + REFRESH_SECONDS
