"""Jobs beside an Okapi that is killed, that loses answers and changes, and that runs jobs of its own.

Whatever happens, each module is initialised once, and that Okapi has what the jobs call done, and nothing else. With
BESIDE_FULL=1, there are 40 jobs over 20 tenants for each kind of fault.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.cluster import start_again
from tests.fixtures.site import Site, until
from tests.integration.cluster.beside import BesideFleet, Okapi, beside_okapi

Fault = Callable[[BesideFleet, Okapi], None]


def killed_before(fleet: BesideFleet, okapi: Okapi) -> None:
    """It ends when it is told of a change, and has not made it."""
    okapi.flaws(ends="before")
    okapi.until_it_ends()
    okapi.start()


def killed_after(fleet: BesideFleet, okapi: Okapi) -> None:
    """It ends when it has made a change, before it says so."""
    okapi.flaws(ends="after")
    okapi.until_it_ends()
    okapi.start()


def killed_anywhere(fleet: BesideFleet, okapi: Okapi) -> None:
    """It is killed, and back after a moment."""
    time.sleep(random.uniform(0.0, 0.2))
    okapi.process.kill()
    time.sleep(0.5)
    okapi.start()


def loses_answers(fleet: BesideFleet, okapi: Okapi) -> None:
    """It makes changes and does not say so."""
    okapi.flaws(lost_answers=4)


def loses_changes(fleet: BesideFleet, okapi: Okapi) -> None:
    """It says that it has made changes, and has not."""
    okapi.flaws(lost_changes=4)


def fails(fleet: BesideFleet, okapi: Okapi) -> None:
    """It responds with 500."""
    okapi.flaws(failures=4)


def runs_jobs_of_its_own(fleet: BesideFleet, okapi: Okapi) -> None:
    """Its own jobs overwrite what tenants have got meanwhile."""
    chosen = random.sample(fleet.tenants, k=max(1, len(fleet.tenants) // 4))
    for tenant in chosen:
        okapi.start_job(tenant)
        fleet.others.add(tenant)
    time.sleep(1.0)
    okapi.finish_jobs()


def worker_killed_before_recording(fleet: BesideFleet, okapi: Okapi) -> None:
    """A worker is killed while modules that it has initialised wait for Okapi."""
    okapi.process.kill()
    job = until(fleet.initialised, "an initialised module")
    victim = fleet.site.cluster.workers[fleet.site.worker_of(job["id"])]
    victim.kill()
    okapi.start()
    start_again(victim)


def worker_killed_anywhere(fleet: BesideFleet, okapi: Okapi) -> None:
    """A worker is killed, whatever it does."""
    victim = random.choice(fleet.site.cluster.workers)
    victim.kill()
    start_again(victim)


def a_job_is_aborted(fleet: BesideFleet, okapi: Okapi) -> None:
    """A job is aborted while a module that it has initialised waits for Okapi."""
    okapi.process.kill()
    job = until(fleet.initialised, "an initialised module")["id"]
    fleet.site.ask("POST", f"/_/install/jobs/{job}/abort")
    fleet.aborted.add(job)
    okapi.start()


FAULTS: tuple[Fault, ...] = (
    *(killed_before, loses_answers, runs_jobs_of_its_own, killed_after),
    *(loses_changes, worker_killed_before_recording, fails, killed_anywhere),
)
MORE: tuple[Fault, ...] = (worker_killed_anywhere, a_job_is_aborted)
FULL = os.environ.get("BESIDE_FULL") == "1"


def test_jobs_beside_an_okapi_survive_all_that_happens_to_it(site: Site, tmp_path: Path) -> None:
    with beside_okapi(site, tmp_path) as (beside, okapi):
        fleet = BesideFleet.start(beside, okapi, 12 if FULL else 2)
        for fault in FAULTS:
            fleet.until_one_starts()
            fault(fleet, okapi)
        fleet.check()


@pytest.mark.skipif(not FULL, reason="BESIDE_FULL=1 runs each fault alone, with 40 jobs")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", [*FAULTS, *MORE], ids=lambda fault: fault.__name__)
def test_forty_jobs_beside_an_okapi_survive_each_fault(site: Site, tmp_path: Path, fault: Fault) -> None:
    with beside_okapi(site, tmp_path) as (beside, okapi):
        fleet = BesideFleet.start(beside, okapi, 17)
        for share in (0.1, 0.4, 0.6):
            fleet.until_recorded(share)
            fleet.until_one_starts()
            fault(fleet, okapi)
        fleet.check()
