"""A rollout, its tenants, and THE table of the transitions between a rollout's states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from okapi_install.domain.jobs import Change, InstallOptions, JobKind
from okapi_install.domain.rollouts.windows import Window


class RolloutStatus(StrEnum):
    """The states of a rollout. PAUSED and ABORTING start nothing; the last three are ends."""

    RUNNING = "running"
    PAUSED = "paused"
    ABORTING = "aborting"
    DONE = "done"
    ERROR = "error"
    ABORTED = "aborted"


_OVER = "all tenants are over, none of them failed"
_FAILED = "all tenants are over, some of them failed"
_ARROWS: dict[RolloutStatus, dict[RolloutStatus, str]] = {
    RolloutStatus.RUNNING: {
        RolloutStatus.PAUSED: "a client pauses it, a wave that is paused after is over, or too many tenants failed",
        RolloutStatus.ABORTING: "a client aborts it",
        RolloutStatus.DONE: _OVER,
        RolloutStatus.ERROR: _FAILED,
    },
    RolloutStatus.PAUSED: {
        RolloutStatus.RUNNING: "a client resumes it",
        RolloutStatus.ABORTING: "a client aborts it",
        RolloutStatus.DONE: _OVER,
        RolloutStatus.ERROR: _FAILED,
    },
    RolloutStatus.ABORTING: {RolloutStatus.ABORTED: "the jobs that were running have ended"},
    RolloutStatus.ERROR: {RolloutStatus.RUNNING: "a client retries its failed tenants, or a job of one of them"},
}

ROLLOUT_TRANSITIONS: Mapping[RolloutStatus, Mapping[RolloutStatus, str]] = MappingProxyType(
    {origin: MappingProxyType(targets) for origin, targets in _ARROWS.items()}
)
"""From, to, and why. No other change is possible."""

OPEN = frozenset({RolloutStatus.RUNNING, RolloutStatus.PAUSED, RolloutStatus.ABORTING})
"""In these states something may still happen without a client."""


class PauseReason(StrEnum):
    """Why a rollout is paused."""

    REQUESTED = "requested"
    WAVE = "wave"
    FAILURES = "failures"


class TenantStatus(StrEnum):
    """The states of a tenant in a rollout. Only WAITING and RUNNING are not over."""

    WAITING = "waiting"
    RUNNING = "running"
    """Its job is queued or running."""
    DONE = "done"
    UPTODATE = "uptodate"
    """There was nothing to change, so it has no job."""
    ERROR = "error"
    """Its job failed or was aborted, or no plan was possible for it."""
    SKIPPED = "skipped"
    """The rollout was aborted before its turn."""


UNFINISHED = frozenset({TenantStatus.WAITING, TenantStatus.RUNNING})


@dataclass(frozen=True, kw_only=True, slots=True)
class PauseRule:
    """What happens after each wave: wait for a client (`seconds` None), or for so many seconds."""

    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """One request for many tenants, as the store has it.

    Times are seconds since 1970, by the store's clock. `request` is None for an upgrade. `wave` is the number of the
    wave that may start tenants, from 0. No tenant starts before `hold_until`.
    """

    id: str
    name: str
    kind: JobKind
    status: RolloutStatus
    options: InstallOptions
    request: tuple[Change, ...] | None
    wave_count: int
    max_concurrent: int
    max_failures: int
    created: float
    max_per_module: int | None = None
    pause_after_wave: PauseRule | None = None
    windows: tuple[Window, ...] = ()
    wave: int = 0
    hold_until: float | None = None
    pause_reason: PauseReason | None = None
    ended: float | None = None
    requested_by: str | None = None
    callback_url: str | None = None
    callback_attempts: int = 0
    revision: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing happens any more without a client."""
        return self.status not in OPEN


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutTenant:
    """One tenant of a rollout. `pos` is its place in the order of the rollout, `wave` the number of its wave from 0.

    `module` is the one that failed; None if no plan was possible. `pardoned` says that a person resumed the rollout
    in spite of this failure, so it does not count any more.
    """

    pos: int
    tenant: str
    wave: int
    status: TenantStatus = TenantStatus.WAITING
    job_id: str | None = None
    started: float | None = None
    ended: float | None = None
    module: str | None = None
    message: str | None = None
    pardoned: bool = False
    attempts: int = 0

    def running_since(self, started: float | None) -> RolloutTenant:
        """The tenant with the start of its job, if it is running."""
        return replace(self, started=started) if self.status is TenantStatus.RUNNING else self


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many tenants of each wave are in which state; `failures` are those that are not pardoned."""

    waves: Mapping[int, Mapping[TenantStatus, int]] = field(default_factory=dict)
    failures: int = 0

    def count(self, *statuses: TenantStatus) -> int:
        """Tenants in these states, over all waves."""
        return sum(counts.get(status, 0) for counts in self.waves.values() for status in statuses)

    def in_wave(self, wave: int, *statuses: TenantStatus) -> int:
        """Tenants of the wave in these states."""
        counts = self.waves.get(wave, {})
        return sum(counts.get(status, 0) for status in statuses)

    @property
    def total(self) -> int:
        """All tenants."""
        return self.count(*TenantStatus)

    @property
    def first_unfinished(self) -> int | None:
        """The first wave that has tenants which are not over; None if all are."""
        return min((wave for wave in self.waves if self.in_wave(wave, *UNFINISHED)), default=None)

    def after_waiting(self, wave: int, status: TenantStatus) -> Tally:
        """The counts once a waiting tenant of the wave has got that state."""
        counts = dict(self.waves.get(wave, {}))
        counts[TenantStatus.WAITING] = counts.get(TenantStatus.WAITING, 0) - 1
        counts[status] = counts.get(status, 0) + 1
        failed = 1 if status is TenantStatus.ERROR else 0
        return Tally(waves={**self.waves, wave: counts}, failures=self.failures + failed)
