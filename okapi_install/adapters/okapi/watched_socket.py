"""A connection to a server on behalf of a client: waiting for the server ends when the client closes its connection.

http.client reads a response through a file that it makes of the socket, so that is where the client is watched.
"""

from __future__ import annotations

import io
import select
import socket
import ssl
from typing import Any

from okapi_install.service.ports import ClientGone

_BUFFER = 64 * 1024
_HANG_UP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL


class WatchedSocket:
    """The part of a socket that http.client needs. `client` is the descriptor of the client's connection, or None."""

    def __init__(self, connected: socket.socket, idle: float) -> None:
        self._socket = connected
        self._idle = idle
        self.client: int | None = None
        connected.settimeout(idle)

    def sendall(self, data: Any) -> None:
        """Sends all of the data."""
        self._socket.sendall(data)

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """A buffered reader of the response."""
        return io.BufferedReader(_WatchedReader(self, self._socket), _BUFFER)

    def close(self) -> None:
        """Does nothing: http.client closes the socket before the response is read."""

    def end(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def is_quiet(self) -> bool:
        """Whether the connection is open and nothing unexpected has arrived, so that it can be used again."""
        poller = select.poll()
        poller.register(self._socket, select.POLLIN | _HANG_UP)
        return not poller.poll(0)

    def wait(self) -> None:
        """Waits until there is something to read, or the connection has ended. Raises ClientGone, TimeoutError."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        if self.client is not None:
            poller.register(self.client, _HANG_UP)
        ready = poller.poll(self._idle * 1000)
        if not ready:
            raise TimeoutError
        if all(descriptor == self.client for descriptor, _ in ready):
            raise ClientGone("the client has closed its connection")


class _WatchedReader(io.RawIOBase):
    def __init__(self, watched: WatchedSocket, connected: socket.socket) -> None:
        self._watched = watched
        self._socket = connected

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._watched.wait()
        return self._socket.recv_into(buffer)
