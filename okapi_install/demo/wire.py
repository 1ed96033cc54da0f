"""A small HTTP/1.1 server on asyncio.

It handles bytes, requests and replies. The handler decides what to reply.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

MOST_HEAD = 64 * 1024
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request. Header names are in lower case; `path` is decoded, without the query."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> object:
        """The body as JSON; None if it is empty.

        Raises:
            ValueError: it is not JSON.
        """
        return cast("object", json.loads(self.body)) if self.body.strip() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """The reply to a request."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """A reply with that body: empty for None, text for a string, else JSON."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        if body is None:
            return Reply(status=status, headers=given)
        kind = "text/plain" if isinstance(body, str) else "application/json"
        data = body if isinstance(body, str) else json.dumps(body)
        return Reply(status=status, body=data.encode(), headers={"content-type": kind} | given)

    def head(self) -> bytes:
        """The status line and headers, with the empty line that ends them."""
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.status != HTTPStatus.NO_CONTENT:
            lines.append(f"content-length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


Handler = Callable[[Request], Awaitable[Reply]]


class WireError(ValueError):
    """The bytes are not an HTTP request."""


class Wire(asyncio.Protocol):
    """A connection. If the client disconnects, its handler is cancelled."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers the transport for replies."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Cancels the client's request."""
        self._transport = None
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Buffers the data, and handles the first complete request."""
        self._buffer += data
        if self._task is None:
            self._next()

    def _next(self) -> None:
        try:
            request = take_request(self._buffer)
        except WireError as problem:
            self.write(Reply.of(400, str(problem)).head())
            self.close()
            return
        if request is not None:
            self._task = asyncio.get_running_loop().create_task(self._serve(request))

    async def _serve(self, request: Request) -> None:
        reply = await self._handler(request)
        await self.send(reply)
        self._task = None
        if self._transport is not None and self._buffer:
            self._next()

    async def send(self, reply: Reply) -> None:
        """Sends a reply."""
        self.write(reply.head() + reply.body)

    def write(self, data: bytes) -> None:
        """Sends bytes, if the client is still there."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Closes the connection, after what was sent."""
        if self._transport is not None:
            self._transport.close()


def take_request(buffer: bytearray) -> Request | None:
    """The first complete request in the buffer, removed from it; None if more data is needed.

    Raises:
        WireError: the data cannot become a request.
    """
    end = buffer.find(_END_OF_HEAD)
    if end < 0:
        if len(buffer) > MOST_HEAD:
            raise WireError("the head of the request is too long")
        return None
    first, *rest = buffer[:end].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    length = headers.get("content-length", "0")
    if not length.isdecimal() or "transfer-encoding" in headers:
        raise WireError("a body needs a content-length")
    total = end + len(_END_OF_HEAD) + int(length)
    if len(buffer) < total:
        return None
    body = bytes(buffer[end + len(_END_OF_HEAD) : total])
    del buffer[:total]
    return _request(first, headers, body)


def _request(line: str, headers: Mapping[str, str], body: bytes) -> Request:
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise WireError("no request line")
    parts = urlsplit(words[1])
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) if parts.query else {}
    return Request(method=words[0], path=unquote(parts.path), query=query, headers=headers, body=body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unnamed"
