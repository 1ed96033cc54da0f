"""Where a rollout stands, in one sentence for a person, and when it goes on by itself."""

from __future__ import annotations

from dataclasses import dataclass

from okapi_install.domain.rollouts import words
from okapi_install.domain.rollouts.rollout import PauseReason, Rollout, RolloutStatus, Tally, TenantStatus
from okapi_install.domain.rollouts.windows import is_open, next_opening


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """`continues` is the moment at which tenants may start again without anybody's help; None if they may now, or if
    a person has to act.
    """

    sentence: str
    continues: float | None = None


def standing(rollout: Rollout, tally: Tally, now: float) -> Standing:
    """Where the rollout stands at that moment, by the store's clock."""
    running, failed = tally.count(TenantStatus.RUNNING), tally.count(TenantStatus.ERROR)
    if rollout.status is RolloutStatus.PAUSED:
        return Standing(sentence=_paused(rollout, tally))
    if rollout.status is RolloutStatus.RUNNING:
        return _running(rollout, tally, now)
    if rollout.status is RolloutStatus.ABORTING:
        return Standing(sentence=words.aborting(running))
    if rollout.status is RolloutStatus.ABORTED:
        return Standing(sentence=words.aborted(tally.count(TenantStatus.SKIPPED)))
    if rollout.status is RolloutStatus.ERROR:
        return Standing(sentence=words.ended_with_failures(failed, tally.total))
    return Standing(sentence=words.all_done(tally.count(TenantStatus.DONE), tally.count(TenantStatus.UPTODATE)))


def _paused(rollout: Rollout, tally: Tally) -> str:
    running = tally.count(TenantStatus.RUNNING)
    if rollout.pause_reason is PauseReason.FAILURES:
        return words.paused_for_failures(tally.failures, rollout.max_failures, running)
    if rollout.pause_reason is PauseReason.WAVE:
        return words.paused_after_wave(rollout.wave, rollout.wave_count)
    return words.paused_by_person(running)


def _running(rollout: Rollout, tally: Tally, now: float) -> Standing:
    wave, waiting = (tally.first_unfinished or 0) + 1, tally.count(TenantStatus.WAITING)
    if waiting and rollout.hold_until is not None and now < rollout.hold_until:
        return Standing(sentence=words.held_after_wave(wave - 1, rollout.wave_count), continues=rollout.hold_until)
    if waiting and not is_open(rollout.windows, now):
        sentence = words.outside_windows(tally.count(TenantStatus.RUNNING), waiting)
        return Standing(sentence=sentence, continues=next_opening(rollout.windows, now))
    return Standing(sentence=words.in_wave(wave, rollout.wave_count, tally.count(TenantStatus.RUNNING), waiting))
