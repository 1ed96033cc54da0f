"""The events of one job, for the API and for the page: each change, and the end or removal of the job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from okapi_install.domain.errors import NotFound, StoreUnavailable
from okapi_install.domain.jobs import Job
from okapi_install.service.jobs.installs import InstallService
from okapi_install.web.http.sse import KEEP_ALIVE_SECONDS, Event

REFRESH_SECONDS = 3.0
"""The time between two refreshes."""

Refresh = Callable[[Job], Mapping[str, object]]
"""Returns the data of an event about what changes with time alone."""

Render = Callable[[Job, int], Mapping[str, object]]
"""Returns the data of an event, from a job and the revision that the reader has seen."""


def job_events(
    installs: InstallService,
    job_id: str,
    since: int,
    *,
    name: str,
    render: Render,
    refresh: Refresh | None = None,
    pause: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Event | None]:
    """An event `name` for each change after revision `since`, then `end` or `gone`.

    Ids are revisions of the job, so a reader that reconnects continues where it was. If the store becomes unavailable,
    the stream ends and the reader reconnects. `pause` is the least time in seconds between two events. What `refresh`
    returns is sent every few seconds while nothing else happens, if it differs from the last time.
    """
    seen, told = since, None
    patience = KEEP_ALIVE_SECONDS if refresh is None else REFRESH_SECONDS
    while True:
        try:
            job = installs.job(job_id)
        except NotFound:
            yield Event(name="gone", data={"id": job_id})
            return
        except StoreUnavailable:
            return
        if job.revision > seen:
            yield Event(name=name, id=job.revision, data=render(job, seen))
            seen = job.revision
        elif not job.complete:
            news = None if refresh is None else refresh(job)
            yield None if news is None or news == told else Event(name=name, id=seen, data=news)
            told = news
        if job.complete:
            yield Event(name="end", id=seen, data={"id": job.id, "status": job.status.value})
            return
        if pause:
            sleep(pause)
        installs.wait_changed(job_id, seen, patience)
