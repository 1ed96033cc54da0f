"""An Okapi beside the service, and its auth filter, that keep what they were sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.ports import GatewayRequest, Header, PermissionRefusal, PermissionRequest


@dataclass
class FakeResponse:
    """A response; `broken` is raised after its pieces."""

    status: int = 200
    reason: str = "OK"
    headers: Sequence[Header] = ()
    body: Sequence[bytes] = (b"from okapi",)
    broken: OkapiInstallError | None = None
    closed: bool = False

    def pieces(self) -> Iterator[bytes]:
        yield from self.body
        if self.broken is not None:
            raise self.broken

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeGateway:
    """It gives each request the same response, or raises the same error."""

    response: FakeResponse = field(default_factory=FakeResponse)
    problem: OkapiInstallError | None = None
    requests: list[GatewayRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def send(self, request: GatewayRequest) -> FakeResponse:
        self.requests.append(request)
        self.bodies.append(b"".join(request.pieces or ()))
        if self.problem is not None:
            raise self.problem
        return self.response

    @property
    def targets(self) -> list[str]:
        """Method and target of all requests."""
        return [f"{request.method} {request.target}" for request in self.requests]

    def headers(self) -> dict[str, str]:
        """The headers of the only request."""
        (request,) = self.requests
        assert len({name for name, _ in request.headers}) == len(request.headers)
        return dict(request.headers)


@dataclass
class FakePermissions:
    """An auth filter, if `secured`, that lets tokens do what they have permissions for."""

    secured: bool = False
    tokens: dict[str, set[str]] = field(default_factory=dict)
    requests: list[PermissionRequest] = field(default_factory=list)
    problem: OkapiInstallError | None = None

    def decides(self) -> bool:
        if self.problem is not None:
            raise self.problem
        return self.secured

    def refusal(self, request: PermissionRequest) -> PermissionRefusal | None:
        self.requests.append(request)
        if request.token is None:
            return PermissionRefusal(status=400, content_type="text/plain", body=b"Token missing")
        if request.token not in self.tokens:
            return PermissionRefusal(status=401, content_type="text/plain", body=b"Invalid token")
        if request.permission not in self.tokens[request.token]:
            text = f"Access requires permission: {request.permission}"
            return PermissionRefusal(status=403, content_type="text/plain", body=text.encode())
        return None
