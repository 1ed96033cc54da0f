"""A worker whose event loop stands still ends itself, and others go on with its jobs."""

from __future__ import annotations

import os
import signal
import time

import pytest
from celery import Celery

from okapi_install.adapters.celery.settings import celery_settings
from okapi_install.adapters.watchdog import EXIT_CODE
from tests.fixtures.cluster import WORKER_READY
from tests.fixtures.site import LONE, Site, until
from tests.fixtures.stalling import STALLS

BRIEF = {"OKAPI_INSTALL_STALL_SECONDS": "2"}


@pytest.mark.parametrize("how", STALLS)
def test_a_worker_that_stands_still_ends_itself_and_another_goes_on(site: Site, how: str) -> None:
    with site.aside(BRIEF) as found:
        site.back_end.behave(LONE, call="init", job={"never_ends": True})
        job = found.submit(found.tenant(), LONE)
        found.until_tenant_job(job, LONE)
        worker = found.cluster.workers[0]
        worker.command += ["--include", "tests.fixtures.stalling"]
        worker.terminate()
        worker.start()
        until(lambda: worker.output.count(" ready.") == 2, "the worker again")
        until(lambda: (found.job(job) or {}).get("worker"), "the worker of the job")
        app = Celery(set_as_current=False)
        app.conf.update(celery_settings(found.cluster.settings["OKAPI_INSTALL_BROKER_URL"]))
        app.send_task("stall", args=[how], headers={"eta": None})
        assert worker.wait() in (EXIT_CODE, -signal.SIGPROF)
        assert "stalling.py" in worker.output
        found.cluster.start_worker().wait_for_line(WORKER_READY)
        site.back_end.finish_jobs(LONE)
        ended = found.complete(job)
        assert (ended["status"], found.called(ended["tenant"], LONE)) == ("done", 1)


def test_a_worker_that_was_stopped_for_a_while_does_not_end_itself(site: Site) -> None:
    with site.aside(BRIEF) as found:
        worker = found.cluster.workers[0]
        os.kill(worker.pid, signal.SIGSTOP)
        time.sleep(5)
        os.kill(worker.pid, signal.SIGCONT)
        assert found.complete(found.submit(found.tenant(), LONE))["status"] == "done"
        time.sleep(1)
        assert worker.running
