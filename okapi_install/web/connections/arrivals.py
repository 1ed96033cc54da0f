"""What has arrived of a request on a connection: when it is complete, too slow or too large. Pure; no I/O.

A request is given a thread when it is complete. That is the defence against clients that send half of it and wait.
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
"""Bytes of a body that is waited for without a thread. A longer one, or one in chunks, is read by a thread."""

HEAD_SECONDS = 10.0
BODY_SECONDS = 20.0
LEAST_BYTES_PER_SECOND = 1024
"""A body has BODY_SECONDS and a second more for so many bytes of it."""

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,12})[ \t]*\r\n", re.IGNORECASE)
_READ_BY_ITS_THREAD = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)


class Verdict(Enum):
    """What to do about what has arrived so far."""

    WAIT = "wait"
    READY = "ready"
    LINE_TOO_LONG = "line too long"
    HEAD_TOO_LARGE = "head too large"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Arrival:
    """One request that arrives. `deadline` is by the monotonic clock; without any data yet it is the keep-alive's."""

    deadline: float
    data: bytearray = field(default_factory=bytearray)
    _wanted: int | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing of a request has come yet."""
        return not self.data

    def add(self, piece: bytes, now: float) -> Verdict:
        """Takes what has just been received."""
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
        """Finds the end of the head, and how many bytes head and body have."""
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
        """A bare line feed never becomes a request: the parser refuses it at once."""
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
