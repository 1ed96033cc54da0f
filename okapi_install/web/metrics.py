"""`GET /metrics`: the counters of all processes and the current gauges, in Prometheus's format.

Every API process returns the same values, so one of them is enough as a target.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from flask import Blueprint, Response, request
from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from okapi_install import __version__
from okapi_install.service.metrics import BUCKET, LIMIT, METERS, SUM, Labels, Meter
from okapi_install.service.metrics_store import Metering, Reading
from okapi_install.service.ports import Census, Trouble


def blueprint(metering: Metering, *, alive_within: float, public_url: str) -> Blueprint:
    """`/metrics`. A worker counts as alive if its heartbeat is at most `alive_within` seconds old.

    Alerts and dashboards make links to the page with `public_url`.
    """
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def metrics() -> Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(ReadingCollector(metering.read(), alive_within, public_url))
        answer = Response(encode(registry), content_type=content_type)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return routes


class ReadingCollector(Collector):
    """One reading as metrics."""

    def __init__(self, reading: Reading, alive_within: float, public_url: str) -> None:
        self._reading = reading
        self._alive_within = alive_within
        self._public_url = public_url

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        counts: dict[str, dict[Labels, float]] = defaultdict(dict)
        for (name, labels), value in sorted(self._reading.counts.items()):
            counts[name][labels] = value
        yield _info(self._public_url)
        yield from _gauges(self._reading.census)
        yield _rollouts(self._reading.rollouts)
        yield from _workers(self._reading.census, self._alive_within)
        yield _troubles(self._reading.troubles, self._public_url)
        for meter in METERS:
            yield _histogram(meter, counts) if meter.buckets else _counter(meter, counts[meter.name + "_total"])


def _info(public_url: str) -> Metric:
    text = "Version of the API process and address of the page, always 1."
    info = GaugeMetricFamily("okapi_install_build_info", text, labels=["version", "url"])
    info.add_metric([__version__, public_url], 1)
    return info


def _troubles(troubles: Iterable[Trouble], public_url: str) -> Metric:
    """Few series at a time: the newest failed jobs, the running jobs with a slow step, and the oldest queued job."""
    found = GaugeMetricFamily(
        "okapi_install_trouble_since_seconds",
        "When a job failed (for an hour), a slow step started, or the oldest queued job came, in seconds since 1970.",
        labels=["kind", "tenant", "job_id", "module", "url"],
    )
    for trouble in troubles:
        url = f"{public_url}/jobs/{quote(trouble.job_id, safe='')}"
        found.add_metric([trouble.kind, trouble.tenant, trouble.job_id, trouble.module or "", url], trouble.since)
    return found


def _gauges(census: Census) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("okapi_install_jobs", "Jobs in the store, by state.", labels=["status"])
    for status, count in census.jobs.items():
        jobs.add_metric([status.value], count)
    yield jobs
    for name, help_text, value in (
        ("waiting_jobs", "Queued jobs, which wait for a worker or for an earlier job of their tenant.", census.waiting),
        ("oldest_waiting_job_age_seconds", "Age of the oldest queued job, or 0.", census.oldest_waiting or 0),
        ("running_steps", "Running steps.", census.running_steps),
        ("slow_steps", "Running steps that take longer than their product ever took.", census.slow_steps),
    ):
        yield GaugeMetricFamily(f"okapi_install_{name}", help_text, value=value)


def _rollouts(counts: Mapping[str, int]) -> Metric:
    rollouts = GaugeMetricFamily("okapi_install_rollouts", "Rollouts in the store, by state.", labels=["status"])
    for status, count in counts.items():
        rollouts.add_metric([status], count)
    return rollouts


def _workers(census: Census, alive_within: float) -> Iterator[Metric]:
    alive = sum(worker.age <= alive_within for worker in census.workers)
    yield GaugeMetricFamily("okapi_install_workers_alive", "Workers with a heartbeat within the last lease.", alive)
    age = GaugeMetricFamily(
        "okapi_install_worker_heartbeat_age_seconds",
        "Age of each worker's last heartbeat. A worker is removed after an hour without one.",
        labels=["worker"],
    )
    jobs = GaugeMetricFamily(
        "okapi_install_worker_jobs", "Jobs that each worker owned at its last heartbeat.", labels=["worker"]
    )
    youngest = {w.name: w for w in sorted(census.workers, key=lambda w: -w.age)}  # one for a name, or labels repeat
    for worker in youngest.values():
        age.add_metric([worker.name], worker.age)
        jobs.add_metric([worker.name], worker.jobs)
    yield age
    yield jobs


def _counter(meter: Meter, values: Mapping[Labels, float]) -> Metric:
    family = CounterMetricFamily(meter.name, meter.help, labels=tuple(meter.labels))
    for labels in meter.series(values):
        family.add_metric([text for _, text in labels], values.get(labels, 0.0))
    return family


def _histogram(meter: Meter, counts: Mapping[str, Mapping[Labels, float]]) -> Metric:
    """A histogram with cumulative buckets, as Prometheus needs it. The store counts each duration in one bucket."""
    family = HistogramMetricFamily(meter.name, meter.help, labels=tuple(meter.labels))
    filled: dict[Labels, dict[float, float]] = {}
    for labels, value in counts.get(meter.name + BUCKET, {}).items():
        limit = float(dict(labels)[LIMIT])
        filled.setdefault(labels[:-1], {})[limit] = value
    for labels in meter.series(filled):
        total = counts.get(meter.name + SUM, {}).get(labels, 0.0)
        family.add_metric([text for _, text in labels], _cumulated(meter, filled.get(labels, {})), total)
    return family


def _cumulated(meter: Meter, buckets: Mapping[float, float]) -> list[tuple[str, float]]:
    found, so_far = [], 0.0
    for limit in sorted({*meter.buckets, *buckets, float("inf")}):
        so_far += buckets.get(limit, 0.0)
        found.append(("+Inf" if limit == float("inf") else repr(limit), so_far))
    return found
