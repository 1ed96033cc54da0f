"""Reads the rest of a request in its thread, for a long or chunked body, with a deadline."""

from __future__ import annotations

import time

from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import SocketUnreader

from okapi_install.web.connections.arrivals import BODY_SECONDS, LEAST_BYTES_PER_SECOND

_LONGEST_PAUSE = 10.0


class TooSlow(ParseException):  # type: ignore[misc]
    """The client sends the body too slowly."""

    def __str__(self) -> str:
        return f"the client sent less than {LEAST_BYTES_PER_SECOND} bytes per second, or paused for too long"


class TimedUnreader(SocketUnreader):  # type: ignore[misc]
    """gunicorn's reader of a connection with a deadline. `begin` starts the clock of a new request."""

    def begin(self, data: bytes) -> None:
        """Starts a request with the data that has arrived."""
        self.unread(data)
        self._began = time.monotonic()
        self._received = 0

    def no_more(self) -> None:
        """Makes further reads return only what has been received."""
        self._began = float("-inf")

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next piece from the client.

        Raises:
            TooSlow: its time is up.
        """
        left = self._began + BODY_SECONDS + self._received / LEAST_BYTES_PER_SECOND - time.monotonic()
        if left <= 0:
            raise TooSlow
        self.sock.settimeout(max(0.001, min(left, _LONGEST_PAUSE)))
        try:
            piece: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise TooSlow from None
        finally:
            self.sock.settimeout(None)
        self._received += len(piece)
        return piece
