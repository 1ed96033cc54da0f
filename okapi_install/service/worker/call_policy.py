"""How patient a worker is with modules. All times in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class CallPolicy:
    """Settings of the calls to modules; the defaults are Okapi's where Okapi has one."""

    connect_retries: int = 10
    connect_retry_pause: float = 4.0
    call_timeout: float | None = None
    poll_timeout: float = 60.0
    poll_wait_ms: int = 10_000
    poll_first_pause: float = 0.05
    poll_longest_pause: float = 5.0
    poll_retry_seconds: float = 30.0
    step_timeout: float | None = None
    cancel_timeout: float = 5.0
    store_retry_seconds: float = 60.0
