"""One HTTP call of a module, over requests; the one place where requests' errors become ours.

It knows nothing of what is called and why. The words of what it raises are those that follow "failed with"
in Okapi's message 11101.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError
from urllib3.util import Retry

from okapi_install.service.ports import Answer, ConnectionRefused, ModuleUnreachable

MOST_BODY = 4 * 1024 * 1024


class RequestsTenantApi:
    """A pool of connections to all modules.

    Nothing is retried here: urllib3 would repeat a POST after a failed connect whatever `allowed_methods`
    says. Proxies, cookies, redirects and netrc do not apply between a gateway and its modules, so the
    adapter is driven without a Session, which halves the cost of a call.
    """

    def __init__(self, *, connect_timeout: float, connections: int) -> None:
        self._connect_timeout = connect_timeout
        self._adapter = HTTPAdapter(
            pool_connections=256, pool_maxsize=connections, max_retries=Retry(total=0, connect=0, read=False)
        )

    def call(self, method: str, url: str, headers: Mapping[str, str], body: str, timeout: float | None) -> Answer:
        """See ports.TenantApi."""
        try:
            prepared = _prepared(method, url, headers, body.encode())
            patience = (self._connect_timeout, None) if timeout is None else (self._connect_timeout, timeout)
            response = self._adapter.send(prepared, stream=True, timeout=patience)
            with contextlib.closing(response):
                text = response.raw.read(MOST_BODY, decode_content=True).decode("utf-8", "replace")
        except (requests.RequestException, HTTPError, OSError, ValueError) as problem:
            raise _translated(problem, url, timeout) from problem
        lower = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=lower, body=text)


def _prepared(method: str, url: str, headers: Mapping[str, str], body: bytes) -> requests.PreparedRequest:
    """What `Request.prepare` makes, without its parts that a call of a module has not: a third of a call's cost."""
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url = method, _checked_url(url)
    prepared.headers = CaseInsensitiveDict({**headers, "Content-Length": str(len(body))})
    prepared.body = body or None
    return prepared


@lru_cache(maxsize=4096)
def _checked_url(url: str) -> str:
    """The URL, quoted where it must be. Raises what requests raises for one that cannot be used."""
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    return prepared.url or url


def _translated(problem: Exception, url: str, timeout: float | None) -> ModuleUnreachable:
    cause = _root(problem)
    where = urlsplit(url).netloc
    if isinstance(problem, requests.exceptions.ConnectTimeout):
        return ConnectionRefused(f"connection timed out: {where}")
    if isinstance(problem, requests.exceptions.ReadTimeout) or isinstance(cause, (ReadTimeoutError, TimeoutError)):
        return ModuleUnreachable(f"no answer within {timeout:g} s: {where}" if timeout else f"timed out: {where}")
    if isinstance(cause, ConnectionRefusedError):
        return ConnectionRefused(f"Connection refused: {where}")
    if isinstance(cause, NewConnectionError) or "getaddrinfo" in repr(cause) or "resolve" in str(cause).lower():
        return ConnectionRefused(f"cannot connect to {where}: {cause}")
    if isinstance(problem, ValueError) and not isinstance(problem, requests.exceptions.ConnectionError):
        return ModuleUnreachable(f"not a usable address: {url}", retry=False)
    if isinstance(cause, ConnectionResetError):
        return ModuleUnreachable("Connection reset by peer")
    if "RemoteDisconnected" in repr(cause) or "IncompleteRead" in repr(cause):
        return ModuleUnreachable("Connection was closed")
    return ModuleUnreachable(f"{type(cause).__name__}: {cause}")


def _root(problem: BaseException) -> BaseException:
    """The innermost cause: requests and urllib3 wrap the socket's error several times."""
    seen = {id(problem)}
    while True:
        inner = getattr(problem, "reason", None) or problem.__cause__ or problem.__context__
        inner = (
            inner
            if isinstance(inner, BaseException)
            else next((a for a in problem.args if isinstance(a, BaseException)), None)
        )
        if inner is None or id(inner) in seen:
            return problem
        seen.add(id(inner))
        problem = inner
