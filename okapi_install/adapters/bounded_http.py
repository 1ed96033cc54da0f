"""Limits on the size and duration of HTTP responses, for urllib3. It does not know who is called, or why."""

from __future__ import annotations

import io
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import Any, cast

import gevent
from certifi import where
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from okapi_install.adapters.bounded_reading import BoundedReader
from okapi_install.domain.foreign_status import is_interim

MOST_HEAD = 256 * 1024
"""Bytes allowed for the status line, the headers, and all 1xx responses before them."""
MOST_BODY = 1024 * 1024
"""Bytes of a body that are kept. The rest is not read."""
_MOST_RAW = 2 * MOST_BODY
"""Bytes allowed for a body as it is sent, with chunk sizes and trailers."""
RESPONSE_SECONDS = 60.0
"""From the first to the last byte of a response. The caller decides how long the first may take."""
_BYTES_A_TURN = 64 * 1024
_MOST_MEMBERS = 16
_GZIP = 16 + zlib.MAX_WBITS


class ResponseTooSlow(TimeoutError):
    """The response has started, but did not end in time."""


class _FairReader(BoundedReader):
    """Reads with a limit on the time from the first byte to the last, and lets other greenlets run meanwhile.

    The socket's timeout at creation is the time that is left for the whole response; None is no limit. A socket that
    always has data would never let gevent run another greenlet.
    """

    def __init__(self, sock: socket.socket, allowed: int) -> None:
        self._raw = sock.makefile("rb", buffering=0)
        timeout = sock.gettimeout()
        deadline = None if timeout is None else time.monotonic() + timeout
        super().__init__(sock, self._raw.readinto, allowed=allowed, deadline=deadline)
        self._started = False
        self._turn = _BYTES_A_TURN

    def readinto(self, buffer: Any) -> int:
        """Reads bytes within the limits. Raises ResponseTooLarge, ResponseTooSlow, TimeoutError."""
        try:
            count = super().readinto(buffer)
        except TimeoutError as late:
            raise (ResponseTooSlow if self._started else TimeoutError) from late
        self._give_way(count)
        if not self._started:
            self._start()
        return count

    def close(self) -> None:
        """Also closes the socket's file."""
        self._raw.close()
        super().close()

    def _give_way(self, count: int) -> None:
        self._turn -= count
        if self._turn <= 0:
            self._turn = _BYTES_A_TURN
            gevent.sleep(0)

    def _start(self) -> None:
        self._started = True
        latest = time.monotonic() + RESPONSE_SECONDS
        self.deadline = latest if self.deadline is None else min(self.deadline, latest)


class _BoundedSocket:
    """The part of a socket that HTTPResponse needs: a file."""

    def __init__(self, file: BoundedReader) -> None:
        self._file = file

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._file)


class BoundedResponse(HTTPResponse):
    """A response that is read within the limits."""

    def __init__(self, sock: socket.socket, *given: Any, **options: Any) -> None:
        self._file = _FairReader(sock, MOST_HEAD)
        super().__init__(cast("socket.socket", _BoundedSocket(self._file)), *given, **options)

    def begin(self) -> None:
        """Reads the status line and the headers."""
        super().begin()
        self._file.allowed = _MOST_RAW
        # The rest after an early hint would be read as the response to the next request.
        self.will_close = self.will_close or is_interim(self.status)


class _Connection(HTTPConnection):
    response_class = BoundedResponse

    def connect(self) -> None:
        """Connects within the timeout as a whole. Otherwise each address and the TLS handshake have one each."""
        limit = gevent.Timeout(self.timeout)
        try:
            with limit:
                super().connect()
        except gevent.Timeout as fired:
            self.close()
            if fired is not limit:
                raise
            raise ConnectTimeoutError(self, f"no connection within {self.timeout} s") from None


class _TlsConnection(_Connection, HTTPSConnection):
    """The same, over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class BoundedPoolManager(PoolManager):
    """A PoolManager with limited responses. It verifies certificates and ignores the environment."""

    def __init__(self, *, pools: int, connections: int) -> None:
        context = ssl.create_default_context()
        context.load_verify_locations(where())
        super().__init__(num_pools=pools, maxsize=connections, ssl_context=context)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def decoded(body: bytes, headers: Mapping[str, str]) -> str:
    """The body as text, at most 1 MiB of it. Header names are in lower case.

    Requests ask for uncompressed bodies. One that is compressed once with gzip is decompressed; any other is unchanged.
    """
    if headers.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip"):
        body = _gunzipped(body)
    return body.decode("utf-8", "replace")


def _gunzipped(body: bytes) -> bytes:
    found, rest = b"", body
    try:
        for _ in range(_MOST_MEMBERS):
            member = zlib.decompressobj(_GZIP)
            found += member.decompress(rest, MOST_BODY - len(found))
            rest = member.unused_data
            if not rest or len(found) >= MOST_BODY:
                break
    except zlib.error:
        return found or body
    return found
