"""One HTTP call, made with requests. Only here are the errors of requests turned into the client's.

A transport is a function from Ask to Reply, and so is its fake in tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from okapi_install.client.errors import BadAnswer, ClientError, NotAllowed, NotFound, Refused, Unavailable, Unreachable

CONNECT_TIMEOUT = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One request. `timeout` is in seconds, None for as long as it takes; `body` is sent as JSON unless None."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A successful response. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def document(self) -> Any:
        """The body, parsed as JSON.

        Raises:
            BadAnswer: the body is not JSON.
        """
        try:
            return json.loads(self.text)
        except ValueError as problem:
            raise BadAnswer(f"the server's response is not JSON: {self.text[:200]!r}") from problem


Transport = Callable[[Ask], Reply]


class HttpTransport:
    """Sends requests to one server, with one token. Raises only ClientError and its subclasses."""

    def __init__(self, url: str, *, token: str | None = None, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self.url = url.rstrip("/")
        self._connect_timeout = connect_timeout
        self._session = requests.Session()
        # Passwords from a .netrc must not reach a FOLIO system. Proxies of the environment are the operator's choice.
        self._session.auth = _no_auth
        self._headers = {"Accept": "*/*", "User-Agent": "okapi-install"}
        if token:
            self._headers["X-Okapi-Token"] = token

    def __call__(self, ask: Ask) -> Reply:
        """The reply to a request. Raises ClientError."""
        headers = self._headers | dict(ask.headers)
        data = None
        if ask.body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(ask.body).encode()
        try:
            response = self._session.request(
                ask.method,
                self.url + ask.path,
                params=ask.query,
                data=data,
                headers=headers,
                timeout=(self._connect_timeout, ask.timeout),
                allow_redirects=False,
            )
        except (requests.RequestException, HTTPError, OSError) as problem:
            raise _translated(problem, self.url) from problem
        if response.status_code >= 300:
            raise _refusal(response.status_code, response.text)
        lower = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status_code, headers=lower, text=response.text)

    def close(self) -> None:
        """Closes its connections."""
        self._session.close()


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


_BAD_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


def _translated(problem: Exception, url: str) -> ClientError:
    where = urlsplit(url).netloc or url
    if isinstance(problem, _BAD_ADDRESS):
        return BadAnswer(f"{url} is not a server address; begin with http:// or https://")
    if isinstance(problem, requests.exceptions.InvalidHeader):
        return BadAnswer("the token cannot be sent: it contains a line break or starts with a space")
    if isinstance(problem, requests.exceptions.SSLError):
        return Unreachable(f"no secure connection to {where}: {_root(problem)}")
    if isinstance(problem, requests.exceptions.ConnectTimeout):
        return Unavailable(f"{where} does not accept connections: timed out")
    if isinstance(problem, requests.Timeout):
        return Unreachable(f"{where} did not respond in time")
    cause = _root(problem)
    if isinstance(cause, ConnectionRefusedError):
        return Unavailable(f"{where} refuses connections: is the server running?")
    return Unreachable(f"{where} did not respond: {cause}")


def _root(problem: BaseException) -> BaseException:
    """The innermost cause: requests and urllib3 wrap the socket's error several times."""
    while (inner := problem.__cause__ or problem.__context__) is not None:
        problem = inner
    return problem


def _refusal(status: int, text: str) -> ClientError:
    words = text.strip() or f"the server responded with {status} and no text"
    if status == 503:
        return Unavailable(f"the server is not ready (503): {words[:500]}")
    if status in (502, 504):
        return Unreachable(f"a gateway gets no response from the server ({status}): {words[:500]}")
    if status == 404:
        return NotFound(words, status)
    if status in (401, 403):
        return NotAllowed(words, status)
    if status < 400:
        return BadAnswer(f"the server redirects ({status}), which Okapi never does; is the address right?")
    return Refused(words, status)
