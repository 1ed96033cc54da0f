"""A clock that is moved on by those who wait."""

from __future__ import annotations


class FakeClock:
    """See ports.Clock. `slept` holds all the waits."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Moves the time on."""
        self.slept.append(seconds)
        self.time += seconds
