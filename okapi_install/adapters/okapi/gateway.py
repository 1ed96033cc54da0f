"""Hands requests on to the Okapi beside this service, with http.client. Nothing is kept: both bodies are streamed.

Redirects are not followed, bodies not decoded, and proxies of the environment ignored. A connection is used again when
its response was read to the end. It does not know which requests are handed on.
"""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Iterator, Sequence
from threading import Lock
from urllib.parse import quote, urlsplit

from okapi_install.adapters.okapi.watched_socket import WatchedSocket
from okapi_install.adapters.outgoing import cause_of, tls_context
from okapi_install.domain import messages
from okapi_install.domain.foreign_status import is_interim
from okapi_install.service.ports import (
    GatewayFailed,
    GatewayRequest,
    GatewayTooSlow,
    GatewayUnavailable,
    Header,
)

_PIECE = 64 * 1024
_IDLE_CONNECTION_SECONDS = 15.0
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\0-\x08\x0a-\x1f\x7f]")
_FOLD = re.compile(r"\r?\n[ \t]+")
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_BROKEN = (OSError, ValueError, http.client.HTTPException)


class HttpGateway:
    """See Gateway. `idle` is how long Okapi may be silent, in seconds; `spare` is how many connections are kept."""

    def __init__(self, url: str, *, connect: float, idle: float, spare: int) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc.rpartition("@")[2]
        self._prefix = parts.path.rstrip("/")
        self._connections = _Connections(url, connect=connect, idle=idle, spare=spare)

    def send(self, request: GatewayRequest) -> HttpGatewayResponse:
        """See Gateway. A request that can be repeated is, if a connection that was kept turns out to be closed."""
        connection = self._connections.take()
        try:
            return self._sent(connection, request)
        except GatewayFailed as problem:
            stale = connection.used and isinstance(problem.__cause__, http.client.RemoteDisconnected | ConnectionError)
            if not stale or request.pieces is not None or request.method not in _REPEATABLE:
                raise
            return self._sent(self._connections.new(), request)

    def close(self) -> None:
        """Closes the connections that are kept."""
        self._connections.close()

    def _sent(self, connection: _Connection, request: GatewayRequest) -> HttpGatewayResponse:
        connection.watch(request.client)
        try:
            self._write_head(connection, request)
            whole = _write_body(connection, request)
            response = connection.getresponse()
            return HttpGatewayResponse(connection, response, self._connections, whole=whole)
        except _BROKEN as problem:
            connection.end()
            raise _failure(problem) from problem
        except BaseException:
            connection.end()
            raise

    def _write_head(self, connection: _Connection, request: GatewayRequest) -> None:
        target = quote(self._prefix + request.target, safe=_PRINTABLE, encoding="latin-1")
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", self._host)
        for name, value in request.headers:
            connection.putheader(name, value.encode("latin-1"))
        if request.pieces is not None and request.length is None:
            connection.putheader("Transfer-Encoding", "chunked")
        elif request.length is not None:
            connection.putheader("Content-Length", str(request.length))
        connection.endheaders()


def _write_body(connection: _Connection, request: GatewayRequest) -> bool:
    """Sends the body. False if the gateway takes no more of it: its response may say why."""
    for piece in request.pieces or ():
        framed = piece if request.length is not None else b"%X\r\n%b\r\n" % (len(piece), piece)
        if not _taken(connection, framed):
            return False
    return request.pieces is None or request.length is not None or _taken(connection, b"0\r\n\r\n")


def _taken(connection: _Connection, data: bytes) -> bool:
    try:
        connection.send(data)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _failure(problem: Exception) -> GatewayFailed:
    if isinstance(problem, TimeoutError):
        return GatewayTooSlow(messages.okapi_too_slow())
    if isinstance(problem, http.client.RemoteDisconnected | http.client.IncompleteRead):
        return GatewayFailed(messages.okapi_broke_off("the connection was closed"))
    if isinstance(problem, OSError):
        return GatewayFailed(messages.okapi_broke_off(cause_of(problem)))
    return GatewayFailed(messages.okapi_broke_off("that is not a response of HTTP/1.1"))


class _Connection(http.client.HTTPConnection):
    """A connection that may be used by one request after the other."""

    def __init__(self, host: str, port: int, connected: socket.socket, idle: float) -> None:
        super().__init__(host, port)
        self.auto_open = 0
        self.sock = self._watched = WatchedSocket(connected, idle)
        self.used = False
        self.since = time.monotonic()

    def end(self) -> None:
        """Closes it. `close` does not: http.client calls that before the response is read."""
        self._watched.end()

    def watch(self, client: int | None) -> None:
        """From now on waiting ends when that client closes its connection."""
        self._watched.client = client

    def is_usable(self) -> bool:
        """Whether the server has not closed it, as far as can be seen."""
        return time.monotonic() - self.since < _IDLE_CONNECTION_SECONDS and self._watched.is_quiet()


class _Connections:
    """Opens connections to one server, and keeps some that are not in use."""

    def __init__(self, url: str, *, connect: float, idle: float, spare: int) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._connect, self._idle, self._spare = connect, idle, spare
        self._kept: list[_Connection] = []
        self._lock = Lock()

    def take(self) -> _Connection:
        """A connection that was kept, or a new one. Raises GatewayUnavailable."""
        while True:
            with self._lock:
                kept = self._kept.pop() if self._kept else None
            if kept is None:
                return self.new()
            if kept.is_usable():
                return kept
            kept.end()

    def new(self) -> _Connection:
        """A new connection. Raises GatewayUnavailable."""
        try:
            connected = socket.create_connection((self._host, self._port), self._connect)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                connected = tls_context().wrap_socket(connected, server_hostname=self._host)
        except OSError as problem:
            raise GatewayUnavailable(messages.okapi_unavailable(self._url, cause_of(problem))) from problem
        return _Connection(self._host, self._port, connected, self._idle)

    def keep(self, connection: _Connection) -> None:
        """Takes back a connection whose response was read to its end."""
        connection.used, connection.since = True, time.monotonic()
        connection.watch(None)
        with self._lock:
            if len(self._kept) < self._spare:
                self._kept.append(connection)
                return
        connection.end()

    def close(self) -> None:
        """Closes those that are kept."""
        with self._lock:
            kept, self._kept = self._kept, []
        for connection in kept:
            connection.end()


class HttpGatewayResponse:
    """See GatewayResponse."""

    def __init__(
        self, connection: _Connection, response: http.client.HTTPResponse, connections: _Connections, *, whole: bool
    ) -> None:
        self.status, self.reason = response.status, response.reason
        self.headers: Sequence[Header] = response.getheaders()
        _check(self.status, self.headers)
        self._connection = connection
        self._response = response
        self._connections = connections
        self._left = response.length
        self._reusable = whole and not response.will_close
        self._ended = response.length == 0 or response.isclosed()

    def pieces(self) -> Iterator[bytes]:
        """See GatewayResponse."""
        while not self._ended:
            piece = self._read()
            if piece:
                yield piece
            else:
                self._ended = True

    def _read(self) -> bytes:
        """The next piece; none at the end. The rest is counted here: `read1` does not in each version of Python."""
        if self._left == 0:
            return b""
        try:
            piece = self._response.read1(_PIECE if self._left is None else min(_PIECE, self._left))
        except _BROKEN as problem:
            raise _failure(problem) from problem
        if self._left is not None:
            if not piece:
                raise _failure(http.client.IncompleteRead(b""))
            self._left -= len(piece)
        return piece

    def close(self) -> None:
        """See GatewayResponse."""
        self._response.close()
        if self._ended and self._reusable:
            self._connections.keep(self._connection)
        else:
            self._connection.end()
        self._reusable = False


def _check(status: int, headers: Sequence[Header]) -> None:
    """Raises ValueError for a response that could be understood in two ways, or not be sent."""
    lengths = {value.strip() for name, value in headers if name.lower() == "content-length"}
    codings = {value.strip().lower() for name, value in headers if name.lower() == "transfer-encoding"}
    sized = len(lengths) < 2 and all(text.isascii() and text.isdigit() for text in lengths)
    if is_interim(status) or not sized or codings - {"chunked"}:
        raise ValueError("not a response")
    for name, value in headers:
        if not _NAME.fullmatch(name) or _CONTROL.search(_FOLD.sub(" ", value)):
            raise ValueError("not a header")
