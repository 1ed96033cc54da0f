"""The broker is away for so long that Celery's workers would let more and more time pass between two attempts."""

from __future__ import annotations

import re

from okapi_install.adapters.celery.private_parts import LONGEST_PAUSE
from tests.fixtures.processes import ServerProcess
from tests.fixtures.site import LONE, Site


def pauses(worker: ServerProcess, since: int) -> list[float]:
    """What a worker says of its pauses between attempts to reach the broker, after so many characters of its log."""
    return [float(seconds) for seconds in re.findall(r"Trying again in ([\d.]+) seconds", worker.output[since:])]


def test_workers_try_often_enough_and_jobs_begin_when_the_broker_is_back(site: Site) -> None:
    began = [(worker, len(worker.output)) for worker in site.cluster.workers]
    site.broker.stop()
    meanwhile = [site.submit(site.tenant(), LONE, api=api) for api in (0, 1)]
    for worker, since in began:
        worker.wait_until(lambda worker=worker, since=since: len(pauses(worker, since)) >= 3, "its pauses")  # type: ignore[misc]
    site.broker.start()
    for job in (*meanwhile, site.submit(site.tenant(), LONE)):
        assert site.complete(job)["status"] == "done"
    for worker, since in began:
        assert max(pauses(worker, since)) == LONGEST_PAUSE
