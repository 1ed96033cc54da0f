"""Who may use this service beside an Okapi: its auth filter decides, as it does for requests to that Okapi."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class PermissionRequest:
    """A request to this service as an auth filter gets it. The permission is one of Okapi's."""

    method: str
    path: str
    permission: str
    tenant: str
    token: str | None = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class PermissionRefusal:
    """The response of an auth filter that refuses a request; Okapi's clients get it as it is."""

    status: int
    content_type: str
    body: bytes


class Permissions(Protocol):
    """The auth filter of the supertenant. One for a process; used by many threads."""

    def decides(self) -> bool:
        """Whether there is an auth filter. Without one the API key's rules hold.

        Raises:
            PlatformUnavailable: that cannot be found out, and never was.
        """

    def refusal(self, request: PermissionRequest) -> PermissionRefusal | None:
        """The refusal of a request; None if it is permitted, or there is no auth filter. Never remembered.

        Raises:
            PlatformUnavailable: the auth filter does not respond, or is not known.
        """
