"""Modules that hold a poll for too long, lose their tenant job or never answer, with a real worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.health_watch import healthy_throughout
from tests.fixtures.site import LONE, Site, codes, until

WATCHFUL = {
    "OKAPI_INSTALL_SLOW_STEP_SECONDS": "1",
    "OKAPI_INSTALL_LOST_JOB_TIMEOUT": "2",
    "OKAPI_INSTALL_POLL_WAIT_MS": "1000",
    "OKAPI_INSTALL_POLL_TIMEOUT": "2",
    "OKAPI_INSTALL_POLL_RETRY_SECONDS": "3",
}


@pytest.fixture(scope="module")
def watchful(site: Site) -> Iterator[Site]:
    site.fresh()
    with site.aside(WATCHFUL) as other, healthy_throughout(other.cluster.url()):
        yield other


def metric(site: Site, name: str) -> float:
    """What that counter says; 0 if it is not there yet."""
    lines = site.ask("GET", "/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)


def warned(site: Site, job: str, code: str) -> None:
    """Waits until the running step has that warning."""
    step = until(lambda: _with_warning(site, job, code), f"the warning {code}")
    assert step == "running"


def _with_warning(site: Site, job: str, code: str) -> str | None:
    step = site.step(job, LONE)
    return str(step["status"]) if code in codes(step["warnings"]) else None


def taken_once(site: Site) -> None:
    """The module has been seen: it took less than a second."""
    assert site.complete(site.submit(site.tenant(), LONE))["status"] == "done"


def test_a_module_that_takes_wait_for_seconds_is_not_failed_and_asked_without_it(watchful: Site, site: Site) -> None:
    site.back_end.behave(LONE, call="init", job={"seconds": 8, "wait_in_seconds": True})
    first, second = (watchful.submit(watchful.tenant(), LONE) for _ in range(2))
    assert [watchful.complete(job)["status"] for job in (first, second)] == ["done", "done"]
    third = watchful.complete(watchful.submit(watchful.tenant(), LONE))
    assert third["status"] == "done"
    held = until(lambda: metric(watchful, 'okapi_install_polls_total{outcome="held"}'), "the count")
    assert held <= 2, "the third job knew it"
    assert metric(watchful, 'okapi_install_polls_total{outcome="failed"}') == 0


def test_a_tenant_job_that_its_module_lost_is_warned_of_and_ended(watchful: Site, site: Site) -> None:
    taken_once(watchful)
    site.back_end.behave(LONE, call="init", job={"never_ends": True})
    site.back_end.behave(LONE, call="poll", reset=True, seconds=0.5)
    job = watchful.submit(watchful.tenant(), LONE)
    warned(watchful, job, "tenant_job_probably_lost")
    ended = watchful.complete(job)
    assert ended["status"] == "error"
    assert "has probably been lost" in ended["message"]


def test_a_module_that_never_answers_is_warned_of_while_it_is_called(watchful: Site, site: Site) -> None:
    taken_once(watchful)
    site.back_end.behave(LONE, call="init", hang=True)
    tenant = watchful.tenant()
    job = watchful.submit(tenant, LONE)
    warned(watchful, job, "longer_than_ever")
    until(lambda: metric(watchful, 'okapi_install_unusual_steps_total{kind="slow"}'), "the count")
    assert watchful.abort(tenant, job) == 204
