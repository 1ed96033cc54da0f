"""What the pages of rollouts show: where we are, what failed and why, when it is done, and a cell for each tenant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from okapi_install.domain.errors import UserError
from okapi_install.domain.foreign_text import one_line
from okapi_install.domain.rollouts.estimate import forecast
from okapi_install.domain.rollouts.failures import FailureGroup, grouped
from okapi_install.domain.rollouts.requests import abort, pause, resume, retry
from okapi_install.domain.rollouts.rollout import Rollout, RolloutStatus, RolloutTenant, Tally, TenantStatus
from okapi_install.domain.rollouts.standing import Standing, standing
from okapi_install.service.ports import RolloutView

_STATUS_WORDS = {
    RolloutStatus.RUNNING: "running",
    RolloutStatus.PAUSED: "paused",
    RolloutStatus.ABORTING: "being aborted",
    RolloutStatus.DONE: "done",
    RolloutStatus.ERROR: "ended with failures",
    RolloutStatus.ABORTED: "aborted",
}
_STATUS_KEYS = {RolloutStatus.PAUSED: "warning", RolloutStatus.ERROR: "error", RolloutStatus.ABORTED: "warning"}


@dataclass(frozen=True, slots=True)
class TenantState:
    """How a state of tenants is shown: the sign stands in a cell of the grid."""

    status: TenantStatus
    word: str
    sign: str


STATES = (
    TenantState(TenantStatus.DONE, "done", "✓"),
    TenantState(TenantStatus.UPTODATE, "up to date", "="),
    TenantState(TenantStatus.RUNNING, "running", "▸"),
    TenantState(TenantStatus.WAITING, "waiting", "·"),
    TenantState(TenantStatus.ERROR, "failed", "!"),
    TenantState(TenantStatus.SKIPPED, "skipped", "-"),
)
_SHOWN_AS = {state.status: state for state in STATES}


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A part of the bar: `width` in per cent."""

    state: TenantState
    count: int
    width: float


@dataclass(frozen=True, kw_only=True, slots=True)
class WaveLine:
    """A wave with its counts."""

    number: int
    total: int
    shares: tuple[Share, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A tenant in the grid."""

    tenant: str
    job_id: str | None
    state: TenantState
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutLine:
    """A rollout in the list."""

    rollout: Rollout
    word: str
    key: str
    standing: Standing
    total: int
    shares: tuple[Share, ...]

    @classmethod
    def of(cls, view: RolloutView) -> RolloutLine:
        """The line of a rollout."""
        return cls(
            rollout=view.rollout,
            word=_STATUS_WORDS[view.rollout.status],
            key=_STATUS_KEYS.get(view.rollout.status, "plain"),
            standing=standing(view.rollout, view.tally, view.now),
            total=view.tally.total,
            shares=_shares(view.tally),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutPageView:
    """One rollout."""

    line: RolloutLine
    waves: tuple[WaveLine, ...]
    groups: tuple[FailureGroup, ...]
    cells: tuple[tuple[int, tuple[Cell, ...]], ...]
    """The tenants of each wave, by its number."""
    seconds_left: float | None
    expected_end: float | None
    can_pause: bool
    can_resume: bool
    can_abort: bool
    can_retry: bool

    @classmethod
    def of(cls, view: RolloutView, tenants: Sequence[RolloutTenant]) -> RolloutPageView:
        """The page of a rollout with these tenants."""
        expected, rollout = forecast(view.rollout, view.tally, view.pace, view.now), view.rollout
        paused = rollout.status is RolloutStatus.PAUSED
        return cls(
            line=RolloutLine.of(view),
            waves=tuple(_wave(view.tally, wave) for wave in sorted(view.tally.waves)),
            groups=tuple(grouped(tenants)),
            cells=_cells(tenants),
            seconds_left=None if expected is None else expected.seconds,
            expected_end=None if expected is None else expected.end,
            can_pause=not paused and _allowed(pause, rollout),
            can_resume=paused or (rollout.hold_until is not None and _allowed(resume, rollout)),
            can_abort=rollout.status is not RolloutStatus.ABORTING and _allowed(abort, rollout),
            can_retry=view.tally.count(TenantStatus.ERROR) > 0 and _allowed(retry, rollout),
        )


def _allowed(request: Callable[[Rollout], Rollout], rollout: Rollout) -> bool:
    try:
        request(rollout)
    except UserError:
        return False
    return True


def _shares(tally: Tally, wave: int | None = None) -> tuple[Share, ...]:
    counts = {
        state: tally.count(state.status) if wave is None else tally.in_wave(wave, state.status) for state in STATES
    }
    total = sum(counts.values()) or 1
    return tuple(
        Share(state=state, count=count, width=round(100 * count / total, 2)) for state, count in counts.items() if count
    )


def _wave(tally: Tally, wave: int) -> WaveLine:
    return WaveLine(number=wave + 1, total=tally.in_wave(wave, *TenantStatus), shares=_shares(tally, wave))


def _cells(tenants: Sequence[RolloutTenant]) -> tuple[tuple[int, tuple[Cell, ...]], ...]:
    waves: dict[int, list[Cell]] = {}
    for one in tenants:
        waves.setdefault(one.wave + 1, []).append(_cell(one))
    return tuple((number, tuple(cells)) for number, cells in sorted(waves.items()))


def _cell(one: RolloutTenant) -> Cell:
    state = _SHOWN_AS[one.status]
    why = f": {one_line(one.message)}" if one.message else ""
    return Cell(tenant=one.tenant, job_id=one.job_id, state=state, label=f"{one.tenant}, {state.word}{why}")
