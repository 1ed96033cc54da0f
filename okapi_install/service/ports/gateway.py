"""The Okapi beside this service as a gateway: requests that are handed on to it, and its responses, both streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from okapi_install.domain.errors import OkapiInstallError

Header = tuple[str, str]


class GatewayFailed(OkapiInstallError):
    """There is no complete response. The request may have arrived."""

    code = "okapi_failed"


class GatewayUnavailable(GatewayFailed):
    """No connection: the request has not arrived."""

    code = "okapi_unavailable"


class GatewayTooSlow(GatewayFailed):
    """The gateway was silent for too long."""

    code = "okapi_too_slow"


class ClientGone(OkapiInstallError):
    """The client closed its connection, so the request was ended. Nobody reads this."""

    code = "client_gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayRequest:
    """A request to hand on.

    `target` is the path with the query, as it was sent. `length` is the size of the body in bytes; None if it is
    unknown. Without a body `pieces` is None. `client` is the file descriptor of the client's connection, which is
    watched.
    """

    method: str
    target: str
    headers: Sequence[Header]
    pieces: Iterable[bytes] | None = None
    length: int | None = None
    client: int | None = None


class GatewayResponse(Protocol):
    """A response whose body has not been read."""

    status: int
    reason: str
    headers: Sequence[Header]

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives, not decoded. Raises GatewayFailed if it is cut off, ClientGone."""

    def close(self) -> None:
        """Ends the request. If the body was not read to its end, the connection is closed."""


class Gateway(Protocol):
    """Hands requests on. One for a process; used by many threads."""

    def send(self, request: GatewayRequest) -> GatewayResponse:
        """The response, once its headers have arrived.

        Raises:
            GatewayFailed: there is none; also as GatewayUnavailable and GatewayTooSlow.
            ClientGone: the client closed its connection before.
        """
