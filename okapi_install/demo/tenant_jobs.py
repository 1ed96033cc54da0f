"""The tenant jobs of simulated modules: started by POST, polled by GET, forgotten on DELETE.

As with RMB, a DELETE of a running job forgets it. Real modules continue the work; these stop.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from okapi_install.demo.behaviours import SimulatedJob
from okapi_install.demo.wire import Reply


@dataclass(slots=True)
class RunningJob:
    """A tenant job. `ended` is set when it is complete or forgotten."""

    id: str
    module: str
    tenant: str
    attributes: object
    plan: SimulatedJob
    on_end: Callable[[], None]
    complete: bool = False
    polled: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None

    def end(self, *, complete: bool) -> None:
        """Ends the job. Further calls change nothing."""
        if self.ended.is_set():
            return
        self.complete = complete
        self.ended.set()
        if self.timer is not None:
            self.timer.cancel()
        self.on_end()

    def document(self) -> dict[str, object]:
        """The job as its module returns it (FOLIO's tenantJob schema)."""
        found: dict[str, object] = {
            "id": self.id,
            "tenant": self.tenant,
            "tenantAttributes": self.attributes,
            "complete": self.complete,
            "messages": list(self.plan.messages) if self.complete else [],
        }
        if self.complete and self.plan.error is not None:
            found["error"] = self.plan.error
        return found | dict(self.plan.extra) if self.complete else found


class SimulatedJobs:
    """All tenant jobs of all modules."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], RunningJob] = {}

    def start(
        self, module: str, tenant: str, attributes: object, plan: SimulatedJob, on_end: Callable[[], None]
    ) -> RunningJob:
        """A job that was started. `on_end` is called once, when it is complete or forgotten."""
        job = RunningJob(str(uuid.uuid4()), module, tenant, attributes, plan, on_end)
        self._jobs[(module, job.id)] = job
        if plan.complete_at_once:
            job.end(complete=True)
        elif plan.polls is None and not plan.never_ends:
            job.timer = asyncio.get_running_loop().call_later(plan.seconds, lambda: job.end(complete=True))
        return job

    async def poll(self, module: str, job_id: str, query: Mapping[str, str]) -> Reply:
        """The reply to a GET. A job that holds it delays the reply until it ends, or for `wait`."""
        job = self._jobs.get((module, job_id))
        if job is None:
            return Reply.of(404, f"Job not found {job_id}")
        job.polled += 1
        plan = job.plan
        if plan.forgets_after is not None and job.polled > plan.forgets_after:
            return self.cancel(module, job_id, found=404)
        if plan.polls is not None and job.polled >= plan.polls:
            job.end(complete=True)
        wait = query.get("wait", "0")
        if plan.holds and wait.isdecimal() and not job.ended.is_set():
            await _wait(job.ended, int(wait) / (1 if plan.wait_in_seconds else 1000))
        if (module, job_id) not in self._jobs:
            return Reply.of(404, f"Job not found {job_id}")
        return Reply.of(200, job.document())

    def cancel(self, module: str, job_id: str, *, found: int = 204) -> Reply:
        """The reply to a DELETE, which forgets the job."""
        job = self._jobs.pop((module, job_id), None)
        if job is None:
            return Reply.of(404, f"Job not found {job_id}")
        job.end(complete=False)
        return Reply.of(found, None if found == 204 else f"Job not found {job_id}")

    def finish(self, module: str | None) -> int:
        """Completes the running jobs of one module or of all. Returns their number."""
        found = [j for j in self._jobs.values() if module in (None, j.module) and not j.ended.is_set()]
        for job in found:
            job.end(complete=True)
        return len(found)

    def forget_all(self) -> None:
        """Ends and forgets every job."""
        for module, job_id in list(self._jobs):
            self.cancel(module, job_id)

    def documents(self) -> list[dict[str, object]]:
        """All known jobs, with their module and the number of polls."""
        return [job.document() | {"module": job.module, "polled": job.polled} for job in self._jobs.values()]


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
