"""When a rollout will have ended, as far as that depends on no person."""

from __future__ import annotations

from dataclasses import dataclass

from okapi_install.domain.rollouts.rollout import UNFINISHED, Rollout, RolloutStatus, Tally
from okapi_install.domain.rollouts.windows import open_seconds_later


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How long a tenant takes, in seconds: what was planned from earlier jobs, and what was measured since."""

    planned: float | None = None
    measured: float = 0.0
    """The sum over the tenants that are done."""
    count: int = 0

    @property
    def seconds(self) -> float | None:
        """The expected duration of a tenant. The plan counts as one tenant among those that were measured."""
        known = self.count + (self.planned is not None)
        return (self.measured + (self.planned or 0.0)) / known if known else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """The seconds in which tenants still have to run, and when that is over.

    `end` is None if a person has to act before, or if the windows never open.
    """

    seconds: float
    end: float | None


def forecast(rollout: Rollout, tally: Tally, pace: Pace, now: float) -> Forecast | None:
    """The forecast of an open rollout; None if it is over, or nothing is known of the duration of a tenant."""
    if rollout.complete or pace.seconds is None:
        return None
    left = {wave: tally.in_wave(wave, *UNFINISHED) for wave in sorted(tally.waves)}
    counts = [count for count in left.values() if count]
    seconds = sum(_of_wave(count, rollout.max_concurrent, pace.seconds) for count in counts)
    rule, holds = rollout.pause_after_wave, max(0, len(counts) - 1)
    by_hand = rule is not None and rule.seconds is None and holds > 0
    if rollout.status is not RolloutStatus.RUNNING or by_hand:
        return Forecast(seconds=seconds, end=None)
    pauses = holds * (rule.seconds or 0.0) if rule else 0.0
    end = open_seconds_later(rollout.windows, max(now, rollout.hold_until or now), seconds + pauses)
    return Forecast(seconds=seconds, end=end)


def _of_wave(tenants: int, at_once: int, seconds: float) -> float:
    return seconds * max(1.0, tenants / at_once)
