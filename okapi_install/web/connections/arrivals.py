"""The part of a request that has arrived, and whether it is complete, too slow or too large. No I/O.

A request gets a thread when it is complete. This is the defence against clients that send half of one and wait.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

MOST_LINE = 8192
"""Bytes of a request line, without its line end."""
MOST_FIELDS = 200
MOST_HEAD = 128 * 1024
MOST_BODY = 64 * 1024
"""Largest body, in bytes, that is received without a thread. A longer or chunked one is read by a thread."""

HEAD_SECONDS = 10.0
BODY_SECONDS = 20.0
LEAST_BYTES_PER_SECOND = 1024
"""A body may take BODY_SECONDS, and one second more for each so many bytes."""

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,12})[ \t]*\r\n", re.IGNORECASE)
_READ_BY_ITS_THREAD = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)


class Verdict(Enum):
    """The state of a request that is arriving."""

    WAIT = "wait"
    READY = "ready"
    LINE_TOO_LONG = "line too long"
    HEAD_TOO_LARGE = "head too large"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Arrival:
    """One arriving request. `deadline` is by the monotonic clock; before any data, it is that of the keep-alive."""

    deadline: float
    data: bytearray = field(default_factory=bytearray)
    _wanted: int | None = None

    @property
    def idle(self) -> bool:
        """Whether no part of a request has arrived yet."""
        return not self.data

    def add(self, piece: bytes, now: float) -> Verdict:
        """Adds received data and returns the new state."""
        if self.idle:
            self.deadline = now + HEAD_SECONDS
        self.data += piece
        if self._wanted is None:
            searched = max(0, len(self.data) - len(piece) - len(_END))
            verdict = self._look_for_the_end(searched, now)
            if verdict is not Verdict.READY:
                return verdict
        return Verdict.READY if len(self.data) >= (self._wanted or 0) else Verdict.WAIT

    def _look_for_the_end(self, searched: int, now: float) -> Verdict:
        """Finds the end of the head, and the sizes of head and body."""
        begin = 2 if self.data.startswith(b"\r\n") else 0  # RFC 9112, section 2.2: one empty line may come first
        end = self.data.find(_END, max(begin, searched))
        line = self.data.find(b"\r\n", begin, begin + MOST_LINE + 2)
        if line < 0 and len(self.data) - begin > MOST_LINE + 1:
            return Verdict.LINE_TOO_LONG
        if end < 0:
            return self._unfinished()
        if end > MOST_HEAD:
            return Verdict.HEAD_TOO_LARGE
        self._wanted = end + len(_END) + self._body_to_wait_for(end)
        if self._wanted > len(self.data):
            self.deadline = now + BODY_SECONDS + self._wanted / LEAST_BYTES_PER_SECOND
        return Verdict.READY

    def _unfinished(self) -> Verdict:
        """The state without a complete head. A bare line feed goes to the parser, which refuses it."""
        if len(self.data) > MOST_HEAD:
            return Verdict.HEAD_TOO_LARGE
        if self.data.count(b"\n") != self.data.count(b"\r\n"):
            self._wanted = 0
            return Verdict.READY
        return Verdict.WAIT

    def _body_to_wait_for(self, end: int) -> int:
        head = bytes(self.data[: end + 2])
        length = _LENGTH.search(head)
        if length is None or _READ_BY_ITS_THREAD.search(head):
            return 0
        return int(length[1]) if int(length[1]) <= MOST_BODY else 0
