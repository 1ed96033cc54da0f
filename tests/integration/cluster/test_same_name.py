"""Two workers of one name, as two people start them by mistake: each carries out its own jobs, and keeps them."""

from __future__ import annotations

import time

from tests.fixtures.cluster import WORKER_READY
from tests.fixtures.health_watch import healthy_throughout
from tests.fixtures.site import LONE, Site, until

SECONDS = 5.0
"""Ten heartbeats: long enough to be disowned by another."""


def test_two_workers_of_one_name_do_not_take_each_others_jobs(site: Site) -> None:
    with site.aside({}) as found:
        found.cluster.start_worker(name="worker0").wait_for_line(WORKER_READY)
        site.back_end.behave(LONE, call="init", delay=SECONDS)
        tenants = [found.tenant() for _ in range(4)]
        began = time.monotonic()
        with healthy_throughout(found.cluster.url()):
            jobs = [found.submit(tenant, LONE) for tenant in tenants]
            ended = [found.complete(job) for job in jobs]
        assert time.monotonic() - began >= SECONDS
        assert [(job["status"], job["attempts"]) for job in ended] == [("done", 1)] * 4
        assert [found.called(tenant, LONE) for tenant in tenants] == [1] * 4
        metrics = until(lambda: found.ask("GET", "/metrics").text, "metrics")
        assert "okapi_install_workers_alive 2.0" in metrics
        assert metrics.count("okapi_install_worker_jobs{") == 1
