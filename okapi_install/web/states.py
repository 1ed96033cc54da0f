"""The states that the page shows: for each a word, an icon and a class, so that colour never speaks alone."""

from __future__ import annotations

from dataclasses import dataclass

from okapi_install.domain.jobs import Job, JobStatus, Step, StepStatus
from okapi_install.domain.messages import message


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """How a state looks: `key` is its CSS class without `is-`, `icon` a path in a square of 16."""

    key: str
    word: str
    icon: str
    tint: str
    """The colour of a picture that stands alone; within the page the style sheet decides."""


_TICK = "M3.5 8.5 6.5 11.5 12.5 4.5"
_CROSS = "M4 4 12 12M12 4 4 12"
_PLAY = "M5.5 3.5 12 8 5.5 12.5Z"
_CIRCLE = "M8 3.5A4.5 4.5 0 1 0 8.01 3.5Z"
_DASH = "M4 8 12 8"
_SQUARE = "M4.5 4.5 11.5 4.5 11.5 11.5 4.5 11.5Z"

_BLUE, _GREEN, _RED, _BROWN, _GREY = "#1960a4", "#007700", "#990000", "#943e00", "#5b6168"

_JOBS = {
    JobStatus.QUEUED: State(key="waiting", word="Waiting", icon=_CIRCLE, tint=_GREY),
    JobStatus.RUNNING: State(key="running", word="Running", icon=_PLAY, tint=_BLUE),
    JobStatus.DONE: State(key="done", word="Done", icon=_TICK, tint=_GREEN),
    JobStatus.ERROR: State(key="error", word="Failed", icon=_CROSS, tint=_RED),
    JobStatus.ABORTING: State(key="aborting", word="Aborting", icon=_SQUARE, tint=_BROWN),
}
_ABORTED = State(key="aborted", word="Aborted", icon=_SQUARE, tint=_BROWN)
_STEPS = {
    None: State(key="waiting", word="Not begun", icon=_CIRCLE, tint=_GREY),
    StepStatus.RUNNING: State(key="running", word="Running", icon=_PLAY, tint=_BLUE),
    StepStatus.DONE: State(key="done", word="Done", icon=_TICK, tint=_GREEN),
    StepStatus.ERROR: State(key="error", word="Failed", icon=_CROSS, tint=_RED),
}
_STOPPED = State(key="aborted", word="Stopped", icon=_SQUARE, tint=_BROWN)
_NOT_RUN = State(key="never", word="Not run", icon=_DASH, tint=_GREY)

WARNING_ICON = "M8 2.5 14.5 13.5 1.5 13.5ZM8 6.5 8 9.5M8 11.3 8 11.8"
CLOCK_ICON = "M8 2.5A5.5 5.5 0 1 0 8.01 2.5ZM8 5 8 8 10.5 9.5"


def job_state(job: Job) -> State:
    """How a job stands. One that was aborted or revoked has ended as an error, but nothing has failed."""
    if job.status is JobStatus.ERROR and job.reason in ("aborted", "revoked"):
        return _ABORTED
    return _JOBS[job.status]


def step_state(step: Step, job: Job) -> State:
    """How a module stands. What has not begun when the job is complete was not run; an abort is no failure."""
    if step.status is None and job.complete:
        return _NOT_RUN
    if step.status is StepStatus.ERROR and step.message == message(20504):
        return _STOPPED
    return _STEPS[step.status]


def state_words() -> list[tuple[JobStatus, str]]:
    """For a filter: the statuses of jobs and their words, in the order of a job's life."""
    order = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.ABORTING, JobStatus.DONE, JobStatus.ERROR)
    return [(status, "Failed or aborted" if status is JobStatus.ERROR else _JOBS[status].word) for status in order]
