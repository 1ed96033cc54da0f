"""The clock of a process, and a thread that works by it. Under gevent, time.sleep gives way to other greenlets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class SystemClock:
    """See ports.Clock."""

    def monotonic(self) -> float:
        """Seconds from some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


def every(seconds: float, work: Callable[[], None], name: str) -> None:
    """Runs work in a thread of its own, again and again, until the process ends."""

    def loop() -> None:
        while True:
            time.sleep(seconds)
            try:
                work()
            except Exception:
                log.exception("recurring work failed", name=name)

    threading.Thread(target=loop, name=name, daemon=True).start()
