"""Forty jobs of six modules, for forty tenants; and what must hold of them, whatever happened meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.fixtures.audit import Entry
from tests.fixtures.site import SIX, TOP, Site, until

MANY = 40


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Jobs by tenant; those in `aborted` were aborted while they ran."""

    site: Site
    jobs: Mapping[str, str]
    aborted: frozenset[str] = frozenset()

    @classmethod
    def start(cls, site: Site, many: int = MANY) -> Fleet:
        """Tenants and their jobs, at all API processes; every other job may do two steps side by side."""
        with ThreadPoolExecutor(8) as pool:
            tenants = list(pool.map(lambda _: site.tenant(), range(many)))
            apis = len(site.cluster.apis)

            def submit(number: int) -> str:
                options = f"&parallel={1 + number % 2}"
                return site.submit(tenants[number], TOP, api=number % apis, options=options)

            return cls(site=site, jobs=dict(zip(tenants, pool.map(submit, range(many)), strict=True)))

    def abort_some(self, many: int = 4) -> Fleet:
        """The same fleet, with the first jobs aborted."""
        chosen = list(self.jobs)[:many]
        gone = frozenset(tenant for tenant in chosen if self.site.abort(tenant, self.jobs[tenant]) == 204)
        return Fleet(site=self.site, jobs=self.jobs, aborted=gone)

    def until_begun(self, steps: int = MANY) -> None:
        """Waits until so many steps have been called."""
        until(lambda: self._calls_so_far() >= steps, f"{steps} calls")

    def _calls_so_far(self) -> int:
        return sum(call["call"] == "enable" for call in self.site.back_end.calls())

    def check(self) -> None:
        """Waits for the end of all jobs; fails the test unless all is as it must be."""
        for tenant, job_id in self.jobs.items():
            if tenant not in self.aborted:
                assert self.site.complete(job_id)["status"] == "done", self.site.job(job_id)
        self._until_cleaned_up()
        calls = self.site.back_end.calls(call="enable")
        for tenant, job_id in self.jobs.items():
            self._check_tenant(tenant, job_id, [call for call in calls if call["tenant"] == tenant])

    def _until_cleaned_up(self) -> None:
        """An aborted job is over when its tenant is free."""
        until(lambda: self.site.ask("GET", "/_/install/jobs?status=aborting").json()["total"] == 0, "the last clean-up")

    def _check_tenant(self, tenant: str, job_id: str, calls: list[dict[str, Any]]) -> None:
        seen = [entry for entry in self.site.audit.of(tenant) if entry.job == job_id]
        done = Counter(entry.module for entry in seen if entry.what == "done")
        assert set(done.values()) <= {1}, f"a step was committed twice: {done}"
        enabled = self.site.enabled(tenant)
        assert enabled == set(done), f"enabled: {enabled}, but committed: {set(done)}"
        if tenant in self.aborted:
            assert self.site.job(job_id) is None
        else:
            assert set(done) == SIX
        _check_calls(seen, calls)


def _check_calls(seen: list[Entry], calls: list[dict[str, Any]]) -> None:
    """No call but of a step that had begun, none after an abort, none of a module whose tenant job was known."""
    posted = Counter(call["module"] for call in calls)
    begun = Counter(entry.module for entry in seen if entry.what == "begun")
    assert all(posted[module] <= begun[module] for module in posted), (posted, begun)
    aborted_at = next((entry.at for entry in seen if entry.what == "job aborting"), float("inf"))
    assert all(entry.at <= aborted_at for entry in seen if entry.what in ("begun", "done"))
    known = {entry.module: entry for entry in reversed(seen) if entry.what == "tenant job"}
    since_1970 = time.time() - time.monotonic()
    late = [c for c in calls if c["module"] in known and c["at"] + since_1970 > known[c["module"]].at + 0.01]
    assert late == [], f"called again although its tenant job was known: {late}"
