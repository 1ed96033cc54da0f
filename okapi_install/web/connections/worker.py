"""gunicorn's gthread worker, but a request gets a thread only once it has arrived.

The main loop holds every connection that has no complete request: new ones, kept-alive ones, and those that are being
closed. They have deadlines and cost no thread, however many they are. It hooks into private parts of gunicorn 27
(`accept`, `finish_request`, `murder_pending`, `murder_keepalived`, `_cap_keepalive`), which setup.cfg pins.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn import http
from gunicorn.workers.gthread import TConn, ThreadWorker

from okapi_install.web.connections.arrivals import Arrival, Verdict
from okapi_install.web.connections.refusals import TOO_SLOW, refusal_bytes, refusal_for, too_large
from okapi_install.web.connections.timed_reading import TimedUnreader

_AT_ONCE = 64
"""Most connections accepted, or dropped, in one turn of the loop."""
_PIECE = 64 * 1024
_LINGER_SECONDS = 2.0
_MOST_LINGERED = 256 * 1024
_SWEEP_SECONDS = 0.5
_UNREAD_MILLISECONDS = 30_000
"""A client that reads nothing of its response for so long is disconnected."""
_HARMLESS = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE})


class ArrivalWorker(ThreadWorker):  # type: ignore[misc]
    """See the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arrivals: dict[TConn, Arrival] = {}
        self._lingering: dict[TConn, tuple[float, int]] = {}
        self._next_sweep = 0.0
        for listener in self.sockets:
            _announce_with_data(listener.sock)

    def accept(self, listener: socket.socket) -> None:
        """Accepts new connections, with the data that they have sent already."""
        for _ in range(_AT_ONCE):
            if self.nr_conns >= self.worker_connections:
                return
            try:
                client, address = listener.accept()
            except OSError as problem:
                if problem.errno not in _HARMLESS:
                    raise
                if problem.errno in (errno.EMFILE, errno.ENFILE):
                    self._drop_oldest()
                return
            self.nr_conns += 1
            _cut_off_who_reads_nothing(client)
            conn = TConn(self.cfg, client, address, listener.getsockname())
            if self.cfg.is_ssl:
                self.enqueue_req(conn)
            else:
                self._await(conn)

    def _await(self, conn: TConn, already: bytes = b"") -> None:
        """Waits for a request on that connection. `already` was received with the previous one."""
        conn.sock.setblocking(False)
        now = time.monotonic()
        arrival = Arrival(now + (self.cfg.keepalive if self.alive else _LINGER_SECONDS))
        verdict = arrival.add(already, now) if already else self._received(conn, arrival)
        if verdict is Verdict.WAIT:
            self._arrivals[conn] = arrival
            self.poller.register(conn.sock, EVENT_READ, partial(self._on_readable, conn, arrival))
        else:
            self._act(conn, arrival, verdict)

    def _on_readable(self, conn: TConn, arrival: Arrival, _sock: object) -> None:
        verdict = self._received(conn, arrival)
        if verdict is not Verdict.WAIT:
            self._forget(conn)
            self._act(conn, arrival, verdict)

    def _received(self, conn: TConn, arrival: Arrival) -> Verdict:
        """Reads what is there, without waiting."""
        try:
            piece = conn.sock.recv(_PIECE)
        except BlockingIOError:
            return Verdict.WAIT
        except OSError:
            return Verdict.GONE
        return arrival.add(piece, time.monotonic()) if piece else Verdict.GONE

    def _act(self, conn: TConn, arrival: Arrival, verdict: Verdict) -> None:
        """Gives a complete request a thread, or refuses it and closes the connection."""
        if verdict is Verdict.GONE:
            self._close(conn)
        elif verdict is Verdict.READY:
            self._start(conn, bytes(arrival.data))
        else:
            self._refuse(conn, too_large(verdict))

    def _start(self, conn: TConn, data: bytes) -> None:
        if not conn.initialized:
            conn.initialized = conn.data_ready = True
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = TimedUnreader(conn.sock)
        conn.parser.unreader.begin(data)
        self.enqueue_req(conn)

    def _forget(self, conn: TConn) -> None:
        if self._arrivals.pop(conn, None) is not None:
            self.poller.unregister(conn.sock)

    def _refuse(self, conn: TConn, words: bytes) -> None:
        try:
            conn.sock.send(words)
        except OSError:
            self._close(conn)
        else:
            self._linger(conn)

    def finish_request(self, conn: TConn, fs: Future[object]) -> None:
        """A thread has answered: the next request, or the end of the connection."""
        goes_on = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        if goes_on and conn.initialized and not self.cfg.is_ssl:
            self._await(conn, conn.parser.unreader.take_buffered())
        elif goes_on:
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def _linger(self, conn: TConn) -> None:
        """Closes our side and reads on for a while. Else a client may lose the end of its response (RFC 9112, 9.6).

        gunicorn does this too, but blocks its main loop meanwhile.
        """
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._on_last_words, conn))
        except (OSError, ValueError):
            self._close(conn)
            return
        self._lingering[conn] = (time.monotonic() + _LINGER_SECONDS, 0)

    def _on_last_words(self, conn: TConn, _sock: object) -> None:
        try:
            piece = conn.sock.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        deadline, read = self._lingering[conn]
        if piece and read < _MOST_LINGERED:
            self._lingering[conn] = (deadline, read + len(piece))
        else:
            self._end_lingering(conn)

    def _end_lingering(self, conn: TConn) -> None:
        del self._lingering[conn]
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    def _keepalive_after(self, conn: TConn, keepalive: object) -> bool:
        """Whether the connection can be reused. It cannot if a part of the body has not been read."""
        if not keepalive or self.cfg.is_ssl:
            return bool(super()._keepalive_after(conn, keepalive))
        conn.parser.unreader.no_more()
        try:
            return bool(conn.parser.finish_body())
        except http.errors.ParseException:
            return False

    def murder_pending(self) -> None:
        """Called in each turn of the loop: closes overdue connections, and others if there are too many."""
        super().murder_pending()
        now = time.monotonic()
        if self.nr_conns >= self.worker_connections:
            self._drop_oldest()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_SECONDS
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        for conn in [conn for conn, arrival in self._arrivals.items() if arrival.deadline <= now]:
            idle = self._arrivals[conn].idle
            self._forget(conn)
            if idle:
                self._close(conn)
            else:
                self._refuse(conn, TOO_SLOW)
        for conn in [conn for conn, (deadline, _) in self._lingering.items() if deadline <= now]:
            self._end_lingering(conn)

    def _drop_oldest(self) -> None:
        """Closes the connections that have waited longest without a complete request, idle ones first."""
        for conn in list(self._lingering)[:_AT_ONCE]:
            self._end_lingering(conn)
        for conn in sorted(self._arrivals, key=lambda conn: not self._arrivals[conn].idle)[:_AT_ONCE]:
            self._forget(conn)
            self._close(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """See gunicorn: `force` closes all that wait, at the end."""
        super().murder_keepalived(force=force)
        if not force:
            return
        for conn in list(self._arrivals):
            self._forget(conn)
            self._close(conn)
        for conn in list(self._lingering):
            self._end_lingering(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """See gunicorn: when the worker stops, idle connections get a little time for a request that is on its way."""
        super()._cap_keepalive(deadline)
        for arrival in self._arrivals.values():
            arrival.deadline = min(arrival.deadline, deadline)

    def handle_error(self, _req: object, client: socket.socket, addr: tuple[str, int] | None, exc: Exception) -> None:
        """Sends the client a plain-text message about what is wrong with its request."""
        status, text = refusal_for(exc)
        if status >= 500:
            self.log.error("Error handling request: %r", exc, exc_info=exc)
        else:
            self.log.info("Refused a request from %s: %r", addr[0] if addr else "?", exc)
        _send(client.sendall, refusal_bytes(status, text))


def _send(send: Callable[[bytes], object], words: bytes) -> None:
    try:
        send(words)
    except OSError:
        return


def _announce_with_data(listener: socket.socket) -> None:
    """Linux: a new connection is announced when its first bytes are there, or after a second without any."""
    if listener.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_DEFER_ACCEPT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)


def _cut_off_who_reads_nothing(client: socket.socket) -> None:
    if client.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_USER_TIMEOUT"):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MILLISECONDS)
