"""A rollout with real processes: waves, failures, a person who resumes and retries, and workers that are killed.

ROLLOUT_TENANTS=300 and ROLLOUT_MODULES=10 run it at the size of a hoster; it takes some minutes then.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fixtures.back_end.descriptors import bare_descriptor
from tests.fixtures.cluster import start_again
from tests.fixtures.site import Site, until

TENANTS = int(os.environ.get("ROLLOUT_TENANTS", "20"))
MODULES = [f"mod-rollout{number}-1.0.0" for number in range(int(os.environ.get("ROLLOUT_MODULES", "3")))]
AT_ONCE = max(4, TENANTS // 12)
OF_ONE_MODULE = max(2, AT_ONCE // 2)
FAILING = max(2, TENANTS // 20)
PATIENCE = 60.0 + TENANTS * 2.0
SLOW = 0.25


def _furnish(site: Site) -> list[str]:
    """The tenants, in their order; the modules are registered and take a moment, some with a tenant job."""
    descriptors = [bare_descriptor(module) for module in MODULES]
    site.request("POST", "/_/proxy/import/modules?check=false", json=descriptors).raise_for_status()
    known = {one["srvcId"] for one in site.ask("GET", "/_/discovery/modules").json()}
    for module in set(MODULES) - known:
        site.request("POST", "/_/discovery/modules", json=site.back_end.instance(module)).raise_for_status()
    for number, module in enumerate(MODULES):
        job = {"job": {"seconds": SLOW}} if number % 2 else {"delay": SLOW}
        site.back_end.behave(module, call="init", **job)
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: site.tenant(), range(TENANTS)))


@dataclass
class Watch:
    """What the modules do, looked at again and again."""

    tenants: int = 0
    of_one_module: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def look(self, read: Callable[[], dict[str, Any]]) -> None:
        while not self.over.wait(0.05):
            running = read()["modules"]
            self.tenants = max(self.tenants, len({one["tenant"] for one in running}))
            counts = Counter(one["module"] for one in running)
            self.of_one_module = max(self.of_one_module, *counts.values(), 0)


@contextmanager
def _watched(site: Site) -> Iterator[Watch]:
    watch = Watch()
    thread = threading.Thread(target=watch.look, args=(site.back_end.running,), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.over.set()
        thread.join()


def _rollout(site: Site, path: str) -> dict[str, Any]:
    document: dict[str, Any] = site.ask("GET", path).json()
    return document


def _until_status(site: Site, path: str, *statuses: str) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        found = _rollout(site, path)
        return found if found["status"] in statuses else None

    return until(reached, f"a rollout that is {statuses}", timeout=PATIENCE)


def _kill_workers(site: Site) -> None:
    for worker in site.cluster.workers:
        worker.signal(signal.SIGKILL)
        worker.wait()
    for worker in site.cluster.workers:
        start_again(worker)


def _until_done(site: Site, path: str, tenants: int) -> None:
    until(lambda: _rollout(site, path)["tenants"]["done"] >= tenants, f"{tenants} tenants done", timeout=PATIENCE)


def test_all_tenants_of_a_rollout_are_done_once_although_some_fail_and_workers_are_killed(site: Site) -> None:
    tenants = _furnish(site)
    failing = tenants[3 : 3 + FAILING]
    for tenant in failing:
        site.back_end.behave(MODULES[-1], tenant=tenant, call="init", status=500, body=f"no room for {tenant}")
    body = {
        "name": "night",
        "modules": [{"id": module} for module in MODULES],
        "tenants": tenants,
        "waves": [1, "10%", "rest"],
        "maxConcurrent": AT_ONCE,
        "maxPerModule": OF_ONE_MODULE,
        "maxFailures": FAILING - 1,
    }
    with _watched(site) as watch:
        answer = site.ask("POST", "/_/install/rollouts", json=body)
        assert answer.status_code == 201, answer.text
        path = answer.headers["Location"]
        _until_done(site, path, 1)
        _kill_workers(site)
        paused = _until_status(site, path, "paused")
        assert paused["pauseReason"] == "failures"
        (group,) = paused["failures"]
        assert (group["module"], group["count"]) == (MODULES[-1], FAILING)
        done = paused["tenants"]["done"] + paused["tenants"]["running"]
        site.ask("POST", f"{path}/resume", api=1)
        _until_done(site, path, min(done + 2, TENANTS - FAILING))
        _kill_workers(site)
        ended = _until_status(site, path, "error")
        assert (ended["tenants"]["done"], ended["tenants"]["error"]) == (TENANTS - FAILING, FAILING)
        site.back_end.behave(MODULES[-1], call="init", delay=0.0)
        site.ask("POST", f"{path}/retry", api=1, json={"group": group["key"]})
        assert _until_status(site, path, "done")["tenants"]["done"] == TENANTS
    assert 1 < watch.tenants <= AT_ONCE
    assert 1 < watch.of_one_module <= OF_ONE_MODULE
    for tenant in tenants:
        assert site.ask("GET", f"/_/install/jobs?tenant={tenant}").json()["total"] == 1
        assert set(MODULES) <= site.enabled(tenant)


def test_two_apis_that_pause_and_resume_at_once_leave_it_in_one_of_both_states(site: Site) -> None:
    tenants = [site.tenant() for _ in range(6)]
    body = {"name": "night", "modules": [{"id": "mod-root-1.0.0"}], "tenants": tenants, "maxConcurrent": 1}
    path = site.ask("POST", "/_/install/rollouts", json=body).headers["Location"]
    calls = [(f"{path}/{verb}", api) for verb in ("pause", "resume") for api in (0, 1)] * 5
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda call: site.ask("POST", call[0], api=call[1]).status_code, calls))
    assert set(answers) <= {202, 400}
    if _rollout(site, path)["status"] == "paused":
        site.ask("POST", f"{path}/resume")
    assert _until_status(site, path, "done")["tenants"]["done"] == len(tenants)
