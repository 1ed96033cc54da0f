"""Reports changes of rollouts: as metrics, notifications and log lines. Called once after each commit."""

from __future__ import annotations

import structlog

from okapi_install.domain.rollouts.rollout import Rollout, RolloutStatus
from okapi_install.service.metrics import ROLLOUTS_ENDED, ROLLOUTS_PAUSED, ROLLOUTS_SUBMITTED, Meters
from okapi_install.service.ports import Notifier

log = structlog.get_logger()


class RolloutObserver:
    """The hooks. One instance per process; safe for threads and greenlets."""

    def __init__(self, notifier: Notifier, meters: Meters) -> None:
        self._notifier = notifier
        self._meters = meters

    def submitted(self, rollout: Rollout, tenants: int) -> None:
        """A rollout was accepted."""
        self._meters.count(ROLLOUTS_SUBMITTED, kind=rollout.kind.value)
        self._notifier.changed(rollout.id, now=True)
        log.info("rollout accepted", rollout=rollout.id, tenants=tenants, waves=rollout.wave_count)

    def changed(self, before: Rollout, after: Rollout) -> None:
        """A rollout may have got another state."""
        if after.revision == before.revision and after == before:
            return
        self._notifier.changed(after.id)
        if after.status is before.status:
            return
        if after.status is RolloutStatus.PAUSED and after.pause_reason is not None:
            self._meters.count(ROLLOUTS_PAUSED, reason=after.pause_reason.value)
        if after.complete:
            self._meters.count(ROLLOUTS_ENDED, outcome=after.status.value)
        log.info(
            "rollout", rollout=after.id, was=before.status.value, status=after.status.value, why=after.pause_reason
        )

    def removed(self, rollout_id: str) -> None:
        """A client has removed a complete rollout."""
        self._notifier.changed(rollout_id, now=True)
        log.info("rollout removed", rollout=rollout_id)

    def tenants_started(self, rollout: Rollout, jobs: int) -> None:
        """Tenants of a rollout were started, or found to have nothing to do."""
        self._notifier.changed(rollout.id)
        if jobs:
            log.info("rollout starts tenants", rollout=rollout.id, jobs=jobs)

    def tenant_refused(self, rollout: Rollout, tenant: str, cause: str) -> None:
        """A tenant cannot have a job, because no plan is possible."""
        log.warning("rollout: no job for a tenant", rollout=rollout.id, tenant=tenant, cause=cause)

    def callback_attempted(self, rollout: Rollout, outcome: str, cause: str | None) -> None:
        """A callback about a rollout was delivered, has failed, or is given up."""
        attempt = rollout.callback_attempts
        log.info("callback", rollout=rollout.id, outcome=outcome, attempt=attempt, cause=cause)
