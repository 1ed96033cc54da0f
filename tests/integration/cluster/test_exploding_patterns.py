"""A pattern that a backtracking engine never gets done with: it is matched at once, or refused, and no worker stops."""

from __future__ import annotations

import re
import time
from urllib.parse import quote

from tests.fixtures.health_watch import healthy_throughout
from tests.fixtures.site import LONE, TOP, Site
from tests.unit.domain.test_invocation import EXPLODING

_AGE = re.compile(r"^okapi_install_worker_heartbeat_age_seconds\S* (\S+)$", re.MULTILINE)
LEASE = 3.0


def test_exploding_patterns_stop_no_worker(site: Site) -> None:
    tenants = [site.tenant() for _ in EXPLODING]
    began = time.monotonic()
    with healthy_throughout(site.cluster.url()):
        jobs = [
            site.submit(tenant, LONE, options=f"&invoke={quote(pattern, safe='')}")
            for tenant, pattern in zip(tenants, EXPLODING, strict=True)
        ]
        assert site.complete(site.submit(site.tenant(), TOP))["status"] == "done"
        ended = [site.complete(job) for job in jobs]
    assert [(job["status"], job["attempts"]) for job in ended] == [("done", 1)] * len(jobs)
    assert time.monotonic() - began < 60
    assert {site.called(tenant, LONE) for tenant in tenants} == {0}
    ages = [float(age) for age in _AGE.findall(site.ask("GET", "/metrics").text)]
    assert len(ages) >= 2
    assert sum(age < LEASE for age in ages) >= 2
    refused = site.request("POST", f"/_/proxy/tenants/{tenants[0]}/install?invoke=%28%3F%3Dx%29", json=[{"id": LONE}])
    assert (refused.status_code, "Bad pattern for parameter invoke" in refused.text) == (400, True)


def test_what_a_pattern_matched_when_it_was_submitted_is_stored_with_the_job(site: Site) -> None:
    tenant = site.tenant()
    job = site.complete(site.submit(tenant, TOP, options="&invoke=mod-(root|top).*"))
    assert job["status"] == "done"
    called = {step["id"] for step in job["modules"] if site.called(tenant, step["id"])}
    assert called == {"mod-root-1.0.0", "mod-top-1.0.0"}
    assert job["options"] == {"async": True, "invoke": "mod-(root|top).*"}
