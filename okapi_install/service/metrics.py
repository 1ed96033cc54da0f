"""The meters, and the counts of this process until they are added to the totals in the store.

Names and units follow Prometheus. Labels have few values, and none of them comes from a client, except the products of
modules.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product

from okapi_install.domain.errors import InternalError, StoreNotWritable, StoreUnavailable
from okapi_install.domain.jobs import Action, EndReason, JobKind, JobStatus, StepStatus
from okapi_install.domain.rollouts.rollout import OPEN, PauseReason, RolloutStatus

Labels = tuple[tuple[str, str], ...]
CountKey = tuple[str, Labels]
"""The name of a counter, and its labels in the order of its meter."""

BUCKET, SUM, LIMIT = "_bucket", "_sum", "le"


class PollOutcome(StrEnum):
    """What came of a poll of a tenant job."""

    ANSWERED = "answered"
    FAILED = "failed"
    HELD = "held"
    """It was held for longer than requested, which is not a failure."""


class Unusual(StrEnum):
    """Why a running step got a warning."""

    SLOW = "slow"
    LOST = "lost"


class BrokerPart(StrEnum):
    """Which use of the broker failed."""

    QUEUE = "queue"
    NOTIFIER = "notifier"
    LISTENER = "listener"


class CallbackOutcome(StrEnum):
    """What came of an attempt to send a callback."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GIVEN_UP = "given_up"


class OkapiOutcome(StrEnum):
    """What came of a request to the Okapi beside this service."""

    ANSWERED = "answered"
    FAILED = "failed"


ANY = ()
"""The values of a label that are not known from the start."""
JOB_OUTCOMES = (JobStatus.DONE, *EndReason)
STEP_ACTIONS, STEP_OUTCOMES = (Action.ENABLE, Action.DISABLE), (StepStatus.DONE, StepStatus.ERROR)
STORE_CODES = (StoreUnavailable.code, StoreNotWritable.code, InternalError.code)


@dataclass(frozen=True, kw_only=True, slots=True)
class Meter:
    """A counter, or a histogram of seconds if it has `buckets`. `name` has no suffix such as `_total`.

    `labels` has the values that each label can have, or ANY.
    """

    name: str
    help: str
    labels: Mapping[str, Collection[str]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    def key(self, suffix: str, values: Mapping[str, str], *more: tuple[str, str]) -> CountKey:
        """The key of the counter for those labels."""
        return self.name + suffix, (*((label, str(values[label])) for label in self.labels), *more)

    def series(self, seen: Iterable[Labels]) -> list[Labels]:
        """The label sets to report, which are more than those `seen`.

        Prometheus sees no increase in a series that starts at 1. So there is one for each known value from the start,
        and beside each seen value of an open label those with all known values of the other labels.
        """
        given = [dict(labels) for labels in seen]
        opened = {tuple(labels[name] for name in self._open) for labels in given} if self._open else {()}
        found = {self._labels(head, tail) for head in opened for tail in product(*self._known.values())}
        return sorted(found.union(tuple((name, labels[name]) for name in self.labels) for labels in given))

    @property
    def _open(self) -> list[str]:
        return [name for name, values in self.labels.items() if not values]

    @property
    def _known(self) -> dict[str, Collection[str]]:
        return {name: values for name, values in self.labels.items() if values}

    def _labels(self, head: Collection[str], tail: Collection[str]) -> Labels:
        values = dict(zip(self._open, head, strict=True)) | dict(zip(self._known, tail, strict=True))
        return tuple((name, str(values[name])) for name in self.labels)


_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0)

JOBS_SUBMITTED = Meter(name="okapi_install_jobs_submitted", help="Jobs accepted.", labels={"kind": tuple(JobKind)})
JOBS_ENDED = Meter(
    name="okapi_install_jobs_ended",
    help="Jobs that ended, by outcome: done, failed, aborted, revoked or unplannable.",
    labels={"outcome": JOB_OUTCOMES},
)
JOB_SECONDS = Meter(
    name="okapi_install_job_seconds",
    help="Duration of jobs, from the claim by the worker that ended them.",
    labels={"kind": tuple(JobKind), "outcome": JOB_OUTCOMES},
    buckets=_LONG,
)
STEPS = Meter(
    name="okapi_install_steps",
    help="Steps that ended, by the module's product, action and outcome.",
    labels={"module": ANY, "action": STEP_ACTIONS, "outcome": STEP_OUTCOMES},
)
MODULE_SECONDS = Meter(
    name="okapi_install_module_seconds",
    help="Total duration of the steps of a product. Divided by the number of its steps, it is the mean.",
    labels={"module": ANY, "action": STEP_ACTIONS},
)
STEP_SECONDS = Meter(
    name="okapi_install_step_seconds",
    help="Duration of steps.",
    labels={"action": STEP_ACTIONS, "outcome": STEP_OUTCOMES},
    buckets=_LONG,
)
TAKEN_OVER = Meter(name="okapi_install_leases_taken_over", help="Jobs taken over from a lost worker.")
REPUBLISHED = Meter(name="okapi_install_jobs_republished", help="Messages about jobs that the sweep sent again.")
POLLS = Meter(
    name="okapi_install_polls",
    help="Polls of tenant jobs, by outcome: answered, failed, or held for longer than requested.",
    labels={"outcome": tuple(PollOutcome)},
)
UNUSUAL_STEPS = Meter(
    name="okapi_install_unusual_steps",
    help="Steps that run longer than their module ever took (slow), or whose tenant job is probably lost (lost).",
    labels={"kind": tuple(Unusual)},
)
STORE_ERRORS = Meter(
    name="okapi_install_store_errors",
    help="Transactions of the store that failed.",
    labels={"code": STORE_CODES},
)
BROKER_ERRORS = Meter(
    name="okapi_install_broker_errors",
    help="Messages that the broker did not accept, and connections to it that broke.",
    labels={"part": tuple(BrokerPart)},
)
CALLBACKS = Meter(
    name="okapi_install_callbacks",
    help="Attempts to send callbacks about ended jobs, by outcome: delivered, failed (will be retried), or given up.",
    labels={"outcome": tuple(CallbackOutcome)},
)
ROLLOUTS_SUBMITTED = Meter(
    name="okapi_install_rollouts_submitted",
    help="Rollouts accepted.",
    labels={"kind": (JobKind.INSTALL, JobKind.UPGRADE)},
)
ROLLOUTS_PAUSED = Meter(
    name="okapi_install_rollouts_paused",
    help="Pauses of rollouts, by reason: requested, wave, or failures.",
    labels={"reason": tuple(PauseReason)},
)
ROLLOUTS_ENDED = Meter(
    name="okapi_install_rollouts_ended",
    help="Rollouts that ended, by outcome: done, error (a tenant failed), or aborted.",
    labels={"outcome": tuple(status for status in RolloutStatus if status not in OPEN)},
)
OKAPI_SECONDS = Meter(
    name="okapi_install_okapi_request_seconds",
    help="Duration of requests to the Okapi beside this service, by outcome: answered or failed.",
    labels={"method": ANY, "outcome": tuple(OkapiOutcome)},
    buckets=_QUICK,
)
HTTP_REQUESTS = Meter(
    name="okapi_install_http_requests",
    help="Requests to the API, by the path's pattern.",
    labels={"route": ANY, "method": ANY, "status": ANY},
)
HTTP_SECONDS = Meter(
    name="okapi_install_http_request_seconds",
    help="Time until the response started. Long polls and synchronous installs wait for as long as requested.",
    labels={"route": ANY, "method": ANY},
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
