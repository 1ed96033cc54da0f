"""What came of a job, for those who hear of its end: how many modules are done, which failed, and why.

Flower, callbacks and chat messages show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from okapi_install.domain.foreign_text import one_line
from okapi_install.domain.jobs import Job, Step
from okapi_install.domain.presentation.states import ModuleCounts, State, step_state

MOST_NAMED = 3
"""More modules than this are counted in a sentence, but not named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleFailure:
    """A module that failed, and the first line of the reason."""

    module: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The end of a job. `failures` has the modules that failed themselves, not those that only need one of these."""

    counts: ModuleCounts
    failures: tuple[ModuleFailure, ...]
    message: str | None
    """The first line of why the job ended as an error; None if it did not."""

    @property
    def sentence(self) -> str:
        """For a line of a list: `16 of 140 modules done, 1 failed: mod-x-1.0.0, 57 skipped`."""
        total, done, skipped = self.counts.total, self.counts.count(State.DONE), self.counts.count(State.SKIPPED)
        parts = [f"{done} of {total} {'module' if total == 1 else 'modules'} done"]
        if self.failures:
            parts.append(f"{len(self.failures)} failed: {_named([failure.module for failure in self.failures])}")
        parts += [f"{skipped} skipped"] if skipped else []
        text = ", ".join(parts)
        return f"{text}; {self.message}" if self.message and not self.failures else text


def outcome_of(job: Job) -> Outcome:
    """The outcome of a job that is complete."""
    failed = [step for step in job.steps if step_state(step, job) is State.FAILED]
    return Outcome(
        counts=ModuleCounts.of_job(job),
        failures=tuple(ModuleFailure(module=step.change.id, why=_reason(step)) for step in failed),
        message=one_line(job.message) if job.message else None,
    )


def _reason(step: Step) -> str:
    """The module's own words, if it has sent some."""
    return one_line(next((problem.message for problem in step.errors), step.message or ""))


def _named(modules: Sequence[str]) -> str:
    left = len(modules) - MOST_NAMED
    return " ".join([", ".join(modules[:MOST_NAMED]), *([f"and {left} more"] if left > 0 else [])])
