"""The clock of a process. Under gevent, time.sleep gives way to other greenlets."""

from __future__ import annotations

import time


class SystemClock:
    """See ports.Clock."""

    def monotonic(self) -> float:
        """Seconds from some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)
