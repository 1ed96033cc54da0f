"""Callbacks about ended jobs: their content, signature and retries.

A callback is delivered at least once, because the store returns it until its outcome is recorded. The HTTP client is an
adapter.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from okapi_install.domain import messages
from okapi_install.domain.errors import OkapiInstallError, StoreUnavailable, UserError
from okapi_install.domain.foreign_status import is_gone, succeeded
from okapi_install.domain.jobs import Job
from okapi_install.domain.presentation.naming import job_name
from okapi_install.domain.presentation.outcomes import outcome_of
from okapi_install.domain.presentation.states import job_state
from okapi_install.domain.timestamps import iso
from okapi_install.service.metrics import CallbackOutcome
from okapi_install.service.observer import JobObserver
from okapi_install.service.ports import JobStore, Tasks

log = structlog.get_logger()

SIGNATURE = "X-Okapi-Install-Signature"
DELIVERY = "X-Okapi-Install-Delivery"
MOST_AT_ONCE = 20
MOST_FAILURES = 10
"""How many of the modules that failed a callback lists."""
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 3600.0
MOST_ATTEMPTS = 32
"""Together with the pauses between them, these attempts take a little less than a day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallbackRule:
    """Where callbacks go: the address of the settings, and whether a request may name another.

    `check` raises UserError for an address that is not allowed.
    """

    default: str | None = None
    per_job: bool = True
    check: Callable[[str], None] | None = None

    def url_for(self, wanted: str | None) -> str | None:
        """The address for a request that names `wanted`, or None. Raises UserError if it may not name it."""
        if wanted is not None and not self.per_job:
            raise UserError(messages.no_callback_urls())
        if wanted is not None and self.check is not None:
            self.check(wanted)
        return wanted or self.default


class WebhookFailed(OkapiInstallError):
    """A callback got no response. The message says why, without the address."""

    code = "webhook_failed"


class Webhook(Protocol):
    """Sends one callback."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The HTTP status of the response. Redirects are not followed. Raises WebhookFailed."""


def is_web_url(url: str) -> bool:
    """Whether it is an http or https URL with a host."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url


def signature(secret: str, at: int, body: bytes) -> str:
    """`t=…,v1=…`: the time in seconds since 1970, and the HMAC-SHA256 of that time, a dot and the body, in hex."""
    digest = hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def pause_after(attempts: int) -> float | None:
    """Seconds until the next attempt, or None after the last one.

    The schedule is documented and has no jitter. The store keeps the time of the next attempt, so nothing waits in
    memory. Jobs end at different times, which spreads the callbacks.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    return float(min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE))


def callback_document(job: Job, public_url: str) -> dict[str, object]:
    """The body of a callback, enough to write a chat message from. docs/callbacks.md describes it."""
    outcome = outcome_of(job)
    return {
        "id": job.id,
        "name": job_name(job),
        "tenant": job.tenant,
        "kind": job.kind.value,
        "status": job.status.value,
        "state": job_state(job).value,
        "reason": job.reason,
        "summary": outcome.sentence,
        "failures": [{"module": failed.module, "message": failed.why} for failed in outcome.failures[:MOST_FAILURES]],
        "message": job.message,
        "created": iso(job.created),
        "startDate": iso(job.started),
        "endDate": iso(job.ended),
        "retries": job.retries,
        "requestedBy": job.requested_by,
        "modules": outcome.counts.by_status,
        "counts": outcome.counts.document,
        "link": f"{public_url}/jobs/{job.id}",
        "self": f"{public_url}/_/install/jobs/{job.id}",
    }


class CallbackSender:
    """Signs and sends callbacks. `now` gives the time in seconds since 1970."""

    def __init__(self, webhook: Webhook, now: Callable[[], float], secret: str | None) -> None:
        self._webhook = webhook
        self._now = now
        self._secret = secret

    def send(self, url: str, document: Mapping[str, object], delivery: str) -> tuple[int | None, str | None]:
        """The HTTP status of the response, None if there was none, and what to log. `delivery` identifies the event."""
        body = json.dumps(document, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", DELIVERY: delivery}
        if self._secret is not None:
            headers[SIGNATURE] = signature(self._secret, int(self._now()), body)
        try:
            status = self._webhook.post(url, body, headers)
        except WebhookFailed as problem:
            return None, problem.message
        return status, f"answered {status}"


class CallbackService:
    """Delivers the callbacks that are due. `now` gives the time in seconds since 1970."""

    def __init__(
        self,
        store: JobStore,
        webhook: Webhook,
        tasks: Tasks,
        observer: JobObserver,
        now: Callable[[], float],
        *,
        public_url: str,
        secret: str | None,
    ) -> None:
        self._store = store
        self._sender = CallbackSender(webhook, now, secret)
        self._tasks = tasks
        self._observer = observer
        self._public_url = public_url

    def deliver_due(self) -> None:
        """Sends the due callbacks in parallel, so that an address that does not respond delays no other."""
        crew = self._tasks.crew()
        try:
            jobs = self._store.due_callbacks(MOST_AT_ONCE)
        except StoreUnavailable as problem:
            log.warning("no callbacks sent: the store is unavailable", cause=problem.message)
            return
        for place, job in enumerate(jobs):
            crew.start(place, lambda job=job: self._deliver(job))  # type: ignore[misc]
        left = len(jobs)
        while left > 0:
            ended = crew.finished()
            left -= len(ended)
            for _, fault in ended:
                if fault is not None:
                    log.warning("the outcome of a callback was not recorded; it will be sent again", cause=str(fault))

    def _deliver(self, job: Job) -> None:
        status, cause = self._send(job)
        delivered = status is not None and succeeded(status)
        retry_in = None if delivered or (status is not None and is_gone(status)) else pause_after(job.callback_attempts)
        self._store.callback_done(job.id, delivered=delivered, retry_in=retry_in)
        unsent = CallbackOutcome.GIVEN_UP if retry_in is None else CallbackOutcome.FAILED
        outcome = CallbackOutcome.DELIVERED if delivered else unsent
        self._observer.callback_attempted(job, outcome, cause)

    def _send(self, job: Job) -> tuple[int | None, str | None]:
        document, delivery = callback_document(job, self._public_url), f"{job.id}.{job.retries}"
        return self._sender.send(job.callback_url or "", document, delivery)
