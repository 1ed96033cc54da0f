"""What a rollout does next: one decision from its counts and the time. Whoever looks, and when, it is the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from okapi_install.domain.rollouts.rollout import PauseReason, Rollout, RolloutStatus, Tally, TenantStatus
from okapi_install.domain.rollouts.windows import is_open


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The rollout as it has to be stored now, and how many waiting tenants of its wave may start."""

    rollout: Rollout
    room: int = 0


def decide(rollout: Rollout, tally: Tally, now: float) -> Decision:
    """The next state of an open rollout. `now` is the store's clock.

    Every start of a tenant follows such a decision in the same transaction, so its rules hold for any number of
    workers.
    """
    if rollout.status is RolloutStatus.ERROR and _changed_by_hand(tally):
        rollout = replace(rollout, status=RolloutStatus.RUNNING, ended=None)
    if rollout.complete:
        return Decision(rollout=rollout)
    if rollout.status is RolloutStatus.ABORTING:
        return Decision(rollout=rollout if tally.count(TenantStatus.RUNNING) else _ended(rollout, _ABORTED, now))
    wave = tally.first_unfinished
    if wave is None:
        failed = tally.count(TenantStatus.ERROR) > 0
        return Decision(rollout=_ended(rollout, RolloutStatus.ERROR if failed else RolloutStatus.DONE, now))
    if rollout.status is RolloutStatus.PAUSED:
        return Decision(rollout=rollout)
    if tally.failures > rollout.max_failures and tally.count(TenantStatus.WAITING):
        return Decision(rollout=_paused(rollout, PauseReason.FAILURES))
    if wave > rollout.wave:
        rollout = _next_wave(rollout, wave, now)
    return Decision(rollout=rollout, room=_room(rollout, tally, wave) if _may_start(rollout, now) else 0)


_ABORTED = RolloutStatus.ABORTED


def _changed_by_hand(tally: Tally) -> bool:
    """Whether a client has retried a job of a rollout that is over."""
    return tally.first_unfinished is not None or not tally.count(TenantStatus.ERROR)


def _may_start(rollout: Rollout, now: float) -> bool:
    held = rollout.hold_until is not None and now < rollout.hold_until
    return rollout.status is RolloutStatus.RUNNING and not held and is_open(rollout.windows, now)


def _room(rollout: Rollout, tally: Tally, wave: int) -> int:
    free = rollout.max_concurrent - tally.count(TenantStatus.RUNNING)
    return max(0, min(free, tally.in_wave(wave, TenantStatus.WAITING)))


def _next_wave(rollout: Rollout, wave: int, now: float) -> Rollout:
    """The rollout when its waves before that one are over."""
    rollout, rule = replace(rollout, wave=wave, hold_until=None), rollout.pause_after_wave
    if rule is None:
        return rollout
    if rule.seconds is None:
        return _paused(rollout, PauseReason.WAVE)
    return replace(rollout, hold_until=now + rule.seconds)


def _paused(rollout: Rollout, reason: PauseReason) -> Rollout:
    return replace(rollout, status=RolloutStatus.PAUSED, pause_reason=reason)


def _ended(rollout: Rollout, status: RolloutStatus, now: float) -> Rollout:
    return replace(rollout, status=status, ended=now, pause_reason=None, hold_until=None)
