"""The meters, and the counts of this process until they are added to the totals in the store.

Names and units follow Prometheus. Labels have few values, and none of them comes from a client, except the products of
modules.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from okapi_install.domain.jobs import EndReason, JobKind, JobStatus
from okapi_install.domain.rollouts.rollout import OPEN, PauseReason, RolloutStatus

Labels = tuple[tuple[str, str], ...]
CountKey = tuple[str, Labels]
"""The name of a counter, and its labels in the order of its meter."""

BUCKET, SUM, LIMIT = "_bucket", "_sum", "le"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meter:
    """A counter, or a histogram of seconds if it has `buckets`. `name` has no suffix such as `_total`.

    `from_start` are values of its only label that are reported as 0 before the first count, because Prometheus sees no
    increase in a series that starts at 1.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    from_start: tuple[str, ...] = ()

    def key(self, suffix: str, values: Mapping[str, str], *more: tuple[str, str]) -> CountKey:
        """The key of the counter for those labels."""
        return self.name + suffix, (*((label, values[label]) for label in self.labels), *more)


_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0)

JOBS_SUBMITTED = Meter(name="okapi_install_jobs_submitted", help="Jobs accepted.", labels=("kind",))
JOBS_ENDED = Meter(
    name="okapi_install_jobs_ended",
    help="Jobs that ended, by outcome: done, failed, aborted, revoked or unplannable.",
    labels=("outcome",),
    from_start=(JobStatus.DONE.value, *(reason.value for reason in EndReason)),
)
JOB_SECONDS = Meter(
    name="okapi_install_job_seconds",
    help="Duration of jobs, from the claim by the worker that ended them.",
    labels=("kind", "outcome"),
    buckets=_LONG,
)
STEPS = Meter(
    name="okapi_install_steps",
    help="Steps that ended, by the module's product, action and outcome.",
    labels=("module", "action", "outcome"),
)
MODULE_SECONDS = Meter(
    name="okapi_install_module_seconds",
    help="Total duration of the steps of a product. Divided by the number of its steps, it is the mean.",
    labels=("module", "action"),
)
STEP_SECONDS = Meter(
    name="okapi_install_step_seconds",
    help="Duration of steps.",
    labels=("action", "outcome"),
    buckets=_LONG,
)
TAKEN_OVER = Meter(name="okapi_install_leases_taken_over", help="Jobs taken over from a lost worker.")
REPUBLISHED = Meter(name="okapi_install_jobs_republished", help="Messages about jobs that the sweep sent again.")
POLLS = Meter(
    name="okapi_install_polls",
    help="Polls of tenant jobs, by outcome: answered, failed, or held for longer than requested.",
    labels=("outcome",),
)
UNUSUAL_STEPS = Meter(
    name="okapi_install_unusual_steps",
    help="Steps that run longer than their module ever took (slow), or whose tenant job is probably lost (lost).",
    labels=("kind",),
    from_start=("slow", "lost"),
)
STORE_ERRORS = Meter(name="okapi_install_store_errors", help="Transactions of the store that failed.", labels=("code",))
BROKER_ERRORS = Meter(
    name="okapi_install_broker_errors",
    help="Messages that the broker did not accept, and connections to it that broke.",
    labels=("part",),
)
CALLBACKS = Meter(
    name="okapi_install_callbacks",
    help="Attempts to send callbacks about ended jobs, by outcome: delivered, failed (will be retried), or given up.",
    labels=("outcome",),
    from_start=("delivered", "failed", "given_up"),
)
ROLLOUTS_SUBMITTED = Meter(
    name="okapi_install_rollouts_submitted",
    help="Rollouts accepted.",
    labels=("kind",),
    from_start=(JobKind.INSTALL.value, JobKind.UPGRADE.value),
)
ROLLOUTS_PAUSED = Meter(
    name="okapi_install_rollouts_paused",
    help="Pauses of rollouts, by reason: requested, wave, or failures.",
    labels=("reason",),
    from_start=tuple(reason.value for reason in PauseReason),
)
ROLLOUTS_ENDED = Meter(
    name="okapi_install_rollouts_ended",
    help="Rollouts that ended, by outcome: done, error (a tenant failed), or aborted.",
    labels=("outcome",),
    from_start=tuple(status.value for status in RolloutStatus if status not in OPEN),
)
OKAPI_SECONDS = Meter(
    name="okapi_install_okapi_request_seconds",
    help="Duration of requests to the Okapi beside this service, by outcome: answered or failed.",
    labels=("method", "outcome"),
    buckets=_QUICK,
)
HTTP_REQUESTS = Meter(
    name="okapi_install_http_requests",
    help="Requests to the API, by the path's pattern.",
    labels=("route", "method", "status"),
)
HTTP_SECONDS = Meter(
    name="okapi_install_http_request_seconds",
    help="Time until the response started. Long polls and synchronous installs wait for as long as requested.",
    labels=("route", "method"),
    buckets=_QUICK,
)
METERS = (
    *(JOBS_SUBMITTED, JOBS_ENDED, JOB_SECONDS, STEPS, MODULE_SECONDS, STEP_SECONDS, TAKEN_OVER, REPUBLISHED, POLLS),
    *(UNUSUAL_STEPS, STORE_ERRORS, BROKER_ERRORS, CALLBACKS, OKAPI_SECONDS, ROLLOUTS_SUBMITTED),
    *(ROLLOUTS_PAUSED, ROLLOUTS_ENDED, HTTP_REQUESTS, HTTP_SECONDS),
)


MOST_PRODUCTS = 500
"""A FOLIO release has about 150 products."""
_LONGEST_PRODUCT = 80


class Meters:
    """The counts of this process since the last `take`. Safe for threads and greenlets; never blocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[CountKey, float] = {}
        self._products: set[str] = set()

    def count(self, meter: Meter, amount: float = 1.0, /, **labels: str) -> None:
        """Adds to a counter."""
        self._add(((meter.key("_total", labels), amount),))

    def observe(self, meter: Meter, seconds: float, /, **labels: str) -> None:
        """Adds a duration to a histogram."""
        place = bisect_left(meter.buckets, seconds)
        limit = repr(meter.buckets[place]) if place < len(meter.buckets) else "+Inf"
        bucket = meter.key(BUCKET, labels, (LIMIT, limit))
        self._add(((bucket, 1.0), (meter.key(SUM, labels), max(seconds, 0.0))))

    def product(self, name: str) -> str:
        """The label of a module: its product, or `other` beyond MOST_PRODUCTS products and for long names.

        Clients choose the names of modules, so the number of series needs a limit.
        """
        with self._lock:
            if name not in self._products and (len(self._products) >= MOST_PRODUCTS or len(name) > _LONGEST_PRODUCT):
                return "other"
            self._products.add(name)
        return name

    def take(self) -> dict[CountKey, float]:
        """The counts since the last call, which are removed here."""
        with self._lock:
            taken, self._counts = self._counts, {}
        return taken

    def give_back(self, taken: Mapping[CountKey, float]) -> None:
        """Puts back counts that were taken but could not be stored."""
        self._add(taken.items())

    def _add(self, counts: Iterable[tuple[CountKey, float]]) -> None:
        with self._lock:
            for key, amount in counts:
                self._counts[key] = self._counts.get(key, 0.0) + amount
