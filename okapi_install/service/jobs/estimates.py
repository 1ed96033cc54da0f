"""The estimate of how long a job still takes. Pure, so that it can be checked against recorded jobs."""

from __future__ import annotations

from collections.abc import Mapping

from okapi_install.domain.jobs import Job, Step, StepStatus
from okapi_install.service.ports import Durations

_ENDED = frozenset({StepStatus.DONE, StepStatus.ERROR})


def seconds_left(job: Job, usual: Mapping[int, Durations], now: float) -> float | None:
    """The estimated time until the job's end.

    It is the longest remaining chain of dependent steps, or all remaining work divided by the number of parallel steps,
    whichever is larger.

    Args:
        job: the job, with edges that lead forward.
        usual: durations of earlier jobs by the position of the step. A step without any counts as nothing.
        now: seconds since 1970, by the clock of the store.

    Returns:
        Seconds; None if the job is complete, or if nothing is known of any step.
    """
    if job.complete or not any(durations.mean for durations in usual.values()):
        return None
    left = {step.pos: _left(step, usual.get(step.pos), now) for step in job.steps}
    shared = sum(left.values()) / job.options.parallel
    return max(shared, _longest_chain(left, job.edges))


def _longest_chain(left: Mapping[int, float], edges: tuple[tuple[int, int], ...]) -> float:
    """Chains grow in the order of the positions where they end, so each is final before another builds on it."""
    chains = dict(left)
    for before, after in sorted(edges, key=lambda edge: edge[1]):
        chains[after] = max(chains[after], chains[before] + left[after])
    return max(chains.values())


def _left(step: Step, usual: Durations | None, now: float) -> float:
    if usual is None or step.status in _ENDED:
        return 0.0
    elapsed = now - step.started if step.started is not None else 0.0
    return max(usual.mean - elapsed, 0.0)
