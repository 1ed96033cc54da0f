"""Callbacks about rollouts: when one pauses by itself, and when it is over. Signed and retried as those about jobs."""

from __future__ import annotations

import structlog

from okapi_install.domain.errors import StoreUnavailable
from okapi_install.domain.foreign_status import is_gone, succeeded
from okapi_install.domain.rollouts.rollout import TenantStatus
from okapi_install.domain.timestamps import iso
from okapi_install.service.jobs.callbacks import MOST_AT_ONCE, CallbackSender, pause_after
from okapi_install.service.ports import RolloutStore, RolloutView
from okapi_install.service.rollouts.observer import RolloutObserver

log = structlog.get_logger()


def rollout_document(view: RolloutView, public_url: str) -> dict[str, object]:
    """The body of a callback. docs/callbacks.md describes it."""
    rollout = view.rollout
    return {
        "rollout": rollout.id,
        "name": rollout.name,
        "kind": rollout.kind.value,
        "status": rollout.status.value,
        "pauseReason": rollout.pause_reason,
        "created": iso(rollout.created),
        "endDate": iso(rollout.ended),
        "requestedBy": rollout.requested_by,
        "tenants": {"total": view.tally.total, **{status.value: view.tally.count(status) for status in TenantStatus}},
        "link": f"{public_url}/rollouts/{rollout.id}",
        "self": f"{public_url}/_/install/rollouts/{rollout.id}",
    }


class RolloutCallbacks:
    """Delivers the callbacks that are due, one after the other: a rollout has few."""

    def __init__(
        self, store: RolloutStore, sender: CallbackSender, observer: RolloutObserver, *, public_url: str
    ) -> None:
        self._store = store
        self._sender = sender
        self._observer = observer
        self._public_url = public_url

    def deliver_due(self) -> None:
        """Sends them, and records the outcome of each."""
        try:
            for view in self._store.due_rollout_callbacks(MOST_AT_ONCE):
                self._deliver(view)
        except StoreUnavailable as problem:
            log.warning("callbacks about rollouts are sent later: the store is unavailable", cause=problem.message)

    def _deliver(self, view: RolloutView) -> None:
        rollout = view.rollout
        delivery = f"{rollout.id}.{rollout.revision}"
        document = rollout_document(view, self._public_url)
        status, cause = self._sender.send(rollout.callback_url or "", document, delivery)
        delivered = status is not None and succeeded(status)
        gone = status is not None and is_gone(status)
        retry_in = None if delivered or gone else pause_after(rollout.callback_attempts)
        self._store.rollout_callback_done(rollout.id, delivered=delivered, retry_in=retry_in)
        outcome = "delivered" if delivered else "given_up" if retry_in is None else "failed"
        self._observer.callback_attempted(rollout, outcome, cause)
