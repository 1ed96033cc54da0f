"""The system clock, and a thread for recurring work. Under gevent, time.sleep yields to other greenlets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class SystemClock:
    """The real time; implements ports.Clock."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


def every(seconds: float, work: Callable[[], None], name: str) -> None:
    """Runs `work` repeatedly in a thread of its own until the process ends, with pauses of `seconds`."""

    def loop() -> None:
        while True:
            time.sleep(seconds)
            try:
                work()
            except Exception:
                log.exception("recurring work failed", name=name)

    threading.Thread(target=loop, name=name, daemon=True).start()
