"""Timeouts and retries of calls to modules. All times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """When a step must have ended, by the worker's monotonic clock; None for no limit."""

    at: float | None

    def left(self, now: float) -> float | None:
        """Seconds left, more than 0 even when the time is up; None for no limit."""
        return None if self.at is None else max(self.at - now, 0.05)

    def passed(self, now: float) -> bool:
        """Whether the time is up."""
        return self.at is not None and now >= self.at


NO_DEADLINE = Deadline(at=None)


def shorter(*seconds: float | None) -> float | None:
    """The shortest of the times; None is no limit."""
    given = [s for s in seconds if s is not None]
    return min(given) if given else None


@dataclass(frozen=True, kw_only=True, slots=True)
class CallPolicy:
    """Settings of calls to modules. Okapi retries for 40 s, because modules may start slowly."""

    connect_retries: int = 22
    connect_retry_pause: float = 90.0 / 22
    call_timeout: float | None = None
    poll_timeout: float = 60.0
    poll_wait_ms: int = 10_000
    poll_first_pause: float = 0.05
    poll_longest_pause: float = 5.0
    poll_retry_seconds: float = 30.0
    poll_hold_slack: float = 2.0
    """A module that supports `wait` holds its response for at most `wait` and this."""
    step_timeout: float | None = None
    slow_step_seconds: float = 60.0
    lost_job_timeout: float | None = None
    cancel_timeout: float = 5.0
    interrupt_grace: float = 1.0
    """How long an interrupted step waits for the response to a call that may return a tenant job."""
    store_retry_seconds: float = 60.0
    stop_record_seconds: float = 30.0
    """How long a job that is stopped tries to record what it has initialised."""
