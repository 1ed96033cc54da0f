"""Finds steps that take longer than their modules ever took, and has the warnings about them.

A module that crashed, or whose client library failed, never responds and never ends its tenant job. From outside it
looks like one that is still running. All that can be reported is that it takes longer than ever, over all tenants.
"""

from __future__ import annotations

from collections.abc import Iterable

from okapi_install.domain import messages
from okapi_install.domain.jobs import WAITING_CODES, Problem, ProblemCode, Stage, Step, StepStatus
from okapi_install.service.ports import Durations

WHILE_IT_RUNS = WAITING_CODES | {ProblemCode.LONGER_THAN_EVER, ProblemCode.TENANT_JOB_PROBABLY_LOST}
"""Codes of warnings that are removed when a step succeeds."""
_UNKNOWN = 10
"""A module without earlier runs may take so many times the minimum."""


def unusual_after(seen: Durations | None, least: float) -> float:
    """Seconds after which a step takes longer than its module ever took, but at least that many."""
    return _UNKNOWN * least if seen is None else max(seen.slow_after, least)


def suspects(steps: Iterable[Step], now: float, least: float) -> list[Step]:
    """The running steps that may be slow, without those that have the warning already."""
    return [
        step
        for step in steps
        if step.status is StepStatus.RUNNING
        and step.stage is not Stage.INITIALISED
        and now - (step.started if step.started is not None else now) > least
        and ProblemCode.LONGER_THAN_EVER not in {warning.code for warning in step.warnings}
    ]


def slow_warning(seconds: float, seen: Durations | None) -> Problem:
    """The warning for a step that has run for so long."""
    if seen is None:
        words = messages.long_without_comparison(seconds)
    else:
        words = messages.longer_than_ever(seconds, seen.longest, seen.count)
    return Problem.warning(words, ProblemCode.LONGER_THAN_EVER)
