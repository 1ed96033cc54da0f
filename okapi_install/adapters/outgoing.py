"""HTTP requests to other servers: registries, callback listeners, instances to probe, the Okapi beside this service.

Proxies, `.netrc` and certificates of the environment are ignored, and redirects are not followed. The whole response,
with headers, interim responses, trailers and body, is limited in bytes and in time.
"""

from __future__ import annotations

import base64
import http.client
import io
import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

import certifi

from okapi_install.adapters.bounded_reading import BoundedReader, ResponseTooLarge
from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.jobs.callbacks import is_web_url
from okapi_install.service.outgoing_rules import OutgoingRules

_BUFFER = 64 * 1024
_CHUNK = 64 * 1024
_KEPT = "/%:@!$&'()*+,;=~"
"""The characters of a path that are not quoted."""


class OutgoingFailed(OkapiInstallError):
    """There is no usable response. The message says why in a few words, without the address."""

    code = "outgoing_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of a request: `seconds` from the name lookup to the last byte, `silence` between two bytes."""

    connect: float
    silence: float
    seconds: float
    most_bytes: int


@contextmanager
def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    limits: Limits,
    rules: OutgoingRules | None = None,
) -> Iterator[http.client.HTTPResponse]:
    """A context with the response to a request, which can be read inside it. Without rules every address is allowed.

    Raises:
        UserError: the rules forbid the address; nothing was sent.
        OutgoingFailed: there is no response, or it exceeds the limits. Also raised while the response is read.
    """
    if not is_web_url(url):
        raise OutgoingFailed("not an http or https URL")
    if rules is not None:
        rules.check_url(url)
    connection = BoundedConnection(urlsplit(url), limits, rules)
    try:
        connection.request(method, target_of(urlsplit(url)), body, {**_authorization(urlsplit(url)), **headers})
        with connection.getresponse() as response:
            yield response
    except (OSError, ValueError, http.client.HTTPException) as problem:
        raise OutgoingFailed(cause_of(problem)) from problem
    finally:
        connection.end()


def read_body(response: http.client.HTTPResponse, limits: Limits) -> bytes:
    """The whole body, decompressed, within the limits. Raises OutgoingFailed."""
    deadline = time.monotonic() + limits.seconds
    packed = response.getheader("Content-Encoding", "identity").strip().lower()
    if packed not in ("gzip", "identity"):
        raise OutgoingFailed("the response has an encoding that was not requested")
    chunks = iter(lambda: response.read1(_CHUNK), b"")
    found = bytearray()
    for piece in _unpacked(chunks) if packed == "gzip" else chunks:
        found += piece
        if len(found) > limits.most_bytes:
            raise OutgoingFailed("the response is too large")
        if time.monotonic() > deadline:
            raise OutgoingFailed("no response in time")
    if response.length:
        raise OutgoingFailed("the response is cut off")
    return bytes(found)


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a gzip file in small pieces, however high its compression."""
    unpack = zlib.decompressobj(wbits=31)
    try:
        for chunk in chunks:
            rest = chunk
            while rest and not unpack.eof:
                yield unpack.decompress(rest, _CHUNK)
                rest = unpack.unconsumed_tail
            if rest or unpack.unused_data:
                raise OutgoingFailed("the response has more than one compressed file")
        while not unpack.eof and (piece := unpack.decompress(b"", _CHUNK)):
            yield piece
    except zlib.error:
        raise OutgoingFailed("the response cannot be decompressed") from None
    if not unpack.eof:
        raise OutgoingFailed("the response is cut off")


def cause_of(problem: BaseException) -> str:
    """The cause of an error in a few words."""
    if isinstance(problem, ResponseTooLarge):
        return "the response is too large"
    if isinstance(problem, TimeoutError):
        return "no response in time"
    if isinstance(problem, socket.gaierror):
        return "Name or service not known"
    text = str(problem)
    known = ("Connection refused", "Connection reset by peer", "No route to host", "Network is unreachable")
    return next((words for words in known if words in text), type(problem).__name__)


class BoundedConnection(http.client.HTTPConnection):
    """A connection whose requests are limited in bytes and in time. It ends with `end`."""

    def __init__(self, parts: SplitResult, limits: Limits, rules: OutgoingRules | None = None) -> None:
        tls = parts.scheme == "https"
        self.default_port = 443 if tls else 80
        super().__init__(parts.hostname or "", parts.port or self.default_port)
        self._tls = tls
        self._limits = limits
        self._rules = rules
        self._deadline = time.monotonic() + limits.seconds
        self._connected_socket: socket.socket | None = None

    def restart(self, limits: Limits) -> None:
        """Prepares the connection, whose last response was read to its end, for another request."""
        self._limits = limits
        self._deadline = time.monotonic() + limits.seconds
        if self._connected_socket is not None and self.sock is not None:
            self.sock = _BoundedSocket(self._connected_socket, limits, self._deadline)

    def end(self) -> None:
        """Closes the connection, even while the response is being read."""
        self.close()
        if self._connected_socket is not None:
            self._connected_socket.close()

    def connect(self) -> None:
        """Connects to the first of the host's addresses that is allowed and accepts the connection."""
        self._connected_socket = found = self._connected()
        if self._rules is not None:
            self._rules.check_connection(self.host, found.getpeername()[:2], found.getsockname()[:2])
        if self._tls:
            self._connected_socket = found = tls_context().wrap_socket(found, server_hostname=self.host)
        self.sock = _BoundedSocket(found, self._limits, self._deadline)

    def _connected(self) -> socket.socket:
        problem: OSError = OSError("the host has no address")
        for family, kind, protocol, _, place in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            if self._rules is not None:
                self._rules.check_address(self.host, ipaddress.ip_address(str(place[0]).partition("%")[0]))
            candidate = socket.socket(family, kind, protocol)
            try:
                candidate.settimeout(min(self._limits.connect, max(0.001, self._deadline - time.monotonic())))
                candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                candidate.connect(place)
            except OSError as refused:
                candidate.close()
                problem = refused
                continue
            return candidate
        raise problem


class _BoundedSocket:
    """The part of a socket that http.client needs. Reads within the limits."""

    def __init__(self, connected: socket.socket, limits: Limits, deadline: float) -> None:
        self._socket = connected
        self._limits = limits
        self._deadline = deadline
        connected.settimeout(limits.silence)

    def sendall(self, data: Any) -> None:
        """Sends all of the data."""
        self._socket.sendall(data)

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """A buffered reader of the response."""
        allowed, silence = self._limits.most_bytes, self._limits.silence
        receive, deadline = self._socket.recv_into, self._deadline
        reader = BoundedReader(self._socket, receive, allowed=allowed, deadline=deadline, silence=silence)
        return io.BufferedReader(reader, _BUFFER)

    def close(self) -> None:
        """Does nothing: http.client closes the socket before the response is read. _Connection.end closes it."""


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """A TLS context that trusts this machine's authorities, where OpenSSL was built to look, and those of Mozilla."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    places = ssl.get_default_verify_paths()
    if Path(places.openssl_cafile).is_file():
        context.load_verify_locations(cafile=places.openssl_cafile)
    if Path(places.openssl_capath).is_dir():
        context.load_verify_locations(capath=places.openssl_capath)
    context.load_verify_locations(cafile=certifi.where())
    return context


def target_of(parts: SplitResult) -> str:
    """The path and the query of a URL, quoted where necessary."""
    path = quote(parts.path or "/", safe=_KEPT)
    return f"{path}?{quote(parts.query, safe=_KEPT + '?')}" if parts.query else path


def _authorization(parts: SplitResult) -> dict[str, str]:
    """The Authorization header for a user name and password in the URL, if it has them."""
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
