"""Reads a response from a socket within limits of bytes and time.

http.client reads status lines, 1xx responses, trailers and bodies through a file that it makes of the socket, and reads
them without end. So the limits are in that file, for every HTTP client of this service.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Any


class ResponseTooLarge(HTTPException):
    """The response exceeds its limit in bytes."""


class BoundedReader(io.RawIOBase):
    """The file of a socket. `allowed` is the number of bytes that may still be read.

    `receive` reads from the socket into a buffer. `deadline` is the time of the last byte by the monotonic clock, and
    `silence` the longest pause between two bytes in seconds; None is no limit.
    """

    def __init__(
        self,
        connected: socket.socket,
        receive: Callable[[Any], int | None],
        *,
        allowed: int,
        deadline: float | None,
        silence: float | None = None,
    ) -> None:
        self._socket = connected
        self._receive = receive
        self.allowed = allowed
        self.deadline = deadline
        self._silence = silence

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads bytes within the limits. Raises ResponseTooLarge, TimeoutError."""
        self._limit_time()
        count = self._receive(buffer) or 0
        self.allowed -= count
        if self.allowed < 0:
            raise ResponseTooLarge("a response without end")
        return count

    def _limit_time(self) -> None:
        left = None if self.deadline is None else self.deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        limits = [seconds for seconds in (left, self._silence) if seconds is not None]
        if limits:
            self._socket.settimeout(min(limits))
