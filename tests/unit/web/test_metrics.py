"""`GET /metrics`, over a store in memory."""

from __future__ import annotations

from itertools import product

import pytest
from prometheus_client.parser import text_string_to_metric_families

from okapi_install.domain.errors import StoreUnavailable
from okapi_install.domain.jobs import JobKind
from okapi_install.service.metrics import HTTP_REQUESTS, METERS
from tests.fakes.fake_modules import answer
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

_SUFFIX = {True: "_count", False: "_total"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(site: JobsSite) -> Samples:
    """All samples by name and labels."""
    found = site.client.get("/metrics")
    assert found.status_code == 200
    families = text_string_to_metric_families(found.text)
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """One sample, None if it is not there."""
    return samples.get(("okapi_install_" + name, frozenset(labels.items())))


def test_jobs_steps_and_durations_are_counted() -> None:
    site = JobsSite()
    site.house.carried_out(*enable("b-1.0.0"))
    site.house.script("d-1.0.0", lambda _: answer(500, "broken"))
    site.house.carried_out(*enable("d-1.0.0"))
    site.house.submit(*enable("c-1.0.0"))
    found = scraped(site)
    assert value(found, "jobs", status="done") == value(found, "jobs", status="error") == 1
    assert value(found, "waiting_jobs") == 1
    assert (value(found, "oldest_waiting_job_age_seconds") or -1) >= 0
    assert value(found, "jobs_submitted_total", kind="install") == 3
    assert value(found, "jobs_ended_total", outcome="done") == value(found, "jobs_ended_total", outcome="failed") == 1
    assert value(found, "steps_total", module="a", action="enable", outcome="done") == 1
    assert value(found, "steps_total", module="d", action="enable", outcome="error") == 1
    assert value(found, "step_seconds_count", action="enable", outcome="done") == 2
    assert value(found, "step_seconds_bucket", action="enable", outcome="done", le="+Inf") == 2
    assert value(found, "leases_taken_over_total") == 0


def test_a_histogram_grows_from_bucket_to_bucket() -> None:
    site = JobsSite()
    site.house.carried_out(*enable("c-1.0.0"))
    found = scraped(site)
    done = {("action", "enable"), ("outcome", "done")}
    buckets = [(dict(labels)["le"], n) for (name, labels), n in found.items() if "step_" in name and labels > done]
    counts = [n for _, n in sorted(buckets, key=lambda one: float(one[0]))]
    assert counts == sorted(counts)
    assert counts[-1] == 3


def test_counters_stay_when_jobs_are_deleted() -> None:
    site = JobsSite()
    job = site.house.carried_out(*enable("a-1.0.0"))
    site.house.installs.abort(job.id, keep=False)
    found = scraped(site)
    assert value(found, "jobs", status="done") == 0
    assert value(found, "jobs_ended_total", outcome="done") == 1


def test_aborts_and_takeovers_are_counted() -> None:
    site = JobsSite()
    job = site.house.submit(*enable("a-1.0.0"))
    site.house.installs.abort(job.id, keep=True)
    lost = site.house.submit(*enable("d-1.0.0"))
    assert site.house.store.claim(lost.id, "lost", None, 15.0)
    site.house.store.pass_time(20)
    site.house.runner.sweep()
    site.house.work()
    found = scraped(site)
    assert value(found, "jobs_ended_total", outcome="aborted") == 1
    assert value(found, "leases_taken_over_total") == 1
    assert value(found, "jobs_republished_total") == 1


def test_workers_are_told_with_the_age_of_their_heartbeats() -> None:
    site = JobsSite()
    site.house.store.beat("w1", 15.0)
    site.house.store.pass_time(100)
    site.house.store.beat("w2", 15.0)
    found = scraped(site)
    assert value(found, "workers_alive") == 1
    assert (value(found, "worker_heartbeat_age_seconds", worker="w1") or 0) >= 100
    assert value(found, "worker_jobs", worker="w2") == 0


def test_requests_are_counted_by_the_pattern_of_their_path() -> None:
    site = JobsSite()
    for tenant in ("diku", "x1", "x2"):
        site.client.get(f"/_/proxy/tenants/{tenant}/install")
    site.client.get("/no/such/path")
    site.client.open("/_/proxy/health", method="WEIRD")
    site.client.get("/_/install/jobs", headers={"X-Okapi-Tenant": "nobody"})
    found = scraped(site)
    pattern = "/_/proxy/tenants/{tenant}/install"
    assert value(found, "http_requests_total", route=pattern, method="GET", status="200") == 1
    assert value(found, "http_requests_total", route=pattern, method="GET", status="404") == 2
    assert value(found, "http_request_seconds_count", route=pattern, method="GET") == 3
    assert value(found, "http_requests_total", route="none", method="GET", status="404") == 1
    assert value(found, "http_requests_total", route="none", method="other", status="404") == 1
    assert value(found, "http_requests_total", route="/_/install/jobs", method="GET", status="400") == 1


def test_every_polls_outcome_is_counted() -> None:
    site = JobsSite()
    script = {"POST": answer(201, {"id": "j"}, Location="/j"), "DELETE": answer(204)}
    polls = iter([answer(503, "later"), answer(200, {"id": "j", "complete": True})])
    site.house.script("d-1.0.0", lambda call: script.get(call.method) or next(polls))
    site.house.carried_out(*enable("d-1.0.0"), kind=JobKind.INSTALL)
    found = scraped(site)
    assert value(found, "polls_total", outcome="failed") == value(found, "polls_total", outcome="answered") == 1


def test_every_known_value_of_a_label_is_reported_as_zero_from_the_start() -> None:
    found = scraped(JobsSite())
    for meter in METERS:
        for values in product(*meter.labels.values()):
            labels = dict(zip(meter.labels, values, strict=True))
            assert (
                value(found, f"{meter.name.removeprefix('okapi_install_')}{_SUFFIX[bool(meter.buckets)]}", **labels)
                == 0
            )
    assert value(found, "jobs_ended_total", outcome="failed") == 0
    assert value(found, "step_seconds_bucket", action="disable", outcome="error", le="+Inf") == 0


def test_the_first_failure_of_a_module_that_was_done_before_is_an_increase() -> None:
    site = JobsSite()
    site.house.carried_out(*enable("a-1.0.0"))
    found = scraped(site)
    assert value(found, "steps_total", module="a", action="enable", outcome="done") == 1
    assert value(found, "steps_total", module="a", action="enable", outcome="error") == 0
    assert value(found, "steps_total", module="a", action="disable", outcome="error") == 0


def test_openmetrics_is_told_to_those_who_ask_for_it() -> None:
    found = JobsSite().client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert found.content_type.startswith("application/openmetrics-text")
    assert found.text.endswith("# EOF\n")


def test_without_the_setting_there_are_no_metrics() -> None:
    assert JobsSite(metrics=False).client.get("/metrics").status_code == 404


def test_metrics_need_the_api_key_if_there_is_one() -> None:
    site = JobsSite(api_key="a-key-of-it")
    assert site.client.get("/metrics").status_code == 401
    assert site.client.get("/metrics", headers={"Authorization": "Bearer a-key-of-it"}).status_code == 200


def test_a_store_that_is_away_is_no_page_of_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    site = JobsSite()

    def away() -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(site.house.store, "census", away)
    site.house.meters.count(HTTP_REQUESTS, route="x", method="GET", status="200")
    assert site.client.get("/metrics").status_code == 503
