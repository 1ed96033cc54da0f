"""The front of a service beside an Okapi: what is handed on to that Okapi, and who may use what is not."""

from __future__ import annotations

from dataclasses import dataclass

from okapi_install.web.front.forwarding import Forwarding
from okapi_install.web.front.permissions import PermissionCheck


@dataclass(frozen=True, kw_only=True, slots=True)
class Front:
    """The two parts that an app has beside an Okapi."""

    forwarding: Forwarding
    check: PermissionCheck
