"""HTTP calls of modules, made with urllib3. Only here are urllib3's errors turned into ours.

It does not know what is called and why. The messages of its errors are those that follow "failed with" in Okapi's
message 11101.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

import gevent
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationValueError, NewConnectionError, ReadTimeoutError
from urllib3.util import Url, parse_url

from okapi_install.adapters.bounded_http import (
    MOST_BODY,
    RESPONSE_SECONDS,
    BoundedPoolManager,
    ResponseTooSlow,
    decoded,
)
from okapi_install.adapters.bounded_reading import ResponseTooLarge
from okapi_install.service.ports import Answer, ConnectionRefused, ModuleUnreachable, NoAnswerInTime

_POOLS = 256
_IDENTITY = {"Accept-Encoding": "identity"}
_BROKEN_OFF = (http.client.RemoteDisconnected, http.client.IncompleteRead)
"""What http.client and urllib3 raise when a connection ends in good order before its response has."""


class HttpTenantApi:
    """Calls modules through a pool of connections.

    It does not retry or follow redirects. Proxies, cookies and netrc do not apply between a gateway and its modules.
    """

    def __init__(self, *, connect_timeout: float, connections: int) -> None:
        self._connect_timeout = connect_timeout
        self._pools = BoundedPoolManager(pools=_POOLS, connections=connections)

    def call(self, method: str, url: str, headers: Mapping[str, str], body: str, timeout: float | None) -> Answer:
        """The response to a call. `timeout` is for the whole call. Raises ModuleUnreachable."""
        limit = gevent.Timeout(timeout)
        try:
            with limit:
                return self._answer(method, _parsed(url), headers, body.encode(), timeout)
        except gevent.Timeout as fired:
            if fired is not limit:
                raise
            raise _too_late(url, timeout) from None
        except (HTTPError, OSError, ValueError) as problem:
            raise _translated(problem, url, timeout) from problem

    def _answer(self, method: str, url: Url, headers: Mapping[str, str], body: bytes, timeout: float | None) -> Answer:
        pool = self._pools.connection_from_host(url.host, url.port, url.scheme)
        response = pool.urlopen(
            method,
            url.request_uri,
            body or None,
            {**headers, **_IDENTITY, "Content-Length": str(len(body))},
            retries=False,
            timeout=Timeout(connect=self._connect_timeout, total=timeout),
            preload_content=False,
            decode_content=False,
        )
        return _read(response)


def _read(response: BaseHTTPResponse) -> Answer:
    sent = b""
    try:
        while len(sent) < MOST_BODY and (more := response.read(MOST_BODY - len(sent))):
            sent += more
    finally:
        response.close()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status, headers=headers, body=decoded(sent, headers))


@lru_cache(maxsize=4096)
def _parsed(url: str) -> Url:
    """The URL, quoted where necessary. Raises ValueError if it is not usable."""
    parsed = parse_url(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(url)
    return parsed


def _too_late(url: str, timeout: float | None) -> NoAnswerInTime:
    where = urlsplit(url).netloc
    return NoAnswerInTime(f"no response within {timeout:g} s: {where}" if timeout else f"timed out: {where}")


def _translated(problem: Exception, url: str, timeout: float | None) -> ModuleUnreachable:
    *outer, cause = _causes(problem)
    if isinstance(problem, LocationValueError) or (isinstance(problem, ValueError) and not outer):
        return ModuleUnreachable(f"not a usable address: {url}", retry=False)
    where = urlsplit(url).netloc
    if any(isinstance(one, ResponseTooSlow) for one in (*outer, cause)):
        seconds = min(RESPONSE_SECONDS, timeout or RESPONSE_SECONDS)
        return ModuleUnreachable(f"a response that did not end within {seconds:g} s: {where}", retry=False)
    if isinstance(cause, ResponseTooLarge):
        return ModuleUnreachable(f"a response without end: {where}", retry=False)
    if isinstance(problem, NewConnectionError):
        return _not_connected(cause, where)
    if isinstance(problem, ConnectTimeoutError):
        return ConnectionRefused(f"connection timed out: {where}")
    if isinstance(problem, ReadTimeoutError) or isinstance(cause, TimeoutError):
        return _too_late(url, timeout)
    if any(isinstance(one, _BROKEN_OFF) for one in (*outer, cause)):
        return ModuleUnreachable("Connection was closed")
    if isinstance(cause, ConnectionResetError):
        return ModuleUnreachable("Connection reset by peer")
    return ModuleUnreachable(f"{type(cause).__name__}: {cause}")


def _not_connected(cause: BaseException, where: str) -> ConnectionRefused:
    if isinstance(cause, ConnectionRefusedError):
        return ConnectionRefused(f"Connection refused: {where}")
    return ConnectionRefused(f"cannot connect to {where}: {cause}")


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """The error and its causes, the innermost last. urllib3 wraps the socket's error several times."""
    seen: set[int] = set()
    inner: BaseException | None = problem
    while inner is not None and id(inner) not in seen:
        yield inner
        seen.add(id(inner))
        wrapped = next((arg for arg in inner.args if isinstance(arg, BaseException)), None)
        inner = inner.__cause__ or wrapped or inner.__context__
