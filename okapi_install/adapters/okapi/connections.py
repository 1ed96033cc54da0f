"""Pooled HTTP connections to the Okapi beside this service and to the module with its auth filter.

They are limited in bytes and in time as in `outgoing`, which also says what is ignored: redirects, proxies and other
settings of the environment. They are for threads and for greenlets; a greenlet may be killed anywhere in a call.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import orjson

from okapi_install.adapters.outgoing import (
    BoundedConnection,
    Limits,
    OutgoingFailed,
    cause_of,
    read_body,
    target_of,
)
from okapi_install.domain.foreign_status import is_interim
from okapi_install.domain.foreign_text import bounded
from okapi_install.service.fair_limit import FairLimit
from okapi_install.service.jobs.callbacks import is_web_url

_IDLE_SECONDS = 20.0
"""Idle connections that are older are closed: most servers would have closed them."""
_CLOSED_BY_SERVER = (http.client.RemoteDisconnected, ConnectionError)
_MOST_WORDS = 500

Place: TypeAlias = tuple[str, str]
"""Scheme, and host with port."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A response with any status; header names are in lower case, the body is decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        """The body as JSON. Raises OutgoingFailed."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise OutgoingFailed("the response is not JSON") from None

    @property
    def words(self) -> str:
        """Status and body in a short text, for messages."""
        return f"{self.status}: {bounded(self.body.decode('utf-8', 'replace').strip() or 'no text', _MOST_WORDS)}"


class Connections:
    """At most `most` calls at once; further ones wait in the order in which they came."""

    def __init__(self, most: int) -> None:
        self._places = FairLimit(most)
        self._lock = threading.Lock()
        self._idle: dict[Place, deque[tuple[float, BoundedConnection]]] = defaultdict(deque)

    def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limits: Limits) -> Response:
        """The response to a request that may be sent twice: a server may close an idle connection meanwhile.

        Raises:
            OutgoingFailed: there is no response, or it exceeds the limits.
        """
        if not is_web_url(url):
            raise OutgoingFailed("not an http or https URL")
        try:
            with self._places.one(limits.seconds):
                return self._called(method, urlsplit(url), headers, body, limits)
        except (OSError, ValueError, http.client.HTTPException) as problem:
            raise OutgoingFailed(cause_of(problem)) from problem

    def close(self) -> None:
        """Closes the idle connections."""
        with self._lock:
            idle = [connection for place in self._idle.values() for _, connection in place]
            self._idle.clear()
        for connection in idle:
            connection.end()

    def _called(
        self, method: str, url: SplitResult, headers: Mapping[str, str], body: bytes | None, limits: Limits
    ) -> Response:
        used = self._take((url.scheme, url.netloc))
        if used is not None:
            try:
                used.restart(limits)
                return self._exchange(used, method, url, headers, body, limits)
            except _CLOSED_BY_SERVER:
                pass
        return self._exchange(BoundedConnection(url, limits), method, url, headers, body, limits)

    def _exchange(
        self,
        connection: BoundedConnection,
        method: str,
        url: SplitResult,
        headers: Mapping[str, str],
        body: bytes | None,
        limits: Limits,
    ) -> Response:
        usable = False
        try:
            connection.request(method, target_of(url), body, {"Accept-Encoding": "gzip", **headers})
            with connection.getresponse() as response:
                found = read_body(response, limits)
                names = {name.lower(): value for name, value in response.getheaders()}
            # the rest after an early hint would be read as the response to the next request
            usable = not response.will_close and not is_interim(response.status)
            return Response(status=response.status, headers=names, body=found)
        finally:
            if usable:
                self._give_back((url.scheme, url.netloc), connection)
            else:
                connection.end()

    def _take(self, place: Place) -> BoundedConnection | None:
        """The connection that was used last; None if there is none that is young enough."""
        with self._lock:
            idle = self._idle[place]
            newest = idle.pop() if idle else None
        if newest is None:
            return None
        since, connection = newest
        if time.monotonic() - since < _IDLE_SECONDS:
            return connection
        connection.end()
        return None

    def _give_back(self, place: Place, connection: BoundedConnection) -> None:
        with self._lock:
            self._idle[place].append((time.monotonic(), connection))
