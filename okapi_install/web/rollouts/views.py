"""Rollouts as JSON, for the API and for the events of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from okapi_install.domain.foreign_text import one_line
from okapi_install.domain.problems import to_json
from okapi_install.domain.rollouts.estimate import Forecast, forecast
from okapi_install.domain.rollouts.failures import FailureGroup, grouped
from okapi_install.domain.rollouts.rollout import RolloutTenant, Tally, TenantStatus
from okapi_install.domain.rollouts.standing import Standing, standing
from okapi_install.domain.rollouts.windows import DAYS, Window
from okapi_install.domain.timestamps import iso
from okapi_install.service.jobs.proposals import Proposal
from okapi_install.service.ports import RolloutView
from okapi_install.service.rollouts.orders import Simulation
from okapi_install.web.job_views import change_view, options_view

Document = dict[str, object]
_MOST_NAMED = 1000
"""Most tenants that a group names. Its count is of all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutPicture:
    """A rollout with what is computed from it: groups of failures, forecast, and where it stands in a sentence."""

    view: RolloutView
    groups: tuple[FailureGroup, ...]
    forecast: Forecast | None
    standing: Standing

    @classmethod
    def of(cls, view: RolloutView, tenants: Iterable[RolloutTenant] = ()) -> RolloutPicture:
        """The picture of a rollout; without its tenants, it has no groups of failures."""
        expected = forecast(view.rollout, view.tally, view.pace, view.now)
        return cls(
            view=view,
            groups=tuple(grouped(tenants)),
            forecast=expected,
            standing=standing(view.rollout, view.tally, view.now),
        )


def rollout_view(picture: RolloutPicture) -> Document:
    """Everything about a rollout but its tenants one by one."""
    rollout, tally = picture.view.rollout, picture.view.tally
    return listed_rollout_view(picture) | {
        "modules": None if rollout.request is None else [change_view(change) for change in rollout.request],
        "options": options_view(rollout.options),
        "maxConcurrent": rollout.max_concurrent,
        "maxPerModule": rollout.max_per_module,
        "maxFailures": rollout.max_failures,
        "failuresCounted": tally.failures,
        "pauseAfterWave": None if rollout.pause_after_wave is None else rollout.pause_after_wave.seconds or True,
        "windows": [window_view(window) for window in rollout.windows],
        "waves": [{"number": wave + 1, **counts_view(tally, wave)} for wave in sorted(tally.waves)],
        "failures": [group_view(group) for group in picture.groups],
        "tenantSeconds": _rounded(picture.view.pace.seconds),
    }


def listed_rollout_view(picture: RolloutPicture) -> Document:
    """A rollout in a list."""
    rollout, expected = picture.view.rollout, picture.forecast
    path = f"/_/install/rollouts/{rollout.id}"
    return {
        "id": rollout.id,
        "name": rollout.name,
        "kind": rollout.kind.value,
        "status": rollout.status.value,
        "pauseReason": rollout.pause_reason and rollout.pause_reason.value,
        "sentence": picture.standing.sentence,
        "complete": rollout.complete,
        "created": iso(rollout.created),
        "endDate": iso(rollout.ended),
        "requestedBy": rollout.requested_by,
        "wave": min(rollout.wave + 1, rollout.wave_count),
        "waveCount": rollout.wave_count,
        "continues": iso(picture.standing.continues),
        "tenants": counts_view(picture.view.tally),
        "remainingSeconds": None if expected is None else _rounded(expected.seconds),
        "expectedEnd": None if expected is None else iso(expected.end),
        "revision": rollout.revision,
        "links": {
            "self": path,
            **{name: f"{path}/{name}" for name in ("tenants", "events", "pause", "resume", "retry", "abort")},
            "page": f"/rollouts/{rollout.id}",
        },
    }


def counts_view(tally: Tally, wave: int | None = None) -> Document:
    """How many tenants are in which state, of one wave or of all."""
    counts = {
        status.value: tally.count(status) if wave is None else tally.in_wave(wave, status) for status in TenantStatus
    }
    return {"total": sum(counts.values()), **counts}


def group_view(group: FailureGroup) -> Document:
    """Tenants that failed in the same way. `key` is for a retry of them."""
    return {
        "key": group.key,
        "module": group.module,
        "line": group.line,
        "example": group.example,
        "count": len(group.tenants),
        "tenants": list(group.tenants[:_MOST_NAMED]),
    }


def tenant_view(one: RolloutTenant) -> Document:
    """One tenant of a rollout."""
    seconds = None if one.started is None or one.ended is None else one.ended - one.started
    return {
        "tenant": one.tenant,
        "wave": one.wave + 1,
        "status": one.status.value,
        "job": one.job_id,
        "startDate": iso(one.started),
        "endDate": iso(one.ended),
        "seconds": _rounded(seconds),
        "module": one.module,
        "message": None if one.message is None else one_line(one.message),
        "attempts": one.attempts,
    }


def window_view(window: Window) -> Document:
    """A window as it is sent."""
    days = [DAYS[day] for day in window.days]
    return {"days": days, "from": _clock(window.start), "to": _clock(window.end), "zone": window.zone}


def simulation_view(found: Simulation) -> Document:
    """What a rollout would do, with the tenants that would be treated alike together."""
    names = [tenant for wave in found.waves for tenant in wave]
    return {
        "tenants": len(names),
        "waves": [{"number": number, "tenants": list(wave)} for number, wave in enumerate(found.waves, 1)],
        "plans": [_proposal_view(one) for one in found.proposals if one.startable],
        "uptodate": _tenants(one for one in found.proposals if not one.startable and one.refusal is None),
        "refused": [
            {"tenants": list(one.tenants), "message": one.refusal.message}
            for one in found.proposals
            if one.refusal is not None
        ],
        "remainingSeconds": _rounded(found.seconds),
        "expectedEnd": iso(found.end),
    }


def _proposal_view(one: Proposal) -> Document:
    seconds = None if one.preview is None else one.preview.expected
    return {
        "tenants": list(one.tenants),
        "behindOtherJobs": list(one.behind),
        "plan": [change_view(change) for change in one.changes],
        "expectedSeconds": _rounded(seconds),
        "warnings": [to_json(problem) for problem in one.advice.explanation.warnings],
    }


def _tenants(proposals: Iterable[Proposal]) -> list[str]:
    return [tenant for one in proposals for tenant in one.tenants]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def of_status(tenants: Sequence[RolloutTenant], status: TenantStatus | None) -> list[RolloutTenant]:
    """The tenants in that state, or all."""
    return [one for one in tenants if status in (None, one.status)]
