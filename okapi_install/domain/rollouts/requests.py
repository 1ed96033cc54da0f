"""What clients may do with a rollout: the state it gets, or the reason why not."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from okapi_install.domain.errors import UserError
from okapi_install.domain.rollouts import outcomes, words
from okapi_install.domain.rollouts.rollout import (
    PauseReason,
    Rollout,
    RolloutStatus,
    RolloutTenant,
    Tally,
    TenantStatus,
)


def pause(rollout: Rollout) -> Rollout:
    """The rollout when a client has paused it. Raises UserError if it is over or being aborted."""
    if rollout.status is RolloutStatus.PAUSED:
        return rollout
    if rollout.status is not RolloutStatus.RUNNING:
        raise UserError(words.cannot_pause(rollout.status))
    return replace(rollout, status=RolloutStatus.PAUSED, pause_reason=PauseReason.REQUESTED)


def resume(rollout: Rollout) -> Rollout:
    """The rollout when a client has resumed it. Raises UserError if it is over or being aborted."""
    if rollout.status is RolloutStatus.RUNNING:
        return replace(rollout, hold_until=None)
    if rollout.status is not RolloutStatus.PAUSED:
        raise UserError(words.cannot_resume(rollout.status))
    return replace(rollout, status=RolloutStatus.RUNNING, pause_reason=None)


def abort(rollout: Rollout) -> Rollout:
    """The rollout when a client has aborted it. Raises UserError if it is over."""
    if rollout.status is RolloutStatus.ABORTING:
        return rollout
    if rollout.complete:
        raise UserError(words.cannot_abort(rollout.status))
    return replace(rollout, status=RolloutStatus.ABORTING, pause_reason=None, hold_until=None)


def retry(rollout: Rollout) -> Rollout:
    """The rollout when a client has retried tenants of it. Raises UserError if it was aborted, or none has failed."""
    if rollout.status in (RolloutStatus.ABORTING, RolloutStatus.ABORTED):
        raise UserError(words.cannot_retry(rollout.status))
    if rollout.status is RolloutStatus.DONE:
        raise UserError(words.nothing_failed())
    if rollout.complete:
        return replace(rollout, status=RolloutStatus.RUNNING, ended=None)
    return rollout


def check_removable(rollout: Rollout, tally: Tally) -> None:
    """Raises UserError unless it is over, with all its tenants: a job of one of them may run again."""
    if not rollout.complete:
        raise UserError(words.cannot_remove(rollout.status))
    if tally.first_unfinished is not None:
        raise UserError(words.runs_again())


def retried(tenants: Iterable[RolloutTenant], wanted: Collection[str] | None) -> list[RolloutTenant]:
    """Those of the failed tenants that wait again: the wanted ones, or all. Raises UserError if one has not failed."""
    failed = {one.tenant: one for one in tenants if one.status is TenantStatus.ERROR}
    for tenant in wanted or ():
        if tenant not in failed:
            raise UserError(words.not_failed(tenant))
    if not failed or (wanted is not None and not wanted):
        raise UserError(words.nothing_failed())
    return [outcomes.again(one) for one in failed.values() if wanted is None or one.tenant in wanted]
